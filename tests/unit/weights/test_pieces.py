"""Large tensors in pieces of rows, and laid together again."""

from collections.abc import Iterable
from math import prod

import pytest
import torch

from rlsys.weights.bundle import Named
from rlsys.weights.pieces import Joiner, pieces


def joined(chunks: list[list[Named]]) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = {}

    def load(tensors: Iterable[Named]) -> None:
        loaded.update(tensors)

    joiner = Joiner(load)
    for chunk in chunks:
        joiner.load(chunk)
    return loaded


def test_a_tensor_that_fits_is_one_piece_under_its_own_name() -> None:
    (piece,) = pieces("norm", (6,), 6)
    assert (piece.name, piece.start, piece.stop, piece.shape) == ("norm", 0, 6, (6,))
    (scalar,) = pieces("scale", (), 1)
    assert (scalar.name, scalar.shape) == ("scale", ())


def test_a_larger_one_is_cut_between_rows_and_a_row_is_never_cut() -> None:
    assert [piece.shape for piece in pieces("w", (5, 3), 7)] == [(2, 3), (2, 3), (1, 3)]
    assert [piece.shape for piece in pieces("w", (2, 9), 7)] == [(1, 9), (1, 9)]
    assert [piece.shape for piece in pieces("experts", (4, 2, 3), 12)] == [(2, 2, 3), (2, 2, 3)]


@pytest.mark.parametrize("most", [1, 4, 7, 30, 1000])
def test_pieces_laid_together_are_the_tensor(most: int) -> None:
    whole = torch.arange(60.0).reshape(5, 4, 3)
    cut = pieces("w", (5, 4, 3), most)
    assert sum(prod(piece.shape) for piece in cut) == 60
    # Each in a chunk of its own, in memory that is written over afterwards, as on the wire.
    memory = torch.empty(60)
    loaded: dict[str, torch.Tensor] = {}
    joiner = Joiner(lambda tensors: loaded.update(dict(tensors)))
    for piece in cut:
        arrived = memory[: piece.numel].view(piece.shape)
        arrived.copy_(whole[piece.start : piece.stop])
        assert not loaded
        joiner.load([(piece.name, arrived)])
        if len(cut) > 1:
            memory.fill_(-1.0)
    assert torch.equal(loaded["w"], whole)


def test_whole_tensors_around_a_cut_one_are_loaded_as_they_come() -> None:
    first, last = pieces("b", (2, 2), 2)
    b = torch.arange(4.0).reshape(2, 2)
    chunks = [
        [("a", torch.ones(1)), (first.name, b[:1])],
        [(last.name, b[1:]), ("c", torch.zeros(1))],
    ]
    assert list(joined(chunks)) == ["a", "b", "c"]
    assert torch.equal(joined(chunks)["b"], b)
