"""From a GPU's memory into the CPU's, beside everything else: a ring of pinned buffers.

A GPU copies at the speed of its bus, and without being waited for, only into pages that are pinned.
Pinning takes longer than copying, so a few buffers are pinned once and used in turn: while the
content of one is read, the next one is being filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ALIGNED = 64
"""Tensors begin at multiples of so many bytes in a buffer: any type of number can begin there."""
_COUNT = 2
_STATE_BYTES = 256 << 20
"""Of a buffer by which a state goes: large enough for the speed of the bus."""


@dataclass(frozen=True)
class Staged:
    """Tensors that are being copied into a buffer."""

    tensors: list[Tensor]
    """In the buffer, valid after `wait` and until the buffer is taken again."""
    copied: torch.cuda.Event

    def wait(self) -> list[Tensor]:
        """The copies, once they are there."""
        self.copied.synchronize()
        return self.tensors


class Ring:
    """Pinned buffers of num_bytes each.

    Whoever fills one must be done with what was filled _COUNT times before.
    """

    def __init__(self, num_bytes: int) -> None:
        self.num_bytes = num_bytes
        self.stream = torch.cuda.Stream()
        self._buffers = [_pinned(num_bytes) for _ in range(_COUNT)]
        self._filled = 0

    def fill(self, tensors: Sequence[Tensor]) -> Staged:
        """Begin to copy tensors of num_bytes in all, as they are once all that was asked of the
        GPU before is done; their memory may be let go meanwhile."""
        buffer = self._buffers[self._filled % _COUNT]
        self._filled += 1
        self.stream.wait_stream(torch.cuda.current_stream())
        staged, start = [], 0
        with torch.cuda.stream(self.stream):
            for tensor in tensors:
                data = tensor.detach().contiguous()
                end = start + data.nbytes
                view = buffer[start:end].view(data.dtype).view(data.shape)
                view.copy_(data, non_blocking=True)
                # Or the allocator would give it to the next one who asks.
                tensor.record_stream(self.stream)
                staged.append(view)
                start = -(-end // ALIGNED) * ALIGNED
            copied = torch.cuda.Event()
            copied.record(self.stream)
        return Staged(staged, copied)


def room_for(tensors: Sequence[Tensor]) -> int:
    """Bytes of a buffer that takes them all."""
    return sum(-(-tensor.nbytes // ALIGNED) * ALIGNED for tensor in tensors)


class Copier:
    """Copies of tensors in the CPU's memory, which nothing that follows changes. A GPU's go by a
    ring, piece by piece: one is moved to where it stays while the next one arrives."""

    def __init__(self) -> None:
        self._ring: Ring | None = None

    def copy(self, tensor: Tensor) -> Tensor:
        """Of the same shape and type, contiguous."""
        if tensor.is_cpu:
            return tensor.detach().clone(memory_format=torch.contiguous_format)
        if self._ring is None:
            self._ring = Ring(_STATE_BYTES)
        flat = tensor.detach().contiguous().reshape(-1)
        target = torch.empty(flat.shape, dtype=flat.dtype)
        waiting: tuple[Tensor, Staged] | None = None
        size = self._ring.num_bytes // flat.itemsize
        for source, place in zip(flat.split(size), target.split(size), strict=True):
            arriving = self._ring.fill([source])
            _land(waiting)
            waiting = place, arriving
        _land(waiting)
        return target.reshape(tensor.shape)


def _land(waiting: tuple[Tensor, Staged] | None) -> None:
    if waiting is not None:
        place, staged = waiting
        (arrived,) = staged.wait()
        place.copy_(arrived)


def _pinned(num_bytes: int) -> Tensor:
    return torch.empty(num_bytes, dtype=torch.uint8, pin_memory=True)
