import asyncio

from hypothesis import given
from hypothesis import strategies as st

from rlsys.loop.slots import Slots


def take_all(slots: Slots) -> int:
    """Take every slot that is free."""

    async def take() -> int:
        count = 0
        while not slots.locked():
            await slots.acquire()
            count += 1
        return count

    return asyncio.run(take())


def test_slots_are_taken_and_given_back() -> None:
    slots = Slots(3, taken=1)
    assert take_all(slots) == 2
    slots.release()
    assert take_all(slots) == 1


def test_shrinking_takes_free_slots_first() -> None:
    slots = Slots(4, taken=1)
    slots.resize(2)
    assert take_all(slots) == 1


def test_shrinking_takes_slots_that_are_given_back() -> None:
    slots = Slots(4, taken=4)
    slots.resize(2)
    for free in (0, 0, 1, 2):
        slots.release()
        assert take_all(slots) == (1 if free else 0)


def test_growing_cancels_what_was_still_to_be_taken() -> None:
    slots = Slots(4, taken=4)
    slots.resize(1)
    slots.resize(3)
    slots.release()
    assert slots.locked()
    slots.release()
    assert take_all(slots) == 1


def test_more_may_be_taken_than_there_are_when_a_run_is_resumed() -> None:
    slots = Slots(2, taken=3)
    slots.release()
    assert slots.locked()
    slots.release()
    assert take_all(slots) == 1


@given(st.lists(st.one_of(st.integers(1, 6), st.sampled_from(["take", "give"])), max_size=40))
def test_when_all_are_given_back_as_many_are_free_as_the_size_says(moves: list[int | str]) -> None:
    async def scenario() -> int:
        slots, taken = Slots(3), 0
        for move in moves:
            if isinstance(move, int):
                slots.resize(move)
            elif move == "take" and not slots.locked():
                await slots.acquire()
                taken += 1
                assert taken <= slots.size
            elif move == "give" and taken:
                slots.release()
                taken -= 1
        for _ in range(taken):
            slots.release()
        free = 0
        while not slots.locked():
            await slots.acquire()
            free += 1
        return free - slots.size

    assert asyncio.run(scenario()) == 0
