"""Stand-ins for a GPU's memory and its streams, which copy when somebody waits for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
import torch

from rlsys.weights import staging


class Stream:
    """What is asked of it is done when somebody waits for it, in order."""

    def __init__(self) -> None:
        self.queue: list[Callable[[], None]] = []
        self.waited_for: list[Any] = []

    def wait_stream(self, other: Any) -> None:
        self.waited_for.append(other)

    def wait_event(self, event: "Event") -> None:
        self.waited_for.append(event)

    def run(self) -> None:
        while self.queue:
            self.queue.pop(0)()


class Event:
    """Once somebody waits for it, all that was asked of its stream before is done."""

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


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of CUDA's; the usual stream, on which steps are, is called `the step`."""

    @contextmanager
    def on(stream: Stream) -> Iterator[None]:
        global _current
        before, _current = _current, stream
        try:
            yield
        finally:
            _current = before

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: _current or "the step")
    monkeypatch.setattr(staging, "_pinned", lambda n: torch.zeros(n, dtype=torch.uint8))
    OnGpu.kept_for = []


def on_gpu(*values: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype).as_subclass(OnGpu)
