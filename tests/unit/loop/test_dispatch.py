from hypothesis import given
from hypothesis import strategies as st

from rlsys.loop.dispatch import LeastLoaded


def test_calls_go_round_while_none_ends() -> None:
    members = LeastLoaded("abc")
    assert [members.take() for _ in range(7)] == ["a", "b", "c", "a", "b", "c", "a"]


def test_a_member_that_gave_its_calls_back_is_next() -> None:
    members = LeastLoaded("abc")
    for _ in range(6):
        members.take()
    members.give_back("b")
    assert members.take() == "b"
    members.give_back("c")
    members.give_back("c")
    assert [members.take(), members.take()] == ["c", "c"]


def test_a_removed_member_is_never_called_and_may_give_back() -> None:
    members = LeastLoaded("ab")
    assert members.take() == "a"
    members.remove("a")
    members.give_back("a")
    assert "a" not in members
    assert [members.take(), members.take(), len(members)] == ["b", "b", 1]


def test_a_new_member_catches_up() -> None:
    members = LeastLoaded("a")
    members.take()
    members.take()
    members.add("b")
    assert [members.take(), members.take()] == ["b", "b"]


@given(st.lists(st.sampled_from(["take", "give back", "add", "remove"]), max_size=60))
def test_the_member_taken_always_has_the_fewest_open_calls(events: list[str]) -> None:
    members = LeastLoaded(range(3))
    load = dict.fromkeys(range(3), 0)
    for number, event in enumerate(events):
        busiest = max(load, key=lambda m: load[m], default=None)
        if event == "take" and load:
            taken = members.take()
            assert load[taken] == min(load.values())
            load[taken] += 1
        elif event == "give back" and busiest is not None and load[busiest]:
            members.give_back(busiest)
            load[busiest] -= 1
        elif event == "add":
            members.add(100 + number)
            load[100 + number] = 0
        elif event == "remove" and busiest is not None:
            members.remove(busiest)
            del load[busiest]


def test_another_member_is_taken_where_there_is_one() -> None:
    members = LeastLoaded(["a", "b"])
    assert [members.take("a") for _ in range(3)] == ["b", "b", "b"]
    assert members.take() == "a"
    members.remove("b")
    assert members.take("a") == "a"
