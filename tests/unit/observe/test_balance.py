from dataclasses import replace
from typing import Any

import pytest

from rlsys.observe.balance import Pace, advice, balance, covering_bound
from rlsys.watch.accounting import Times

# Of 100 s: one learner, busy 96 s; one rollout worker, 48 s; two verifiers, 12 s each.
LEARNER_BOUND = {
    "learner": Times(96.0, 100.0, {"ready groups": 4.0}),
    "rollout": Times(48.0, 100.0, {"slots": 52.0}),
    "verifier": Times(24.0, 200.0, {"rollouts": 176.0}),
    "driver": Times(99.0, 100.0, {"driver: learner": 1.0}),
}
# 100 completions share 1,000 tokens/s, 10 each: the longest completion takes 30 s.
PACE = Pace(
    steps=10,
    train_s=100.0,
    waited_for_old_s=6.0,
    longest_group_s=50.0,
    longest_completion=300,
    consumed_tokens=100_000,
    completions_at_once=100,
    max_staleness=2,
)
MEMBERS = {"learner": 1, "rollout": 1, "verifier": 2}


def test_the_bottleneck_is_the_role_whose_members_are_busiest() -> None:
    found = balance(LEARNER_BOUND, MEMBERS)
    assert found.bottleneck == "learner"
    assert found.busy == {"learner": 0.96, "rollout": 0.48, "verifier": 0.12}


def test_balance_is_the_number_of_members_that_the_work_needs() -> None:
    # 48 / 96 of one rollout worker, 24 / 96 of a verifier (12 s of 96 each, two of them).
    found = balance(LEARNER_BOUND, MEMBERS)
    assert found.needed == pytest.approx({"learner": 1.0, "rollout": 0.5, "verifier": 0.25})


def test_one_more_of_the_bottleneck_helps_until_the_next_role_limits() -> None:
    # Two learners need 48 s each, as much as the rollout worker: twice as fast.
    found = balance(LEARNER_BOUND, MEMBERS)
    assert found.gain == pytest.approx(2.0)
    # Of three rollout workers, busy 90 s each, a fourth leaves 67.5 s; the learner's 60 s less.
    found = balance(
        {"learner": Times(60.0, 100.0), "rollout": Times(270.0, 300.0)},
        {"learner": 1, "rollout": 3},
    )
    assert (found.bottleneck, found.next_bottleneck) == ("rollout", "rollout")
    assert found.gain == pytest.approx(4 / 3)
    # Busy 80 of 100: the gain is 90 / 80, and then the learner limits.
    found = balance(
        {"learner": Times(80.0, 100.0), "rollout": Times(90.0, 100.0)},
        {"learner": 1, "rollout": 1},
    )
    assert (found.next_bottleneck, found.gain) == ("learner", pytest.approx(1.125))


def test_advice_names_the_bottleneck_and_what_would_not_help() -> None:
    assert advice(balance(LEARNER_BOUND, MEMBERS), "ready groups", PACE)[:-1] == [
        "balance: 1 learner, busy 96%, keeps up with 0.50 rollout (of 1), 0.25 verifier (of 2)",
        "bottleneck: learner; one more can make the run up to 2.00 times as fast; "
        "more of any other role changes nothing",
    ]


def test_advice_for_a_synchronous_run_is_to_overlap() -> None:
    times = {"learner": Times(55.0, 100.0), "rollout": Times(38.0, 100.0)}
    found = balance(times, {"learner": 1, "rollout": 1})
    assert advice(found, "ready groups", PACE)[1] == (
        "no role is busy all the time: learner, the busiest, waits for ready groups; "
        "a larger loop.max_staleness lets roles work at the same time"
    )


def test_a_run_by_turns_is_not_advised_to_overlap() -> None:
    times = {"learner": Times(55.0, 100.0), "rollout": Times(38.0, 100.0)}
    found = balance(times, {"learner": 1, "rollout": 1})
    lines = advice(found, "turn", replace(PACE, max_staleness=0))
    assert lines[1:] == ["no role is busy all the time: learner, the busiest, waits for turn"]


def test_advice_for_a_balanced_run_is_to_leave_it() -> None:
    times = {"learner": Times(97.0, 100.0), "rollout": Times(96.0, 100.0)}
    found = balance(times, {"learner": 1, "rollout": 1})
    assert advice(found, "slots", PACE)[1] == (
        "bottlenecks: learner and rollout; more of one without the other changes nothing"
    )


def test_a_run_that_did_nothing_has_a_balance_too() -> None:
    found = balance({"learner": Times()}, {"learner": 1})
    assert (found.busy, found.gain) == ({"learner": 0.0}, 0.0)


def test_a_bound_of_staleness_that_holds_the_learner_up_is_named_with_one_that_would_not() -> None:
    # 96 s of learning in 10 steps: 9.6 s each, and 30 s are more than three of them.
    assert advice(balance(LEARNER_BOUND, MEMBERS), "ready groups", PACE)[-1] == (
        "staleness: 6.0 s of waiting for old groups though enough others were ready; the longest "
        "completion takes 30.0 s, a step without waiting 9.6 s: loop.max_staleness=4 covers it"
    )


@pytest.mark.parametrize(
    ("changes", "bound"),
    [
        ({}, 3),
        ({"longest_group_s": 19.0}, 2),
        ({"max_staleness": 4}, 4),
        ({"waited_for_old_s": 4.0}, 2),
        ({"max_staleness": 0}, 0),
    ],
    ids=["covers", "no group took as long", "is enough", "did not hold up", "synchronous"],
)
def test_the_covering_bound(changes: dict[str, Any], bound: int) -> None:
    assert covering_bound(replace(PACE, **changes), least_step_s=10.0) == bound
