"""The lookout beside an event loop: at work, held up, and asked for stacks."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from actors.drivers.lookout import Lookout, keep_stacks
from rlsys.run import wish
from rlsys.run.folder import STACKS
from rlsys.run.wish import Wish
from rlsys.watch.trace import newest_lines
from rlsys.watch.waits import Observer, Waits


class Members:
    """A fleet of which one member is stuck."""

    def owing(self) -> str:
        return "verifier-0 12 s"

    def member_stacks(self) -> str:
        return "--- verifier-0, 1 calls unanswered, the oldest for 12 s; it is stopped"

    async def stacks(self) -> str:
        return "--- the driver's tasks\n" + self.member_stacks()


def watched(folder: Path, waits: Waits) -> Lookout:
    return Lookout(folder, [waits], Members(), lambda line: None)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def is_answered(folder: Path) -> bool:
    return not wish.is_open(folder, Wish.stacks)


def test_a_wish_is_answered_with_waits_threads_tasks_and_members(tmp_path: Path) -> None:
    waits = Waits(600.0, Observer())

    async def grade() -> None:
        await waits.on("driver: verifier", asyncio.sleep(600))

    async def scenario() -> None:
        groups = [asyncio.create_task(grade(), name="group") for _ in range(2)]
        wish.ask(tmp_path, Wish.stacks)
        with watched(tmp_path, waits).watching():
            await asyncio.to_thread(until, lambda: is_answered(tmp_path))
        for group in groups:
            group.cancel()

    asyncio.run(scenario())
    text = (tmp_path / STACKS).read_text()
    parts = ["driver waits for", "driver: verifier (x2)", "owing a reply", "verifier-0 12 s"]
    parts += ["--- the driver's threads", "MainThread: ", "--- the driver's tasks"]
    parts += ["group: ", " grade > ", "--- verifier-0, 1 calls unanswered"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "reading the stacks" not in text


def test_a_driver_whose_event_loop_is_held_up_answers_with_what_holds_it(tmp_path: Path) -> None:
    def hold_up() -> None:
        wish.ask(tmp_path, Wish.stacks)
        until(lambda: is_answered(tmp_path))

    async def scenario() -> None:
        with watched(tmp_path, Waits(600.0, Observer())).watching():
            await asyncio.sleep(0)
            hold_up()

    asyncio.run(scenario())
    text = (tmp_path / STACKS).read_text()
    assert " hold_up > " in text.split("--- the driver's threads")[1]
    assert "--- verifier-0" in text


def test_an_event_loop_that_is_held_up_is_a_wait_with_a_name(tmp_path: Path) -> None:
    lookout = watched(tmp_path, Waits(600.0, Observer()))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        lookout.look(loop)  # it asks for a sign of life, which cannot come before it returns
        lookout._asked_loop_at -= 11.0  # type: ignore[operator]
        lookout.look(loop)
        await asyncio.sleep(0.01)
        lookout.look(loop)

    asyncio.run(scenario())
    waits, _, waited = newest_lines(tmp_path, 3)
    assert "waits 11 s for driver: its own event loop" in waits
    assert "waited 11 s for driver: its own event loop" in waited


def test_what_is_waited_for_at_the_end_is_told_as_ended(tmp_path: Path) -> None:
    lookout = watched(tmp_path, Waits(600.0, Observer()))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        lookout._asked_loop_at = time.monotonic() - 15.0
        lookout.look(loop)
        with lookout.watching():
            pass

    asyncio.run(scenario())
    assert "waited 15 s" in newest_lines(tmp_path, 1)[0]


def test_the_stacks_of_a_stall_are_left_in_the_folder(tmp_path: Path) -> None:
    text = asyncio.run(keep_stacks(tmp_path, Members().stacks()))
    left = (tmp_path / STACKS).read_text()
    assert left.splitlines()[0].endswith(", a stall")
    assert text in left
