"""The ring of pinned buffers, with a stand-in for a GPU's stream: it copies when waited for."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from rlsys.weights import staging
from rlsys.weights.bundle import pack
from rlsys.weights.fingerprint import fingerprint
from rlsys.weights.staging import Copier, Ring, room_for
from tests.helpers.gpu_streams import OnGpu, on_gpu, stand_in


@pytest.fixture(autouse=True)
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)


def test_a_buffer_is_filled_beside_the_reading_of_the_other() -> None:
    a, b = on_gpu(1, 2, 3), on_gpu(4, 5)
    ring = Ring(room_for([a, b]))
    first = ring.fill([a, b])
    second = ring.fill([on_gpu(6)])
    # Nothing has been copied until somebody waits, and both wait for the step before them.
    assert first.tensors[0].tolist() == [0, 0, 0]
    assert ring.stream.waited_for == ["the step", "the step"]  # type: ignore[attr-defined]
    assert [tensor.tolist() for tensor in first.wait()] == [[1, 2, 3], [4, 5]]
    assert second.wait()[0].tolist() == [6]
    # The buffers are two: the third filling takes the first one's.
    third = ring.fill([on_gpu(7, 8, 9)])
    third.wait()
    assert first.tensors[0].tolist() == [7, 8, 9]
    assert second.tensors[0].tolist() == [6]


def test_memory_that_is_let_go_stays_until_it_is_copied() -> None:
    ring = Ring(1024)
    ring.fill([on_gpu(1), on_gpu(2)])
    assert OnGpu.kept_for == [ring.stream, ring.stream]


def test_tensors_of_any_type_lie_aligned_in_a_buffer() -> None:
    tensors = [
        on_gpu(1, dtype=torch.bfloat16),
        on_gpu(2, 3, dtype=torch.float64),
        on_gpu(4, dtype=torch.int64).reshape(()),
    ]
    copies = Ring(room_for(tensors)).fill(tensors).wait()
    assert [copy.tolist() for copy in copies] == [[1], [2, 3], 4]
    assert [copy.dtype for copy in copies] == [torch.bfloat16, torch.float64, torch.int64]


@pytest.mark.parametrize("numbers", [0, 1, 4, 5, 33])
def test_a_state_larger_than_the_buffers_is_copied_piece_by_piece(
    numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_STATE_BYTES", 16)
    found = Copier().copy(on_gpu(*map(float, range(numbers))))
    assert type(found) is torch.Tensor
    assert found.tolist() == list(range(numbers))


def test_a_copy_of_what_is_on_the_cpu_is_its_own() -> None:
    source = torch.arange(6.0).reshape(2, 3).T
    found = Copier().copy(source)
    source.zero_()
    assert found.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found.is_contiguous()


def test_a_gpus_bucket_is_copied_while_the_one_before_is_sent() -> None:
    """And asked for only then: what it lies in may be gathered in the memory of the one before."""
    ring, log = Ring(64), []

    def gathered() -> Iterator[list[tuple[str, torch.Tensor]]]:
        for number in range(3):
            log.append(f"gather {number}")
            yield [(f"w{number}", on_gpu(number, 10))]

    def send(pieces: list[Any]) -> list[float]:
        (values,) = (piece.view("float32").tolist() for piece in pieces)
        log.append(f"send {values[0]:g}")
        return values

    manifest, sent = pack(3, gathered(), send, ring)
    assert sent == [[0, 10], [1, 10], [2, 10]]
    assert log == ["gather 0", "gather 1", "send 0", "gather 2", "send 1", "send 2"]
    assert [(record.name, record.num_bytes) for record in manifest.tensors] == [
        (f"w{number}", 8) for number in range(3)
    ]
    expected = [fingerprint(torch.tensor([number, 10.0])) for number in range(3)]
    assert [record.fingerprint for record in manifest.tensors] == expected
