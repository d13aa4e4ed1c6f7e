import numpy as np
import pytest

from rlsys.algorithms.aggregation import sequence_weights
from rlsys.config.algorithm import Aggregation

EXPECTED = {
    # Lengths 2 and 4 in one group, 1 in another: 2 groups, 3 sequences, 7 tokens.
    Aggregation.sequence_mean: [1 / 8, 1 / 16, 1 / 2],
    Aggregation.token_mean: [1 / 7, 1 / 7, 1 / 7],
    Aggregation.group_token_mean: [1 / 12, 1 / 12, 1 / 2],
    Aggregation.token_sum_over_group: [1 / 4, 1 / 4, 1 / 2],
    Aggregation.constant: [1 / 24, 1 / 24, 1 / 24],
}


def weights(kind, lengths, groups, max_tokens=8):
    return sequence_weights(np.array(lengths), np.array(groups), kind, max_tokens)


@pytest.mark.parametrize("kind", Aggregation)
def test_weights_of_two_groups(kind):
    np.testing.assert_allclose(weights(kind, [2, 4, 1], [7, 7, 9]), EXPECTED[kind], rtol=1e-15)


@pytest.mark.parametrize("kind", Aggregation)
def test_sequences_and_groups_without_trained_tokens_are_not_counted(kind):
    got = weights(kind, [2, 0, 4, 1, 0, 0], [7, 7, 7, 9, 9, 3])
    np.testing.assert_allclose(got[[0, 2, 3]], EXPECTED[kind], rtol=1e-15)
    assert got[[1, 4, 5]].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "kind", [Aggregation.sequence_mean, Aggregation.token_mean, Aggregation.group_token_mean]
)
def test_means_of_a_constant_token_loss_are_that_constant(kind):
    lengths = np.array([3, 1, 8, 5, 2])
    assert weights(kind, lengths, [0, 0, 1, 1, 1]) @ lengths == pytest.approx(1.0)


@pytest.mark.parametrize("kind", Aggregation)
def test_a_batch_without_trained_tokens_has_zero_weights(kind):
    assert weights(kind, [0, 0], [0, 1]).tolist() == [0, 0]
