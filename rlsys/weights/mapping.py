"""Shared memory by its place: how another process of this node maps an array without a copy.

An array that Ray's store (or a memory-mapped file) backs lies in a file that is mapped here. Its
file is often deleted by name already; but whoever made it, this process or its parent (Ray's node
agent holds the store and starts the workers), still holds it open, and /proc lets processes of
the same user open it again. See proc(5), /proc/pid/maps and /proc/pid/fd.
"""

import mmap
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rlsys.errors import WeightSyncError


class _Backed(NamedTuple):
    """Addresses of this process that a file backs."""

    low: int
    high: int
    offset: int
    name: str
    inode: int


def locate(arrays: Sequence[np.ndarray]) -> list[tuple[str, int]]:
    """Path and offset of each array, at which this node's processes can map its bytes.

    Valid while the arrays, which must be contiguous, live.

    Raises:
        WeightSyncError: an array is not in memory that can be shared.
    """
    spans = _backed()
    open_path = cache(_open_path)

    def place(array: np.ndarray) -> tuple[str, int]:
        low = address(array)
        for span in spans:
            if span.low <= low and low + array.nbytes <= span.high:
                return open_path(span.name, span.inode), span.offset + low - span.low
        raise WeightSyncError(f"{array.nbytes} bytes at {low:#x} are not in shared memory")

    return [place(array) for array in arrays]


def address(array: np.ndarray) -> int:
    """Of its first byte, in this process."""
    return array.__array_interface__["data"][0]


def _backed() -> list[_Backed]:
    spans = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, inode, *name = line.split(maxsplit=5)
        if int(inode):
            low, high = (int(part, 16) for part in span.split("-"))
            spans.append(_Backed(low, high, int(offset, 16), name[0], int(inode)))
    return spans


def _open_path(name: str, inode: int) -> str:
    for process in (os.getpid(), os.getppid()):
        folder = f"/proc/{process}/fd"
        for number in os.listdir(folder):
            path = f"{folder}/{number}"
            try:
                if os.readlink(path) == name and os.stat(path).st_ino == inode:
                    return path
            except FileNotFoundError:  # closed since it was listed
                continue
    raise WeightSyncError(f"{name}: neither this process nor its parent holds it open")


class Mapper:
    """Located arrays in this process, without a copy.

    The file that was used last stays mapped: the pages of a store are used again and again, and
    faulting them in anew costs more than reading them.
    """

    def __init__(self) -> None:
        self._pages: mmap.mmap | None = None
        self._inode = -1

    def view(self, path: str, offset: int, num_bytes: int) -> np.ndarray:
        """uint8 [num_bytes], read-only."""
        inode = os.stat(path).st_ino
        if self._pages is None or inode != self._inode:
            with open(path, "rb") as file:
                self._pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._inode = inode
        return np.frombuffer(self._pages, dtype=np.uint8, count=num_bytes, offset=offset)
