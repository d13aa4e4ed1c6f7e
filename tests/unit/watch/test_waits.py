import asyncio

import pytest

from rlsys.errors import StallError
from rlsys.simulate.clock import run
from rlsys.watch.waits import Observer, WaitBoard, Waits


async def later(seconds: float, value: int = 1) -> int:
    await asyncio.sleep(seconds)
    return value


def test_a_wait_returns_what_the_work_returns() -> None:
    waits = Waits(10.0, Observer())
    assert run(waits.on("driver: learner", later(9.0, 5))) == 5
    assert waits.describe() == "nothing"


def test_a_wait_past_its_deadline_says_who_waits_for_whom() -> None:
    waits = Waits(10.0, Observer())

    async def scenario() -> None:
        others = [asyncio.create_task(waits.on("driver: verifier", later(1.0))) for _ in range(2)]
        await asyncio.sleep(0.5)
        try:
            await waits.on("driver: learner", later(11.0), lambda: "3 of 4 groups ready")
        finally:
            await asyncio.gather(*others)

    with pytest.raises(StallError) as caught:
        run(scenario())
    text = str(caught.value)
    assert text.startswith("waited 10 s for driver: learner (loop.stall_timeout_s). 3 of 4 groups")
    assert "All waits: driver: learner" in text
    assert waits.describe() == "nothing"


def test_the_first_line_of_a_stall_ends_where_there_is_nothing_more_to_say() -> None:
    waits = Waits(10.0, Observer())
    with pytest.raises(StallError) as caught:
        run(waits.on("rollout-0: its process", later(11.0)))
    first = str(caught.value).splitlines()[0]
    assert first == "waited 10 s for rollout-0: its process (loop.stall_timeout_s)"


def test_equal_waits_are_counted() -> None:
    waits = Waits(10.0, Observer())

    async def scenario() -> str:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(waits.on("driver: learner", later(2.0)))
            tasks.create_task(waits.on("driver: verifier", later(2.0)))
            tasks.create_task(waits.on("driver: verifier", later(2.0)))
            await asyncio.sleep(1.0)
            text = waits.describe()
        return text

    parts = sorted(run(scenario()).split(", "))
    assert parts == ["driver: learner 1.0 s", "driver: verifier 1.0 s (x2)"]


def test_a_wait_has_its_own_deadline_however_many_began_before_it_and_ended() -> None:
    waits = Waits(10.0, Observer())

    async def scenario() -> float:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(waits.on("driver: verifier", later(9.0)))
            await asyncio.sleep(5.0)
            tasks.create_task(waits.on("driver: verifier", later(9.0)))
            with pytest.raises(StallError, match="driver: learner"):
                await waits.on("driver: learner", later(99.0))
            return asyncio.get_running_loop().time()

    assert run(scenario()) == 15.0


def test_a_timeout_of_the_work_itself_is_no_stall() -> None:
    async def work() -> None:
        raise TimeoutError("the sandbox's own")

    waits = Waits(10.0, Observer())
    with pytest.raises(TimeoutError, match="the sandbox's own"):
        run(waits.on("driver: verifier", work()))
    assert waits.describe() == "nothing"


