"""Weights that leave while the learner goes on: copied first, where they are, and sent from there.

learner's thread    step v, copy v | step v + 1       | copy v + 1 ...
another thread                     | proofs, ring: v  |
"""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TypeVar

import numpy as np
import torch

from rlsys.errors import WeightSyncError
from rlsys.weights.bundle import Manifest, Named, pack
from rlsys.weights.staging import Ring, room_for

T = TypeVar("T")


class CopiedWeights:
    """One version of the weights, in memory of its own on their device, which is kept for the next
    version: the learner waits for a copy, and for no allocation."""

    def __init__(self) -> None:
        self._copies: dict[str, torch.Tensor] = {}
        self._buckets: list[list[Named]] = []
        self._version: int | None = None
        self._in_use = Lock()
        self._ring: Ring | None = None
        self._copied: torch.cuda.Event | None = None
        """On a GPU, which may still be at work on the copies."""

    def copy(self, version: int, buckets: Iterable[list[Named]]) -> None:
        """Take over a version. Waits while the one before is being sent."""
        with self._in_use:
            self._version = None
            self._buckets = [
                [(name, self._copy(name, tensor)) for name, tensor in bucket] for bucket in buckets
            ]
            if not all(tensor.is_cpu for tensor in self._copies.values()):
                self._copied = torch.cuda.Event()
                self._copied.record(torch.cuda.current_stream())
            self._version = version

    def send(self, version: int, send: Callable[[list[np.ndarray]], T]) -> tuple[Manifest, list[T]]:
        """The version that was copied last, bucket by bucket; see bundle.pack. For another thread
        than the learner's.

        Raises:
            WeightSyncError: another version was copied last, or none as a whole.
        """
        with self._in_use:
            if version != self._version:
                raise WeightSyncError(
                    f"version {version} is to be sent from its copy, which is of {self._version}"
                )
            if self._copied is None:
                return pack(version, self._buckets, send)
            if self._ring is None:
                self._ring = Ring(max(room_for([t for _, t in b]) for b in self._buckets))
            # On the stream of the ring: the usual one has the next step on it by now.
            with torch.cuda.stream(self._ring.stream):
                self._ring.stream.wait_event(self._copied)
                return pack(version, self._buckets, send, self._ring)

    def _copy(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        if name not in self._copies:
            self._copies[name] = torch.empty_like(tensor, memory_format=torch.contiguous_format)
        return self._copies[name].copy_(tensor)
