"""Shared memory by its place: how another process of this node maps an array without a copy.

An array that Ray's store (or a memory-mapped file) backs lies in a file that is mapped here. Its
file is often deleted by name already; but whoever made it, this process or its parent (Ray's node
agent holds the store and starts the workers), still holds it open, and /proc lets processes of
the same user open it again. See proc(5), /proc/pid/maps and /proc/pid/fd.
"""

import mmap
import os
from pathlib import Path

import numpy as np

from rlsys.errors import WeightSyncError


def locate(array: np.ndarray) -> tuple[str, int]:
    """Path and offset at which this node's processes can map a contiguous array's bytes.

    Valid while the array lives.

    Raises:
        WeightSyncError: the array is not in memory that can be shared.
    """
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, inode, *name = line.split(maxsplit=5)
        low, high = (int(part, 16) for part in span.split("-"))
        if low <= address and address + array.nbytes <= high and int(inode):
            path = _open_path(name[0], int(inode))
            return path, int(offset, 16) + address - low
    raise WeightSyncError(f"{array.nbytes} bytes at {address:#x} are not in shared memory")


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
