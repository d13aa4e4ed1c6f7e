import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.loop.fleet import PublishReport
from rlsys.loop.loop import StepReport
from rlsys.loop.ready import ReadyGroup
from rlsys.observe.metrics import step_metrics, time_shares
from rlsys.sampling.engine_figures import EngineFigures
from rlsys.watch.accounting import Times

NAN = float("nan")


def group(rewards: list[float], tokens: list[int], **components: list[float]) -> ReadyGroup:
    values = np.array(rewards)
    return ReadyGroup(
        group_id=0,
        prompt_id="p0",
        oldest_version=0,
        annotations={},
        row=0,
        rewards=values,
        correct=values == 1.0,
        num_tokens=np.array(tokens),
        truncated=np.array(tokens) == 40,
        log_ratios={},
        components={name: np.array(v) for name, v in components.items()},
        difficulty=NAN,
    )


def report(groups: list[ReadyGroup], publish: PublishReport | None = None) -> StepReport:
    staleness = np.arange(len(groups))
    return StepReport(5, groups, staleness, {"kl": 0.5, "entropy": 0.25}, publish, 4.5, 3, 2, 7.5)


def test_rewards_that_differ_by_rounding_are_no_signal_as_in_the_loss() -> None:
    groups = [group([0.1 + 0.2, 0.3], [1, 1]), group([0.1, 0.3], [1, 1])]
    assert step_metrics(report(groups), 1.0, 1e-4)["reward/groups_without_signal"] == 0.5


def test_a_steps_metrics_by_hand() -> None:
    groups = [group([1.0, 0.0], [10, 40]), group([0.5, 0.5], [20, 30])]
    metrics = step_metrics(report(groups), seconds=4.0, std_floor=1e-4)
    assert metrics == {
        "reward/mean": 0.5,
        "reward/accuracy": 0.25,
        "reward/missing": 0.0,
        "reward/groups_without_signal": 0.5,
        "completion/mean_tokens": 25.0,
        "completion/max_tokens": 40.0,
        "completion/truncated": 0.25,
        "completion/reward_per_token": 0.02,
        "completion/mean_tokens_right": 10.0,
        "completion/mean_tokens_wrong": 30.0,
        "staleness/mean": 0.5,
        "staleness/max": 1.0,
        "staleness/waited_for_old_s": 4.5,
        "staleness/bound": 3.0,
        "staleness/lead": 2.0,
        "staleness/longest_group_s": 7.5,
        "throughput/consumed_tokens": 100.0,
        "throughput/step_s": 4.0,
        "throughput/consumed_tokens_per_s": 25.0,
        "policy/kl": 0.5,
        "policy/entropy": 0.25,
    }


def test_answers_without_a_verdict_are_neither_right_nor_wrong() -> None:
    metrics = step_metrics(report([group([1.0, NAN, 0.0, NAN], [10, 99, 20, 99])]), 1.0, 1e-4)
    assert metrics["reward/mean"] == 0.5
    assert metrics["reward/accuracy"] == 0.5
    assert metrics["reward/missing"] == 0.5
    assert metrics["completion/mean_tokens_right"] == 10.0
    assert metrics["completion/mean_tokens_wrong"] == 20.0


def test_a_step_without_right_answers_has_no_length_of_them() -> None:
    metrics = step_metrics(report([group([0.0, 0.0], [10, 20])]), 1.0, 1e-4)
    assert "completion/mean_tokens_right" not in metrics
    assert metrics["completion/mean_tokens_wrong"] == 15.0


@pytest.mark.filterwarnings("error")
def test_components_are_means_over_the_answers_that_have_them() -> None:
    groups = [
        group([1.0, 0.0], [1, 1], accuracy=[1.0, 0.0], form=[1.0, NAN]),
        group([1.0, 0.0], [1, 1], code=[NAN, NAN], form=[0.5, 0.0]),
    ]
    metrics = step_metrics(report(groups), 1.0, 1e-4)
    assert metrics["reward/accuracy"] == 0.5
    assert metrics["reward/form"] == 0.5
    assert "reward/code" not in metrics


def test_a_component_does_not_take_the_place_of_a_figure_that_has_its_name() -> None:
    groups = [
        group([1.0, 1.0], [1, 1], accuracy=[1.0, 1.0], mean=[0.25, 0.25]),
        group([0.5, 0.0], [1, 1], code=[0.5, 0.0]),  # of a source that `accuracy` does not grade
    ]
    metrics = step_metrics(report(groups), 1.0, 1e-4)
    assert (metrics["reward/mean"], metrics["reward/mean_component"]) == (0.625, 0.25)
    assert (metrics["reward/accuracy"], metrics["reward/accuracy_component"]) == (0.5, 1.0)
    assert metrics["reward/code"] == 0.25


def test_the_last_weight_update_is_reported() -> None:
    publish = PublishReport(4, pause_s=0.1, total_s=0.3, canary_error=1e-6, num_bytes=8)
    metrics = step_metrics(report([group([1.0, 0.0], [1, 1])], publish), 1.0, 1e-4)
    assert metrics["weights/pause_s"] == 0.1
    assert metrics["weights/total_s"] == 0.3
    assert metrics["weights/canary_error"] == 1e-6


def test_what_the_engines_did_is_reported_with_it() -> None:
    engine = EngineFigures(steps=2, running=6, begun=4, preemptions=1)
    publish = PublishReport(4, 0.1, 0.3, 1e-6, num_bytes=8, engine=engine)
    metrics = step_metrics(report([group([1.0, 0.0], [1, 1])], publish), 1.0, 1e-4)
    assert metrics["sampler/running"] == 3.0
    assert metrics["sampler/preempted"] == 0.25


def test_time_shares_are_of_the_time_since_the_last_look() -> None:
    before = {"learner": Times(10.0, 20.0, {"ready groups": 10.0})}
    now = {
        "learner": Times(13.0, 24.0, {"ready groups": 10.5, "weights": 0.5}),
        "rollout": Times(3.0, 4.0, {"slots": 1.0}),
    }
    assert time_shares(now, before) == {
        "time/learner/busy": 0.75,
        "time/learner/ready groups": 0.125,
        "time/learner/weights": 0.125,
        "time/rollout/busy": 0.75,
        "time/rollout/slots": 0.25,
    }


@given(
    st.lists(st.floats(0, 1e4), min_size=3, max_size=3).filter(lambda parts: sum(parts) > 1e-3),
    st.lists(st.floats(0, 1e4), min_size=3, max_size=3),
)
def test_the_shares_of_a_role_add_up_to_one(passed: list[float], earlier: list[float]) -> None:
    def times(busy: float, slots: float, weights: float) -> Times:
        return Times(busy, busy + slots + weights, {"slots": slots, "weights": weights})

    shares = time_shares(
        {"rollout": times(*earlier) + times(*passed)}, {"rollout": times(*earlier)}
    )
    assert math.isclose(sum(shares.values()), 1.0, rel_tol=1e-6)


def test_the_distance_to_each_frozen_policy_is_a_mean_over_tokens() -> None:
    near, far = group([1.0, 0.0], [10, 40]), group([1.0, 0.0], [20, 30])
    near.log_ratios = {"reference": np.array([1.0, 4.0]), "teacher": np.array([0.0, 10.0])}
    far.log_ratios = {"reference": np.array([2.0, 3.0]), "teacher": np.array([20.0, 20.0])}
    metrics = step_metrics(report([near, far]), seconds=1.0, std_floor=1e-4)
    assert (metrics["log_ratio/reference"], metrics["log_ratio/teacher"]) == (0.1, 0.5)
