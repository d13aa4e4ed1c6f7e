"""Data sets of Hugging Face: as `save_to_disk` left them in a folder, or by their id on the hub.

The package `datasets` is not needed: a saved set is Arrow files, and the hub has its data sets as
Parquet files, too, in a branch of their own.
"""

import json
import re
from functools import cache
from pathlib import Path

from rlsys import hub
from rlsys.errors import DataError

_ID = re.compile(r"([\w.-]+/[\w.-]+)((?::[\w.-]+){0,2})")
_PARQUET_BRANCH = "refs/convert/parquet"


def saved_files(folder: Path) -> list[Path] | None:
    """The Arrow files of a data set that `save_to_disk` wrote; None where the folder is none.

    Raises:
        DataError: it holds several splits, or a file is missing.
    """
    if (folder / "dataset_dict.json").is_file():
        splits = json.loads((folder / "dataset_dict.json").read_text())["splits"]
        if len(splits) != 1:
            places = ", ".join(str(folder / split) for split in splits)
            raise DataError(f"{folder}: a saved data set with the splits {places}; name one")
        folder = folder / splits[0]
    if not (folder / "state.json").is_file() or not (folder / "dataset_info.json").is_file():
        return None
    state = json.loads((folder / "state.json").read_text())
    if state.get("_indices_files"):
        raise DataError(
            f"{folder}: the data set was saved with an index beside its rows; save it again after "
            "flatten_indices()"
        )
    files = [folder / file["filename"] for file in state["_data_files"]]
    missing = next((file for file in files if not file.is_file()), None)
    if missing:
        raise DataError(f"{folder}: its state.json names {missing.name}, which is not there")
    return files


def is_hub_id(path: str) -> bool:
    """Whether a path that is not there may be the id of a data set: ORG/NAME, with CONFIG and
    SPLIT behind colons. A file that is missing from a folder that is there is none."""
    found = _ID.fullmatch(path)
    return found is not None and not Path(path).parent.is_dir() and not path.startswith(".")


@cache
def hub_files(path: str) -> tuple[Path, ...]:
    """Download a split of a data set of the hub, unless it is in the hub's cache.

    Args:
        path: ORG/NAME, ORG/NAME:SPLIT or ORG/NAME:CONFIG:SPLIT; what is left out must be the only
            one.
    Raises:
        DataError: it cannot be had, or has several configs or splits; names them.
    """
    silence = hub.silence()
    import httpx2  # what huggingface_hub asks the hub with
    from huggingface_hub import HfApi, snapshot_download

    found = _ID.fullmatch(path)
    assert found is not None
    name, parts = found[1], [part for part in found[2].split(":") if part]
    try:
        there = HfApi().list_repo_files(name, repo_type="dataset", revision=_PARQUET_BRANCH)
        folder = _split_of(path, name, parts, there)
        local = snapshot_download(
            name,
            repo_type="dataset",
            revision=_PARQUET_BRANCH,
            allow_patterns=[f"{folder}/*.parquet"],
        )
    except (httpx2.HTTPError, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = silence or (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"no file or folder {path}, and no data set of the Hugging Face hub by this id could "
            f"be had: {reason}"
        ) from error
    return tuple(sorted((Path(local) / folder).glob("*.parquet")))


def _split_of(path: str, name: str, parts: list[str], there: list[str]) -> str:
    """CONFIG/SPLIT of the parts that were named."""
    splits = sorted({file.rpartition("/")[0] for file in there if file.endswith(".parquet")})
    config, split = parts if len(parts) == 2 else ("", *parts, "")[:2]
    fitting = [
        one
        for one in splits
        if one.partition("/")[0] == (config or one.partition("/")[0])
        and one.partition("/")[2] == (split or one.partition("/")[2])
    ]
    if len(fitting) == 1:
        return fitting[0]
    choices = ", ".join(f"{name}:{one.replace('/', ':')}" for one in splits)
    raise DataError(f"{path}: name one of its splits: {choices or 'it has none in Parquet'}")
