"""What a teacher adds to the advantages, and when it adds nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rlsys import schema
from rlsys.config.run import LearnerConfig, Precision, RunConfig, SamplingConfig, TeacherConfig
from rlsys.errors import ConfigError
from rlsys.learning.columns import columns_of
from rlsys.learning.objectives.distillation import teacher_terms
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.sequences import Sequences
from tests.helpers.algorithms import algorithm_of

COLUMNS = ("teacher_logprobs",)


def training(teacher: list[list[float]]) -> pa.RecordBatch:
    """Two completions of 3 and 1 tokens; a limit forced the second token of the first."""
    columns: dict[str, list[Any]] = {
        "group_id": [4, 4],
        "sample_index": [0, 1],
        "prompt_token_ids": [[7, 8], [7, 8]],
        "token_ids": [[1, 2, 3], [4]],
        "rollout_logprobs": [[-0.5, -1.0, -1.5], [-2.0]],
        "kept_token_ids": [None, None],
        "policy_versions": [[3, 3, 4], [4]],
        "forced": [[False, True, False], [False]],
        "advantages": [[0.5, 0.5, 0.5], [-0.5]],
        "reward": [1.0, 0.0],
        "teacher_logprobs": teacher,
    }
    return schema.build(schema.training(COLUMNS), columns)


def objective(config: TeacherConfig) -> PolicyGradient:
    config = replace(config, dtype=Precision.float32)
    terms = teacher_terms(config, Precision.float32)
    algorithm = algorithm_of(kl__coefficient=0.0)
    learner = LearnerConfig(dtype=Precision.float32)
    return PolicyGradient(algorithm, learner, SamplingConfig(max_tokens=8), terms=terms)


def no_score(_: Sequences) -> list[np.ndarray]:
    raise AssertionError("one update a step needs no scoring pass")


@pytest.mark.parametrize(("rewards", "base"), [(True, (0.5, -0.5)), (False, (0.0, 0.0))])
def test_each_token_gains_what_the_teacher_thinks_more_likely(
    rewards: bool, base: tuple[float, float]
) -> None:
    taught = objective(TeacherConfig(path="t", coefficient=2.0, rewards=rewards))
    batch = training([[-1.0, -1.0, -1.0], [-3.0]])
    first, second = taught.prepare(batch, 0, no_score).columns["advantages"]
    # - 2 (log pi_rollout - log pi_teacher): -2 (0.5), -2 (0), -2 (-0.5); -2 (1).
    assert first == pytest.approx([base[0] - 1.0, base[0], base[0] + 1.0])
    assert second == pytest.approx([base[1] - 2.0])


def test_a_teacher_that_says_what_the_policy_says_is_one_error() -> None:
    """Up to rounding, and whatever it says of a token that the policy did not choose."""
    same = training([[-0.5001, -9.0, -1.5], [-2.0002]])
    with pytest.raises(ConfigError, match=r"teacher\.path='t': of the first step's 3 tokens it"):
        objective(TeacherConfig(path="t")).prepare(same, 0, no_score)


def test_a_student_that_has_become_its_teacher_goes_on() -> None:
    taught = objective(TeacherConfig(path="t", rewards=False))
    taught.prepare(training([[-1.0, -1.0, -1.0], [-3.0]]), 0, no_score)
    same = taught.prepare(training([[-0.5, -1.0, -1.5], [-2.0]]), 1, no_score)
    assert not taught.has_signal(same, [0, 1])


def test_a_run_whose_student_has_become_its_teacher_can_be_resumed() -> None:
    """The learner is a new one then, and its first step is not the run's."""
    resumed = objective(TeacherConfig(path="t", rewards=False))
    same = resumed.prepare(training([[-0.5, -1.0, -1.5], [-2.0]]), 40, no_score)
    assert not resumed.has_signal(same, [0, 1])


def test_a_run_asks_for_the_teachers_column_only_where_there_is_one() -> None:
    config = RunConfig()
    assert columns_of(config.algorithm, config.teacher) == ("reference_logprobs",)
    config.teacher.path = "runs/local"
    assert columns_of(config.algorithm, config.teacher) == (
        "reference_logprobs",
        "teacher_logprobs",
    )
    assert teacher_terms(TeacherConfig(), Precision.float32) == []