def test_cancelling_a_wait_closes_it() -> None:
    waits = Waits(10.0, Observer())

    async def scenario() -> str:
        waiting = asyncio.create_task(waits.on("driver: learner", later(5.0)))
        await asyncio.sleep(1.0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return waits.describe()

    assert run(scenario()) == "nothing"


def test_a_task_s_wait_is_known_and_an_outer_one_comes_back_after_an_inner_one() -> None:
    waits = Waits(10.0, Observer())

    async def outer() -> None:
        await waits.on("driver: verifier", later(1.0))
        await later(1.0)

    async def scenario() -> list[str | None]:
        task = asyncio.create_task(waits.on("driver: learner", outer()))
        seen = []
        for _ in range(3):
            await asyncio.sleep(0.7)
            seen.append(waits.of(task))
        await task
        return seen

    assert run(scenario()) == ["driver: verifier", "driver: learner", None]


def test_a_stall_ends_with_the_stacks_read_once_for_all_waits() -> None:
    reads = []

    async def read() -> str:
        reads.append(1)
        await asyncio.sleep(1.0)
        return "verifier-0 is in regular_expression"

    async def scenario() -> list[BaseException]:
        waits = Waits(10.0, Observer(stacks=read))
        work = [waits.on("driver: verifier", later(99.0)) for _ in range(2)]
        return await asyncio.gather(*work, return_exceptions=True)

    errors = run(scenario())
    assert [str(e).splitlines()[-1] for e in errors] == ["verifier-0 is in regular_expression"] * 2
    assert reads == [1]


def test_the_stacks_are_read_while_the_call_that_is_late_is_still_open() -> None:
    """Ending a wait takes its call back; who owed the reply must be known before."""
    owing: set[str] = set()

    async def call() -> None:
        owing.add("rollout-0")
        try:
            await asyncio.sleep(1000.0)
        finally:
            owing.discard("rollout-0")

    async def read() -> str:
        return f"owing: {sorted(owing)}"

    async def scenario() -> None:
        waits = Waits(10.0, Observer(stacks=read))
        await waits.on("driver: weights pulled", call())

    with pytest.raises(StallError, match=r"owing: \['rollout-0'\]"):
        run(scenario())
    assert not owing


def test_stacks_that_cannot_be_read_do_not_hold_the_stall_up() -> None:

    async def never() -> str:
        await asyncio.sleep(1e6)
        return ""

    async def scenario() -> None:
        waits = Waits(10.0, Observer(stacks=never))
        await waits.on("driver: learner", later(99.0))

    with pytest.raises(StallError, match="The stacks could not be read within 20 s"):
        run(scenario())


def test_stacks_whose_reading_fails_do_not_take_the_stalls_place() -> None:
    async def fails() -> str:
        raise PermissionError("no /proc here")

    waits = Waits(10.0, Observer(stacks=fails))
    with pytest.raises(StallError) as caught:
        run(waits.on("driver: learner", later(99.0)))
    first, *_, last = str(caught.value).splitlines()
    assert first == "waited 10 s for driver: learner (loop.stall_timeout_s)"
    assert last == "The stacks could not be read: PermissionError: no /proc here."


def test_samplers_that_cannot_be_looked_at_are_waited_for_no_longer() -> None:
    async def fails() -> float:
        raise RuntimeError("no answer")

    waits = Waits(10.0, Observer(samplers_still_s=fails))
    with pytest.raises(StallError, match="waited 10 s for driver: rollout worker"):
        run(waits.on("driver: rollout worker", later(99.0), for_completions=True))


def test_a_wait_for_answers_lasts_while_they_are_sampled() -> None:
    notices: list[str] = []

    async def still_s() -> float:
        return 2.0

    async def scenario() -> list[int]:
        waits = Waits(10.0, Observer(notices.append, samplers_still_s=still_s))
        name = "driver: rollout worker"
        first = asyncio.create_task(waits.on(name, later(35.0, 1), for_completions=True))
        await asyncio.sleep(1.0)
        return [await waits.on(name, later(34.0, 2), for_completions=True), await first]

    assert run(scenario()) == [2, 1]
    assert len(notices) == 3
    assert notices[0].endswith("waiting: driver: rollout worker 10.0 s (x2)")


def test_a_wait_for_answers_that_nobody_samples_any_more_is_a_stall() -> None:

    async def scenario() -> float:
        stopped = 25.0
        event_loop = asyncio.get_running_loop()

        async def still_s() -> float:
            return max(0.0, event_loop.time() - stopped)

        waits = Waits(10.0, Observer(samplers_still_s=still_s))
        with pytest.raises(StallError, match="waited 40 s for driver: rollout worker"):
            await waits.on("driver: rollout worker", later(99.0), for_completions=True)
        return event_loop.time()

    assert run(scenario()) == 40.0


def test_other_waits_keep_their_deadline_while_answers_are_sampled() -> None:

    async def still_s() -> float:
        return 0.0

    async def scenario() -> tuple[object, float]:
        waits = Waits(10.0, Observer(samplers_still_s=still_s))
        answers = asyncio.create_task(
            waits.on("driver: rollout worker", later(25.0), for_completions=True)
        )
        await asyncio.sleep(12.0)
        with pytest.raises(StallError, match="driver: verifier"):
            await waits.on("driver: verifier", later(99.0))
        at = asyncio.get_running_loop().time()
        return await answers, at

    assert run(scenario()) == (1, 22.0)


def test_samplers_that_do_not_say_how_they_are_count_as_stuck() -> None:

    async def scenario() -> None:
        waits = Waits(10.0, Observer(samplers_still_s=lambda: later(1e6)))
        await waits.on("driver: rollout worker", later(99.0), for_completions=True)

    with pytest.raises(StallError, match="waited 30 s for driver: rollout worker"):
        run(scenario())


def test_a_wait_on_a_task_that_stalls_ends_with_that_task_s_stall() -> None:

    async def read() -> str:
        await asyncio.sleep(5.0)
        return "rollout-0 is in epoll_wait"

    async def scenario() -> None:
        waits = Waits(10.0, Observer(stacks=read))
        async with asyncio.TaskGroup() as tasks:
            pulled = waits.on("driver: weights pulled", later(99.0))
            publishing = tasks.create_task(pulled)
            await asyncio.sleep(2.0)  # late while the other reads the stacks
            await waits.on("driver: previous publish", publishing)

    with pytest.raises(ExceptionGroup) as caught:
        run(scenario())
    for error in caught.value.exceptions:
        assert isinstance(error, StallError)
        assert "driver: weights pulled" in str(error)
        assert str(error).endswith("rollout-0 is in epoll_wait")


def test_members_of_a_role_that_wait_for_the_same_are_told_by_the_longest() -> None:
    waits = Waits(60.0, Observer())

    async def scenario() -> str:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(waits.on("learner-0: its process", later(9.0)))
            for number in (2, 0, 1):
                await asyncio.sleep(1.0)
                name = f"rollout-{number}: vLLM loads the policy"
                tasks.create_task(waits.on(name, later(9.0), last_s=4.0))
            await asyncio.sleep(1.0)
            text = waits.describe()
        return text

    loading = "rollout-2 and 2 more: vLLM loads the policy 3.0 s (about 1 s left)"
    assert run(scenario()) == f"learner-0: its process 4.0 s, {loading}"


def test_a_board_shows_the_waits_of_the_moment_and_nothing_of_those_before() -> None:
    async def scenario() -> list[str]:
        first, second, board = Waits(60, Observer()), Waits(60, Observer()), WaitBoard()
        said = [board.describe()]
        board.show(first, second)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(first.on("driver: learner", asyncio.sleep(5)))
            tasks.create_task(second.on("driver: verifier", asyncio.sleep(5)))
            await asyncio.sleep(2)
            said.append(board.describe())
            board.show(second)
            said.append(board.describe())
        return [*said, board.describe()]

    assert run(scenario()) == ["", "learner 2.0 s, verifier 2.0 s", "verifier 2.0 s", ""]
