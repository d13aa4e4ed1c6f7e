import asyncio
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.loop.ready import ReadyGroup, ReadyGroups
from rlsys.simulate.clock import run


def group(group_id: int) -> ReadyGroup:
    return ReadyGroup(
        group_id=group_id,
        prompt_id=f"p{group_id}",
        oldest_version=0,
        annotations={},
        row=0,
        rewards=np.zeros(2),
        correct=np.zeros(2, dtype=bool),
        num_tokens=np.ones(2, dtype=int),
        truncated=np.zeros(2, dtype=bool),
        log_ratios={},
        components={},
        difficulty=float("nan"),
    )


def filled(groups_per_step: int, max_staleness: int, admitted: dict[int, int]) -> ReadyGroups:
    ready = ReadyGroups(groups_per_step, max_staleness)
    for group_id, version in admitted.items():
        ready.admit(group_id, version)
    return ready


def ids(batch: list[ReadyGroup] | None) -> list[int] | None:
    return None if batch is None else [g.group_id for g in batch]


def test_too_few_ready_groups_make_no_batch() -> None:
    ready = filled(2, 1, {0: 0, 1: 0})
    ready.put(group(1))
    assert ready.admissible(0) is None


def test_the_oldest_ready_groups_go_first() -> None:
    ready = filled(2, 2, {0: 1, 1: 0, 2: 1, 3: 0})
    for i in (0, 1, 2, 3):
        ready.put(group(i))
    assert ids(ready.admissible(1)) == [1, 3]


def test_a_younger_group_may_overtake_while_the_older_can_still_make_its_deadline() -> None:
    ready = filled(1, 1, {0: 0, 1: 0})
    ready.put(group(1))
    # Group 0 is trained at version 1, its last chance.
    assert ids(ready.admissible(0)) == [1]


def test_a_group_at_its_deadline_is_waited_for() -> None:
    ready = filled(1, 1, {0: 0, 1: 1})
    ready.put(group(1))
    assert ready.admissible(1) is None
    ready.put(group(0))
    assert ids(ready.admissible(1)) == [0]


def test_deadlines_count_together() -> None:
    # Two groups a step: five unfinished groups of version 0 need three steps, 1, 2 and 3.
    admitted = dict.fromkeys(range(7), 0)
    ready = filled(2, 3, admitted)
    ready.put(group(0))
    ready.put(group(1))
    assert ids(ready.admissible(0)) == [0, 1]
    assert ids(filled_and_put(2, 2, admitted, [0, 1]).admissible(0)) is None


def test_younger_groups_queue_behind_the_older_ones_deadline() -> None:
    # At version 1: group 0 needs step 2, so groups 1 and 2 have only step 3 between them.
    ready = filled_and_put(1, 2, {0: 0, 1: 1, 2: 1, 3: 1}, [3])
    assert ready.admissible(1) is None
    ready.drop(2)
    assert ids(ready.admissible(1)) == [3]


def filled_and_put(
    groups_per_step: int, max_staleness: int, admitted: dict[int, int], scored: list[int]
) -> ReadyGroups:
    ready = filled(groups_per_step, max_staleness, admitted)
    for group_id in scored:
        ready.put(group(group_id))
    return ready


def test_a_dropped_group_is_waited_for_no_longer() -> None:
    ready = filled_and_put(1, 0, {0: 0, 1: 0}, [1])
    assert ready.admissible(0) is None
    ready.drop(0)
    assert ids(ready.admissible(0)) == [1]


def test_take_removes_what_it_hands_out() -> None:
    ready = filled_and_put(2, 0, {0: 0, 1: 0}, [0, 1])

    async def scenario() -> list[ReadyGroup]:
        return await ready.take(0)

    assert ids(run(scenario())) == [0, 1]
    assert len(ready) == 0
    assert ready.admissible(0) is None


@pytest.mark.parametrize("event", ["put", "drop"])
def test_take_wakes_up_when_a_group_becomes_ready_or_is_dropped(event: str) -> None:
    ready = filled_and_put(1, 0, {0: 0, 1: 0}, [1])

    async def scenario() -> tuple[list[int] | None, float]:
        taking = asyncio.create_task(ready.take(0))
        await asyncio.sleep(5.0)
        assert not taking.done()
        if event == "drop":
            ready.drop(0)
        else:
            ready.admit(2, 1)
            ready.put(group(0))
            ready.drop(1)
        return ids(await taking), asyncio.get_running_loop().time()

    taken, seconds = run(scenario())
    assert taken == ([1] if event == "drop" else [0])
    assert seconds == 5.0


def test_a_stall_report_counts_unfinished_groups_by_age() -> None:
    ready = filled_and_put(2, 2, {0: 0, 1: 1, 2: 1, 3: 2}, [1])
    assert ready.blocking(2) == (
        "1 of 2 groups ready; unfinished by age in versions: {0: 1, 1: 1, 2: 1}; "
        "oldest unfinished groups [0, 2, 3]"
    )


@given(
    groups_per_step=st.integers(1, 4), max_staleness=st.integers(0, 3), seed=st.integers(0, 10**6)
)
def test_no_group_ever_grows_too_old_and_the_taker_is_never_stuck(
    groups_per_step: int, max_staleness: int, seed: int
) -> None:
    """Slots are filled as the loop fills them, and groups become ready in any order."""
    rng = random.Random(seed)
    ready = ReadyGroups(groups_per_step, max_staleness)
    admitted: dict[int, int] = {}
    unfinished: list[int] = []
    next_group = published = 0
    free = (max_staleness + 1) * groups_per_step
    for version in range(8):
        while True:
            for _ in range(rng.randint(0, free)):
                ready.admit(next_group, published)
                admitted[next_group] = published
                unfinished.append(next_group)
                next_group, free = next_group + 1, free - 1
            batch = ready.admissible(version)
            if batch is not None:
                break
            if unfinished:
                ready.put(group(unfinished.pop(rng.randrange(len(unfinished)))))
            elif free == 0:
                # All alive are ready: a batch must be there, or the newest pull is to come.
                assert published < version
                published, free = published + 1, free + groups_per_step
        for taken in batch:
            assert version - admitted.pop(taken.group_id) <= max_staleness
        ready.remove(batch)
        while published < version + 1 and rng.random() < 0.7:
            published, free = published + 1, free + groups_per_step


@given(
    groups_per_step=st.integers(1, 3),
    max_staleness=st.integers(0, 3),
    version=st.integers(0, 4),
    lives=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["unfinished", "ready", "dropped"])),
        max_size=12,
    ),
)
def test_a_batch_is_admissible_just_when_the_rest_can_be_trained_in_time_one_step_after_the_other(
    groups_per_step: int, max_staleness: int, version: int, lives: list[tuple[int, str]]
) -> None:
    ready = filled(groups_per_step, max_staleness, {})
    # As in the loop, a group that is admitted later has seen no older version.
    lives.sort()
    for group_id, (admitted, life) in enumerate(lives):
        ready.admit(group_id, admitted)
        if life == "ready":
            ready.put(group(group_id))
        elif life == "dropped":
            ready.drop(group_id)
    scored = [i for i, (_, life) in enumerate(lives) if life == "ready"]
    batch = scored[:groups_per_step]
    rest = [a for i, (a, life) in enumerate(lives) if life != "dropped" and i not in batch]
    steps = [version + 1 + place // groups_per_step for place in range(len(rest))]
    in_time = all(step <= a + max_staleness for step, a in zip(steps, rest, strict=True))
    wanted = batch if len(batch) == groups_per_step and in_time else None
    assert ids(ready.admissible(version)) == wanted
