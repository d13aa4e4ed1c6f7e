"""Weights that are sent from a copy while the learner changes its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import torch

from rlsys.errors import WeightSyncError
from rlsys.weights.bundle import Named, unpack
from rlsys.weights.copied_weights import CopiedWeights
from tests.helpers.gpu_streams import OnGpu, Stream, on_gpu, stand_in

Bucket = list[Named]


class Policy:
    """Two weights, in a bucket each; a step adds 1 to all."""

    def __init__(self, make: Callable[..., torch.Tensor]) -> None:
        self.weights = {"a": make(1.0, 2.0, 3.0), "b": make(4.0)}

    def buckets(self) -> Iterator[Bucket]:
        for one in self.weights.items():
            yield [one]

    def step(self) -> None:
        for weight in self.weights.values():
            weight.add_(1)


def on_cpu(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def joined(pieces: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(pieces)


class Blocked:
    """A store that takes nothing until it is released."""

    def __init__(self) -> None:
        self.is_asked, self.released = Event(), Event()

    def put(self, pieces: list[np.ndarray]) -> np.ndarray:
        self.is_asked.set()
        assert self.released.wait(30)
        return joined(pieces)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def numbers(sent: Future[tuple]) -> dict[str, list[float]]:
    """What was sent, each tensor proved by its fingerprint."""
    return {name: tensor.tolist() for name, tensor in unpack(*sent.result(30))}


@pytest.mark.parametrize("make", [on_cpu, on_gpu])
def test_what_is_sent_is_what_was_copied_though_a_step_follows(
    make: Callable[..., torch.Tensor], thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch)
    policy, copied, store = Policy(make), CopiedWeights(), Blocked()
    copied.copy(7, policy.buckets())
    policy.step()
    sending = thread.submit(copied.send, 7, store.put)
    assert store.is_asked.wait(30)
    policy.step()
    store.released.set()
    assert numbers(sending) == {"a": [1, 2, 3], "b": [4]}
    assert sending.result()[0].version == 7
    copied.copy(9, policy.buckets())
    assert numbers(thread.submit(copied.send, 9, joined)) == {"a": [3, 4, 5], "b": [6]}


def test_the_next_version_waits_until_the_one_before_has_been_sent(
    thread: ThreadPoolExecutor,
) -> None:
    policy, copied, store = Policy(on_cpu), CopiedWeights(), Blocked()
    copied.copy(1, policy.buckets())
    sending = thread.submit(copied.send, 1, store.put)
    assert store.is_asked.wait(30)
    policy.step()
    with ThreadPoolExecutor(1) as learner:
        copying = learner.submit(copied.copy, 2, policy.buckets())
        with pytest.raises(TimeoutError):
            copying.result(0.05)
        store.released.set()
        copying.result(30)
    assert numbers(sending) == {"a": [1, 2, 3], "b": [4]}
    assert numbers(thread.submit(copied.send, 2, joined)) == {"a": [2, 3, 4], "b": [5]}


def test_a_version_takes_the_memory_of_the_one_before() -> None:
    policy, copied = Policy(on_cpu), CopiedWeights()
    places = []
    for version in (1, 2):
        copied.copy(version, policy.buckets())
        _, (a, b) = copied.send(version, lambda pieces: pieces[0].ctypes.data)
        places.append((a, b))
    assert places[0] == places[1]
    assert places[0][0] != policy.weights["a"].data_ptr()


def test_a_version_that_was_not_copied_or_not_whole_is_an_error() -> None:
    policy, copied = Policy(on_cpu), CopiedWeights()
    with pytest.raises(WeightSyncError, match=r"version 1 is to be sent .* is of None"):
        copied.send(1, joined)
    copied.copy(1, policy.buckets())
    with pytest.raises(WeightSyncError, match=r"version 2 is to be sent .* is of 1"):
        copied.send(2, joined)

    def broken() -> Iterator[Bucket]:
        yield [("a", policy.weights["a"])]
        raise ValueError("a rank is gone")

    with pytest.raises(ValueError, match="a rank is gone"):
        copied.copy(2, broken())
    for version in (1, 2):
        with pytest.raises(WeightSyncError, match="is of None"):
            copied.send(version, joined)


def test_what_fails_to_leave_does_not_keep_the_next_version_back() -> None:
    policy, copied = Policy(on_cpu), CopiedWeights()
    copied.copy(1, policy.buckets())

    def full(pieces: list[np.ndarray]) -> None:
        raise OSError("the store is full")

    with pytest.raises(OSError, match="the store is full"):
        copied.send(1, full)
    policy.step()
    copied.copy(2, policy.buckets())
    _, (a, b) = copied.send(2, joined)
    assert (a.view("float32").tolist(), b.view("float32").tolist()) == ([2, 3, 4], [5])


def test_a_gpu_copies_in_the_steps_stream_and_sends_on_one_that_waits_for_the_copy_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in(monkeypatch)
    policy, copied = Policy(on_gpu), CopiedWeights()
    copied.copy(1, policy.buckets())
    copied.send(1, joined)
    (event, *others) = OnGpu.kept_for[0].waited_for
    # Recorded behind the copies on the step's own stream; after it nothing waits for a step.
    assert event.stream == "the step"
    assert all(isinstance(other, Stream) for other in others)
    assert others == [OnGpu.kept_for[0]] * len(policy.weights)
