"""What a model's weight files hold, by the head of each alone: no weight is read.

A safetensors file begins with the length of its head (8 bytes, little-endian) and the head, a JSON
object: {"model.norm.weight": {"dtype": "BF16", "shape": [896], "data_offsets": [0, 1792]}, ...}.
Offsets count from the end of the head.
"""

import json
from pathlib import Path
from typing import Any

from rlsys.errors import ConfigError

_KINDS = ("*.safetensors", "*.bin")
_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_POINTER = b"version https://git-lfs"
"""How a file begins that `git clone` left in place of a large one."""
_LENGTH_BYTES = 8
_AGAIN = "copy or download it again"

Shape = tuple[int, ...]


def require_weights(path: str, named: str) -> None:
    """Raise ConfigError when a model's directory has no weights, or less than all of them. Nothing
    is said of a hub id.

    Args:
        named: how the user named the model, for the error.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return
    files = sorted(file for kind in _KINDS for file in folder.glob(kind))
    if not files:
        raise ConfigError(
            f"{named}: the directory has a config.json and no weights ({' or '.join(_KINDS)})"
        )
    for file in files:
        with file.open("rb") as opened:
            if opened.read(len(_POINTER)) == _POINTER:
                raise ConfigError(
                    f"{named}: {file.name} is a pointer of Git LFS, not the weights: "
                    "`git lfs pull` there"
                )
    shapes_of(path, named)


def shapes_of(path: str, named: str) -> dict[str, Shape]:
    """The shape of every tensor in the safetensors files of a model's directory, by its name; empty
    for a hub id, and for weights that are saved otherwise.

    Raises:
        ConfigError: a file that the index names is not there, or one ends before its last tensor.
    """
    return {
        name: tuple(entry["shape"])
        for file in weight_files(path, named)
        for name, entry in head_of(file, named).items()
    }


def weight_files(path: str, named: str) -> list[Path]:
    """The safetensors files that transformers loads: the whole one, or else those of the index;
    none for a hub id, and for weights that are saved otherwise.

    Raises:
        ConfigError: a file that the index names is not there.
    """
    folder = Path(path).expanduser()
    whole, index = folder / _WHOLE, folder / _INDEX
    if whole.is_file():
        return [whole]
    if not index.is_file():
        return []
    try:
        files = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{named}: {_INDEX} is no index of weights; {_AGAIN}") from error
    absent = [file for file in files if not (folder / file).is_file()]
    if absent:
        raise ConfigError(
            f"{named}: {absent[0]} is not there, though {_INDEX} names it ({len(absent)} of "
            f"{len(files)} files of weights are missing); {_AGAIN}"
        )
    return [folder / file for file in files]


def head_of(file: Path, named: str) -> dict[str, Any]:
    """The entry of each of a file's tensors, by its name.

    Raises:
        ConfigError: the file ends before its last tensor.
    """
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
        text = opened.read(min(length, size))
    cut_off = (
        f"{named}: {file.name} is cut off: its {size:,} bytes end before its last tensor; {_AGAIN}"
    )
    if len(text) < length or not length:
        raise ConfigError(cut_off)
    try:
        head = json.loads(text)
        head.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in head.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(f"{named}: {file.name} is no safetensors file; {_AGAIN}") from error
    if _LENGTH_BYTES + length + end > size:
        raise ConfigError(cut_off)
    return head
