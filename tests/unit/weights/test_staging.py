"""The ring of pinned buffers, with a stand-in for a GPU's stream: it copies when waited for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
import torch

from rlsys.weights import staging
from rlsys.weights.bundle import pack
from rlsys.weights.fingerprint import fingerprint
from rlsys.weights.staging import Copier, Ring, room_for


class Stream:
    """What is asked of it is done when somebody waits for it, in order."""

    def __init__(self) -> None:
        self.queue: list[Callable[[], None]] = []
        self.waited_for: list[Any] = []

    def wait_stream(self, other: Any) -> None:
        self.waited_for.append(other)

    def run(self) -> None:
        while self.queue:
            self.queue.pop(0)()


class Event:
    def record(self, stream: Stream) -> None:
        self.stream = stream

    def synchronize(self) -> None:
        self.stream.run()


class OnGpu(torch.Tensor):
    """A tensor that says it is on a GPU: copies from it are done later, by the stream."""

    kept_for: ClassVar[list[Stream]] = []

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]
        return False

    def record_stream(self, stream: Any) -> None:
        OnGpu.kept_for.append(stream)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.copy_ and _current is not None:
            target, source = args[0], args[1]
            plain = source.as_subclass(torch.Tensor)
            with torch._C.DisableTorchFunctionSubclass():
                _current.queue.append(lambda: target.copy_(plain))
            return target
        return super().__torch_function__(func, types, args, kwargs or {})


_current: Stream | None = None


@pytest.fixture(autouse=True)
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def on(stream: Stream) -> Iterator[None]:
        global _current
        _current = stream
        yield
        _current = None

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: "the step")
    monkeypatch.setattr(staging, "_pinned", lambda n: torch.zeros(n, dtype=torch.uint8))
    OnGpu.kept_for = []


def on_gpu(*values: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype).as_subclass(OnGpu)


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
