"""The objective of reinforcement learning by itself, without a model."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from rlsys import schema
from rlsys.config.algorithm import Aggregation, AlgorithmConfig, OffPolicy
from rlsys.config.run import LearnerConfig, Precision, SamplingConfig
from rlsys.errors import CheckpointError, ConfigError
from rlsys.learning.objectives.base import check_columns
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.objectives.policy_gradient import AdvantageTerm, PolicyGradient
from rlsys.learning.report import SKIPPED, Update
from rlsys.learning.sequences import Sequences
from tests.helpers.algorithms import algorithm_of

WITHOUT_KL = algorithm_of(kl__coefficient=0.0)


def objective(algorithm: AlgorithmConfig, minibatches: int = 1, **parts: Any) -> PolicyGradient:
    learner = LearnerConfig(minibatches=minibatches, dtype=Precision.float32)
    return PolicyGradient(algorithm, learner, SamplingConfig(max_tokens=8), **parts)


def training(**changes: list[Any]) -> pa.RecordBatch:
    """Two completions of one prompt, of 3 and 1 tokens."""
    columns: dict[str, list[Any]] = {
        "group_id": [4, 4],
        "sample_index": [0, 1],
        "prompt_token_ids": [[7, 8], [7, 8]],
        "token_ids": [[1, 2, 3], [4]],
        "rollout_logprobs": [[-0.5, -1.0, -1.5], [-2.0]],
        "kept_token_ids": [None, None],
        "policy_versions": [[3, 3, 4], [4]],
        "forced": [[False, True, False], [False]],
        "reference_logprobs": [[-1.0, -1.0, -1.0], [-3.0]],
        "advantages": [[0.5, 0.5, 0.5], [-0.5]],
        "reward": [1.0, 0.0],
    }
    return schema.build(schema.training(("reference_logprobs",)), columns | changes)


def no_score(_: Sequences) -> list[np.ndarray]:
    raise AssertionError("one update a step needs no scoring pass")


def test_the_reference_is_needed_where_there_is_a_kl_term() -> None:
    assert "reference_logprobs" in objective(AlgorithmConfig()).columns
    assert "reference_logprobs" not in objective(WITHOUT_KL).columns


def test_a_column_that_nothing_brings_is_one_error_with_its_name() -> None:
    brought = schema.training().names
    check_columns(objective(WITHOUT_KL), brought)
    with pytest.raises(ConfigError) as error:
        check_columns(objective(AlgorithmConfig()), brought)
    message = str(error.value)
    assert message.startswith("the objective policy_gradient needs reference_logprobs, which")
    assert "its batches have advantages, forced, group_id, " in message


def to_the_reference(sequences: Sequences) -> list[np.ndarray]:
    columns = sequences.columns
    pairs = zip(columns["reference_logprobs"], columns["rollout_logprobs"], strict=True)
    return [2.0 * (reference - rollout) for reference, rollout in pairs]


TERM = AdvantageTerm(("reference_logprobs",), to_the_reference)


def test_a_term_of_a_named_column_is_added_to_each_tokens_advantage() -> None:
    pulled = objective(WITHOUT_KL, terms=[TERM])
    assert pulled.columns[-1] == "reference_logprobs"
    sequences = pulled.prepare(training(), 0, no_score)
    first, second = sequences.columns["advantages"]
    # 0.5 + 2 (-1 + 0.5), 0.5 + 2 (-1 + 1), 0.5 + 2 (-1 + 1.5); -0.5 + 2 (-3 + 2).
    assert first == pytest.approx([-0.5, 0.5, 1.5])
    assert second == pytest.approx([-2.5])


def test_a_term_alone_is_a_signal() -> None:
    nothing = training(advantages=[[0.0, 0.0, 0.0], [0.0]])
    for terms, expected in (((), False), ((TERM,), True)):
        pulled = objective(WITHOUT_KL, terms=terms)
        sequences = pulled.prepare(nothing, 0, no_score)
        assert pulled.has_signal(sequences, [0, 1]) is expected


def test_the_policy_is_scored_only_where_minibatches_move_it() -> None:
    algorithm = algorithm_of(off_policy__mode=OffPolicy.decoupled_recompute)
    scores = [np.array([-1.0, -2.0, -3.0]), np.array([-4.0])]
    alone = objective(algorithm).prepare(training(), 0, no_score)
    assert "proximal_logprobs" not in alone.columns
    several = objective(algorithm, minibatches=2).prepare(training(), 0, lambda _: scores)
    assert several.columns["proximal_logprobs"] is scores


def test_weights_are_of_the_trained_tokens_of_a_minibatch() -> None:
    tokens = objective(algorithm_of(loss__aggregation=Aggregation.token_mean))
    sequences = tokens.prepare(training(), 0, no_score)
    assert tokens.weights(sequences, [0, 1]) == pytest.approx([1 / 3, 1 / 3])
    assert tokens.weights(sequences, [0]) == pytest.approx([1 / 2])
    longest = objective(algorithm_of(loss__aggregation=Aggregation.constant))
    assert longest.weights(sequences, [0, 1]) == pytest.approx([1 / 16, 1 / 16])


def test_the_adapted_coefficient_is_the_objectives_and_goes_through_its_state() -> None:
    algorithm = algorithm_of(kl__coefficient=0.5, kl__target=0.1)
    adapted = objective(algorithm)
    adapted.advance({"kl": 0.2})
    # Twice the target: the error is cut to 0.2, a tenth of which is 2%.
    assert adapted.state_dict() == {"kl_coefficient": pytest.approx(0.51)}
    assert algorithm.kl.coefficient == 0.5
    resumed = objective(algorithm)
    resumed.load_state_dict(adapted.state_dict())
    resumed.advance({"kl": 0.0})
    assert resumed.kl_coefficient == pytest.approx(0.51 * 0.98)


def test_a_fixed_coefficient_stays() -> None:
    fixed = objective(algorithm_of(kl__coefficient=0.5))
    fixed.advance({"kl": 100.0})
    assert fixed.kl_coefficient == 0.5


def test_the_adapted_coefficient_is_what_the_loss_and_the_share_of_a_kl_alone_use() -> None:
    adapted = objective(algorithm_of(kl__coefficient=0.1))
    adapted.load_state_dict({"kl_coefficient": 0.2})
    instead = adapted.without_signal({"kl": 0.5})
    assert instead is not None
    assert instead.share == pytest.approx(0.2)  # a drift of sqrt(2 * 0.5) = 1 nat
    assert adapted.without_signal({"kl": 1e-10}) is None


def test_the_state_of_one_objective_is_refused_by_another_that_has_none() -> None:
    with pytest.raises(CheckpointError, match=r"cross_entropy has no state, .*kl_coefficient"):
        CrossEntropy().load_state_dict(objective(WITHOUT_KL).state_dict())


def test_the_report_counts_the_updates_that_followed_the_kl_alone() -> None:
    means = {"loss": 1.0, "kl": 0.1, "clipped_low": 0.25, "clipped_high": 0.125}
    samples = {"log_ratio": torch.zeros(3)}
    updates = [SKIPPED, Update(False, 1e-6, 1.0), Update(True, 1e-6, 1.0)]
    report = objective(AlgorithmConfig()).report(means, samples, updates)
    assert report["kl_only_updates"] == 1
    assert report["clip_fraction"] == 0.375
    assert report["kl_coefficient"] == 0.001
    assert report["ratio_max"] == 1.0
    assert report["kl"] == 0.1
