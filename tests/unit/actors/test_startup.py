"""A member's start, around actors of nobody."""

import asyncio
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.placement import Need
from actors.roles import ROLES, Inputs
from actors.roster import Seat
from actors.startup import Startup
from rlsys.config.run import RunConfig
from rlsys.config.verifiers import RewardConfig
from rlsys.roles import ROLLOUT, TEACHER, VERIFIER
from rlsys.simulate.clock import run
from rlsys.watch.start_times import StartTimes
from rlsys.watch.waits import Observer, Waits


def startup(times: StartTimes, folder: Path, model: str) -> Startup:
    """Of a fleet that loads a model."""

    async def call(seat: Seat, ref: Awaitable[Any]) -> Any:
        return await ref

    supervisor = SimpleNamespace(call=call)
    turns = SimpleNamespace(
        waits=Waits(60.0, Observer()), supervisor=supervisor, publication=SimpleNamespace()
    )
    said: list[str] = []
    return Startup(
        turns,  # type: ignore[arg-type]
        [],
        [],
        folder,
        said.append,
        said.append,
        times,
        lambda role: model,
    )


def waits_after(starting: Startup, seat: Seat, seconds: float, after_s: float) -> str:
    """What is waited for, so long after a member's loading began, which takes `seconds`."""

    async def scenario() -> str:
        loading = starting.step(seat, ROLES[ROLLOUT].loading, asyncio.sleep(seconds))
        task = asyncio.create_task(loading)
        await asyncio.sleep(after_s)
        told = starting.waits.describe()
        await task
        return told

    return run(scenario())


def test_a_second_start_says_how_much_of_the_loading_is_left(tmp_path: Path) -> None:
    seat = Seat(Need(ROLLOUT, 1, 1.0, 0.0), 0)
    loading = "rollout-0: vLLM loads the policy"
    first = startup(StartTimes(tmp_path), tmp_path, "a/model")
    assert waits_after(first, seat, 12.0, 3.0) == f"{loading} 3.0 s"
    first.times.keep()
    again = startup(StartTimes(tmp_path), tmp_path, "a/model")
    assert waits_after(again, seat, 14.0, 3.0) == f"{loading} 3.0 s (about 9 s left)"
    assert waits_after(again, seat, 14.0, 13.0) == f"{loading} 13.0 s (last time 12 s)"


def test_nothing_is_foretold_of_another_model_or_of_more_members(tmp_path: Path) -> None:
    one, two = (Seat(Need(ROLLOUT, count, 1.0, 0.0), 0) for count in (1, 2))
    first = startup(StartTimes(tmp_path), tmp_path, "a/model")
    waits_after(first, one, 12.0, 3.0)
    first.times.keep()
    for model, seat in (("another/model", one), ("a/model", two)):
        again = startup(StartTimes(tmp_path), tmp_path, model)
        assert "left" not in waits_after(again, seat, 12.0, 3.0)


def test_what_a_role_loads_is_its_own(tmp_path: Path) -> None:
    config = RunConfig()
    config.teacher.path = "a/teacher"
    config.verifiers.rewards = [RewardConfig(name="math"), RewardConfig(name="brief")]
    given = Inputs(config, "a/policy", tmp_path, [], [], True)
    loads = {name: role.loads(given) for name, role in ROLES.items()}
    assert loads[ROLLOUT] == "a/policy"
    assert loads[TEACHER] == "a/teacher"
    assert loads[VERIFIER] == "math, brief"


class Proving:
    """A rollout worker that takes 5 s for its model, and as long for weights that it is given."""

    def __init__(self) -> None:
        self.expect_weights = SimpleNamespace(remote=lambda names, canary: asyncio.sleep(5))


@pytest.mark.parametrize(("gpus", "seconds"), [(1.0, 10), (0.0, 10), (0.25, 30)])
def test_samplers_prove_side_by_side_what_they_have_room_for(
    gpus: float, seconds: int, tmp_path: Path
) -> None:
    starting = startup(StartTimes(tmp_path), tmp_path, "a/model")
    seats = [Seat(Need(ROLLOUT, 3, 1.0, gpus), number) for number in range(3)]
    for seat in seats:
        seat.actor = Proving()

    async def take(role: str, work: Coroutine[Any, Any, Any]) -> Any:
        return await work

    async def nothing(version: int) -> None:
        pass

    starting.supervisor.of = lambda role: seats  # type: ignore[method-assign]
    starting.turns.take = take  # type: ignore[method-assign]
    starting.publication = SimpleNamespace(  # type: ignore[assignment]
        newest=object(), pack=nothing, pull=lambda seat: asyncio.sleep(5)
    )

    async def proved() -> float:
        await starting.prove(0)
        return asyncio.get_running_loop().time()

    assert run(proved()) == seconds
