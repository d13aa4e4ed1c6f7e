from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rlsys import schema
from rlsys.errors import SchemaError
from rlsys.learning.layout import lay_out
from rlsys.learning.sequences import Sequences
from rlsys.schema import list_column


def training(**changes: list[Any]) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {
        "group_id": [4, 4, 5],
        "sample_index": [0, 1, 0],
        "prompt_token_ids": [[7, 8], [7, 8], [9]],
        "token_ids": [[1, 2, 3], [4], []],
        "rollout_logprobs": [[-0.5, -1.0, -1.5], [-2.0], []],
        "kept_token_ids": [None] * 3,
        "policy_versions": [[3, 3, 4], [4], []],
        "forced": [[False, True, False], [False], []],
        "reference_logprobs": [[-1.0, -1.0, -1.0], [-3.0], []],
        "advantages": [[0.5, 0.5, 0.5], [-0.5], []],
        "reward": [1.0, 0.0, 0.5],
    }
    return schema.build(schema.training(("reference_logprobs",)), columns | changes)


def plain(arrays: list[np.ndarray]) -> list[list[float]]:
    return [array.tolist() for array in arrays]


def test_every_column_becomes_one_array_per_answer() -> None:
    sequences = Sequences.from_training(training(), version=0)
    assert len(sequences) == 3
    assert plain(sequences.prompts) == [[7, 8], [7, 8], [9]]
    assert plain(sequences.completions) == [[1, 2, 3], [4], []]
    assert plain(sequences.columns["rollout_logprobs"]) == [[-0.5, -1.0, -1.5], [-2.0], []]
    assert plain(sequences.columns["policy_versions"]) == [[3, 3, 4], [4], []]
    assert plain(sequences.columns["reference_logprobs"]) == [[-1.0, -1.0, -1.0], [-3.0], []]
    assert plain(sequences.columns["advantages"]) == [[0.5, 0.5, 0.5], [-0.5], []]
    assert sequences.rewards.tolist() == [1.0, 0.0, 0.5]
    assert sequences.groups == [4, 4, 5]
    assert sequences.num_trained.tolist() == [2, 1, 0]


def test_tokens_that_a_limit_forced_are_outside_the_losss_mask() -> None:
    sequences = Sequences.from_training(training(), version=0)
    layout = lay_out([[0], [1]], sequences.prompts, sequences.completions)
    assert layout.mask.tolist() == [[True, True, True], [True, False, False]]
    assert sequences.mask(layout).tolist() == [[True, False, True], [True, False, False]]


def test_masked_rows_are_left_out_of_every_column() -> None:
    sequences = Sequences.from_training(training(advantages=[None, [-0.5], []]), version=0)
    assert plain(sequences.completions) == [[4], []]
    assert plain(sequences.columns["reference_logprobs"]) == [[-3.0], []]
    assert sequences.rewards.tolist() == [0.0, 0.5]
    assert sequences.groups == [4, 5]


def test_a_batch_without_reference_has_none() -> None:
    batch = training().drop_columns("reference_logprobs")
    assert "reference_logprobs" not in Sequences.from_training(batch, version=0).columns


def test_a_reference_for_some_rows_only_is_refused() -> None:
    with pytest.raises(SchemaError, match="1 of 3 rows have no reference_logprobs"):
        Sequences.from_training(training(reference_logprobs=[None, [-3.0], []]), version=0)


def test_a_batch_whose_rows_are_all_masked_is_empty() -> None:
    sequences = Sequences.from_training(training(advantages=[None] * 3), version=0)
    assert len(sequences) == 0
    assert sequences.num_trained.tolist() == []


def test_another_contract_is_refused() -> None:
    columns = {"group_id": [1], "sample_index": [0], "reference_logprobs": [[0.0]]}
    with pytest.raises(SchemaError, match="expected a training batch"):
        Sequences.from_training(schema.build(schema.REFERENCE, columns), version=0)


