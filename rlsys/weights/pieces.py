"""Large tensors in pieces, for transports whose chunks hold whole tensors.

vLLM's engines grow a chunk until a tensor is in it, so an embedding of a gigabyte makes chunks of
one or two, on each engine, beside a full key-value cache. In pieces of rows it does not; the
receiver lays them together again.

    model.embed_tokens.weight|0|151936, model.embed_tokens.weight|74898|151936, ...
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from rlsys.weights.bundle import Named

_MARK = "|"
"""No parameter has it in its name."""


@dataclass(frozen=True)
class Piece:
    """Rows [start, stop) of a tensor, or all of it."""

    name: str
    """On the wire."""
    start: int
    stop: int
    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        """Numbers in it."""
        return math.prod(self.shape)


def pieces(name: str, shape: tuple[int, ...], most: int) -> list[Piece]:
    """A tensor in pieces of at most `most` numbers, or of a row where one has more."""
    if math.prod(shape) <= most:
        return [Piece(name, 0, shape[0] if shape else 1, shape)]
    rows = shape[0]
    at_once = max(1, most // math.prod(shape[1:]))
    starts = range(0, rows, at_once)
    stops = [min(start + at_once, rows) for start in starts]
    return [
        Piece(_MARK.join((name, str(start), str(rows))), start, stop, (stop - start, *shape[1:]))
        for start, stop in zip(starts, stops, strict=True)
    ]


class Joiner:
    """Gives `load` whole tensors, of what arrives in pieces, over as many calls as it takes."""

    def __init__(self, load: Callable[[Iterable[Named]], None]) -> None:
        self._load = load
        self._whole: torch.Tensor | None = None

    def load(self, arrived: Iterable[Named]) -> None:
        """What one chunk held, in the order of the wire."""
        whole: list[Named] = []
        for wire_name, tensor in arrived:
            name, mark, place = wire_name.partition(_MARK)
            if not mark:
                whole.append((name, tensor))
                continue
            start, rows = map(int, place.split(_MARK))
            if start == 0:
                self._whole = tensor.new_empty((rows, *tensor.shape[1:]))
            assert self._whole is not None
            stop = start + len(tensor)
            self._whole[start:stop] = tensor
            if tensor.is_cuda:
                # The next piece may come on another stream, and its sender write over this one.
                torch.cuda.current_stream().synchronize()
            if stop == rows:
                whole.append((name, self._whole))
                self._whole = None
        if whole:
            self._load(whole)
