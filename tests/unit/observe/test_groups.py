import numpy as np
import pytest

from rlsys.loop.drops import DropCount, Outcomes
from rlsys.loop.ready import ReadyGroup
from rlsys.observe.groups import band, group_metrics

NAN = float("nan")


def group(
    rewards: list[float], statuses: str = "", source: str = "", difficulty: float = NAN
) -> ReadyGroup:
    values, ones = np.array(rewards), np.ones(len(rewards))
    return ReadyGroup(
        group_id=0,
        prompt_id="p0",
        oldest_version=0,
        annotations={},
        row=0,
        rewards=values,
        correct=values == 1.0,
        num_tokens=ones,
        truncated=ones == 0,
        log_ratios={},
        components={},
        difficulty=difficulty,
        source=source,
        statuses=tuple(statuses.split()),
    )


def test_drops_are_counted_by_reason_whether_there_are_any_or_not() -> None:
    dropped = DropCount()
    dropped.reasons.update(no_signal=3, failed=1)
    metrics = group_metrics([group([0.0, 1.0])], dropped)
    assert {n: v for n, v in metrics.items() if n.startswith("groups/dropped")} == {
        "groups/dropped": 4.0,
        "groups/dropped_failed": 1.0,
        "groups/dropped_infrastructure": 0.0,
        "groups/dropped_lost": 0.0,
        "groups/dropped_no_signal": 3.0,
        "groups/dropped_stale": 0.0,
    }


def test_all_right_and_all_wrong_count_what_was_dropped_too() -> None:
    groups = [group([1.0, 1.0]), group([0.0, 1.0]), group([0.0, NAN])]
    dropped = DropCount(outcomes=Outcomes(graded=2, all_right=1, all_wrong=1))
    metrics = group_metrics(groups, dropped)
    # Of four groups with all their verdicts; the third has not.
    assert (metrics["groups/all_right"], metrics["groups/all_wrong"]) == (0.5, 0.25)
    assert (dropped.outcomes.graded, dropped.outcomes.all_right) == (2, 1)


def test_the_spread_is_that_within_groups() -> None:
    groups = [group([0.0, 1.0]), group([0.5, 0.5]), group([1.0, NAN, 0.0])]
    assert group_metrics(groups, DropCount())["groups/reward_std"] == pytest.approx(1 / 3)


def test_statuses_are_shares_of_the_answers() -> None:
    groups = [group([1.0, 0.0], "correct wrong"), group([0.0, NAN], "unparsable infrastructure")]
    metrics = group_metrics(groups, DropCount())
    shares = {n.removeprefix("status/"): v for n, v in metrics.items() if n.startswith("status/")}
    assert sum(shares.values()) == 1.0
    assert shares["correct"] == shares["wrong"] == shares["unparsable"] == 0.25
    assert shares["timeout"] == 0.0


def test_a_fleet_without_statuses_has_no_shares() -> None:
    metrics = group_metrics([group([1.0, 0.0])], DropCount())
    assert not [name for name in metrics if name.startswith("status/")]


def test_rewards_are_told_by_source_and_difficulty() -> None:
    groups = [
        group([1.0, 0.0], source="gsm8k", difficulty=2.0),
        group([1.0, 1.0], source="gsm8k", difficulty=3.0),
        group([0.5, NAN], source="math", difficulty=3.0),
        group([NAN, 0.0], source="math"),
    ]
    metrics = group_metrics(groups, DropCount())
    assert {n: v for n, v in metrics.items() if n.startswith("reward/")} == {
        "reward/difficulty/2": 0.5,
        "reward/difficulty/3": pytest.approx(2.5 / 3),
        "reward/source/gsm8k": 0.75,
        "reward/source/math": 0.25,
    }


@pytest.mark.parametrize(
    ("difficulty", "name"),
    [
        (0.0, "0"),
        (0.05, "0"),
        (0.3, "0.3"),
        (0.37, "0.3"),
        (0.7, "0.7"),
        (1.0, "1"),
        (4.0, "4"),
        (2.75, "2.7"),
        (12.0, "12"),
        (1834.0, "1800"),
        (-0.25, "-0.3"),
    ],
)
def test_difficulties_are_told_in_few_bands(difficulty: float, name: str) -> None:
    assert band(difficulty) == name