def test_gather_lays_values_out_as_the_microbatch_is() -> None:
    sequences = Sequences.from_training(training(), version=0)
    layout = lay_out([[2], [0]], sequences.prompts, sequences.completions)
    gathered = sequences.gather("rollout_logprobs", layout)
    assert gathered.tolist() == [[0.0, 0.0, 0.0], [-0.5, -1.0, -1.5]]
    assert sequences.gather("policy_versions", layout).tolist() == [[0, 0, 0], [3, 3, 4]]


def test_a_list_column_of_a_slice_is_that_of_the_slice() -> None:
    batch = training().slice(1, 2)
    assert plain(list_column(batch, "token_ids")) == [[4], []]
    assert plain(list_column(batch, "rollout_logprobs")) == [[-2.0], []]


def test_a_list_column_is_a_view_of_the_batch() -> None:
    batch = training()
    values = batch.column("token_ids").values.to_numpy()
    assert np.shares_memory(list_column(batch, "token_ids")[0], values)


@pytest.mark.parametrize(
    ("advantages", "chosen", "some"),
    [
        ([[0.0, 0.0, 0.0], [0.5], []], [0, 1, 2], True),
        ([[0.0, 0.0, 0.0], [0.5], []], [0, 2], False),
        # The second token was forced.
        ([[0.0, 0.5, 0.0], [0.0], []], [0, 1, 2], False),
        ([[0.0, 0.0, -1e-9], [0.0], []], [0, 1, 2], True),
    ],
)
def test_an_advantage_counts_where_a_chosen_answers_trained_token_has_it(
    advantages: list[list[float]], chosen: list[int], some: bool
) -> None:
    sequences = Sequences.from_training(training(advantages=advantages), version=0)
    assert sequences.has_any("advantages", chosen) is some


def demonstrations(**changes: list[Any]) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {
        "prompt_token_ids": [[7, 8], [9]],
        "token_ids": [[1, 2, 3], [4]],
        "loss_weights": [[1.0, 0.0, 0.5], [1.0]],
    }
    return schema.build(schema.DEMONSTRATIONS, columns | changes)


def test_demonstrations_are_trained_on_where_their_weight_is_not_0() -> None:
    sequences = Sequences.from_demonstrations(demonstrations())
    assert plain(sequences.trained) == [[True, False, True], [True]]
    assert sequences.groups == [0, 1]
    assert plain(sequences.columns["loss_weights"]) == [[1.0, 0.0, 0.5], [1.0]]


def test_without_weights_every_token_of_a_completion_weighs_1() -> None:
    sequences = Sequences.from_demonstrations(demonstrations(loss_weights=[None, None]))
    assert plain(sequences.columns["loss_weights"]) == [[1.0, 1.0, 1.0], [1.0]]
    assert sequences.num_trained.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([[1.0, 1.0, 1.0], None], "1 of 2 rows have no loss_weights"),
        ([[1.0, 1.0, 1.0], [1.0, 1.0]], "row 1 has 2 loss_weights for 1 tokens"),
        ([[1.0, -1.0, 1.0], [1.0]], "row 0 has a loss_weight of -1; nearest valid: 0"),
        ([[1.0, 1.0, 1.0], [float("nan")]], "row 1 has a loss_weight of nan"),
    ],
)
def test_weights_that_are_not_one_number_for_each_token_are_refused(
    weights: list[Any], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        Sequences.from_demonstrations(demonstrations(loss_weights=weights))


def test_another_list_column_of_a_batch_is_another_named_column() -> None:
    batch = training()
    columns = {name: batch.column(name) for name in schema.training().names}
    columns["teacher_logprobs"] = [[-0.25, -0.5, -1.0], [-2.0], []]
    batch = schema.build(schema.training(("teacher_logprobs",)), columns)
    found = Sequences.from_training(batch, version=0).columns["teacher_logprobs"]
    assert plain(found) == [[-0.25, -0.5, -1.0], [-2.0], []]
