"""Stopping: what a signal asks of a run, and what becomes of the step that goes on."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest

from rlsys.loop.loop import Loop, StepReport
from rlsys.simulate.clock import run
from rlsys.watch.signals import Signals, Terminated, unwinding
from tests.helpers.fake_fleet import FakeFleet, Latencies, make_config, make_loop


def stopped_at(seconds: float, fleet: FakeFleet) -> tuple[Loop, float, list[int], set[str]]:
    """A run that is asked to stop; returns its loop, when it returned, the steps that were
    reported, and the tasks that it left."""
    reported: list[int] = []

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        reported.append(report.step)
        tasks.create_task(asyncio.sleep(1e6), name="a held-out check")

    async def scenario() -> tuple[Loop, float, list[int], set[str]]:
        loop = make_loop(fleet, make_config(), after_step)
        event_loop = asyncio.get_running_loop()
        event_loop.call_at(seconds, loop.stop)
        await loop.train(100)
        left = {t.get_name() for t in asyncio.all_tasks() - {asyncio.current_task()}}
        return loop, event_loop.time(), reported, left

    return run(scenario())


def test_a_loop_that_waits_for_answers_stops_at_once_and_drops_them() -> None:
    fleet = FakeFleet(Latencies(sample=50.0, learn=5.0))
    loop, at, reported, left = stopped_at(30.0, fleet)
    assert (at, reported, left) == (30.0, [], set())
    assert loop.state.version == 0
    loop.state.ledger.check()


def test_a_step_in_the_learner_is_finished_and_reported() -> None:
    """The first batch is ready at 1.1 s; its step takes 10 s."""
    loop, at, reported, left = stopped_at(4.0, FakeFleet(Latencies(learn=10.0)))
    assert (reported, left) == ([1], set())
    assert loop.state.version == 1
    assert 11 < at < 12
    loop.state.ledger.check()


def test_a_failure_while_it_stops_is_raised() -> None:
    fleet = FakeFleet(Latencies(learn=10.0), fails=lambda call, *_: call == "learn")
    with pytest.raises(fleet.error, match="learn 0 failed"):
        stopped_at(4.0, fleet)


# --- signals -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def handlers_of_before() -> Iterator[None]:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def heard(*numbers: signal.Signals) -> tuple[Signals, list[signal.Signals]]:
    """Signals sent to this process, one after the other; returns those that ended it at once."""
    at_once: list[signal.Signals] = []

    async def scenario() -> Signals:
        signals = Signals(at_once.append)
        with signals.heard():
            for number in numbers:
                os.kill(os.getpid(), number)
                await asyncio.sleep(0.01)
        return signals

    return asyncio.run(scenario()), at_once


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_for_the_end_and_the_second_is_the_end(
    number: signal.Signals,
) -> None:
    signals, at_once = heard(number)
    assert (signals.stop, signals.asked_to_stop.is_set(), at_once) == (number, True, [])
    signals, at_once = heard(signal.SIGTERM, number)
    assert (signals.stop, at_once) == (signal.SIGTERM, [number])


def test_a_second_signal_is_heard_while_the_fleet_is_ended() -> None:
    with unwinding():
        signals, at_once = heard(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
    assert (signals.stop, at_once) == (signal.SIGTERM, [signal.SIGTERM])


def test_a_wish_for_a_checkpoint_stops_nothing() -> None:
    signals, at_once = heard(signal.SIGUSR1, signal.SIGUSR1)
    assert signals.asked_to_save
    assert (signals.stop, at_once) == (None, [])


def handlers() -> list[object]:
    return [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]


def test_handlers_are_put_back() -> None:
    before = handlers()
    heard(signal.SIGUSR1)
    with unwinding():
        pass
    assert handlers() == before


def test_sigterm_unwinds_where_there_is_nothing_to_save() -> None:
    def job() -> None:
        with unwinding():
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    with pytest.raises(Terminated) as caught:
        job()
    assert caught.value.code == 143
