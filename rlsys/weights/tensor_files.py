"""A model's weight files tensor by tensor: no more than one of each model is in memory.

What is written has the form of files that are there: their names, and the head of each, byte for
byte, so that an index of several files stays true. rlsys/config/weight_files.py has the layout.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from rlsys.config.weight_files import Shape, head_of, weight_files
from rlsys.disk import disk_errors, sync

_LENGTH_BYTES = 8


class TensorFiles:
    """The tensors in the safetensors files of a model's folder."""

    def __init__(self, folder: str | Path, named: str) -> None:
        """named: how the user named the model, for errors.

        Raises:
            ConfigError: a file is missing, or ends before its last tensor.
        """
        self.files = weight_files(str(folder), named)
        self._heads = {file: head_of(file, named) for file in self.files}
        self._file_of = {name: file for file, head in self._heads.items() for name in head}

    @property
    def shapes(self) -> dict[str, Shape]:
        """Of every tensor, by name."""
        heads: list[Mapping[str, Any]] = list(self._heads.values())
        return {name: tuple(one["shape"]) for head in heads for name, one in head.items()}

    def read(self, name: str) -> torch.Tensor:
        """One tensor, as it was saved."""
        # Opened anew each time: a mapped file's pages stay with the process until it is closed.
        with safe_open(self._file_of[name], framework="pt") as opened:
            tensor: torch.Tensor = opened.get_tensor(name)
            return tensor

    def write_like(self, folder: Path, tensor_of: Callable[[str], torch.Tensor]) -> None:
        """Files of the same names and heads in another folder, on the disk when this returns.

        Args:
            tensor_of: a tensor of the shape and number format that the one of that name has here;
                asked for one after the other, as they lie in the files.
        Raises:
            DiskError: the disk is full or fails.
        """
        for source, head in self._heads.items():
            in_order = sorted(head, key=lambda name: head[name]["data_offsets"])
            target = folder / source.name
            with disk_errors(target), target.open("wb") as opened:
                opened.write(_head_bytes(source))
                for name in in_order:
                    flat = tensor_of(name).contiguous().reshape(-1)
                    opened.write(flat.view(torch.uint8).numpy().data)
            sync(target)


def _head_bytes(file: Path) -> bytes:
    """A file's beginning, up to its first tensor."""
    with file.open("rb") as opened:
        length = opened.read(_LENGTH_BYTES)
        return length + opened.read(int.from_bytes(length, "little"))
