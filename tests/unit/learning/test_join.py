from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys import schema
from rlsys.errors import DiskError, SchemaError
from rlsys.learning.join import (
    HELD_OUT,
    read_kept,
    samples_table,
    training_batch,
    write_kept,
    write_table,
)
from tests.helpers.batches import reference, rollouts, scores


def test_advantages_are_spread_over_the_tokens_of_each_answer() -> None:
    batch = training_batch(
        [rollouts(4, [[7, 8], [9]]), rollouts(5, [[3, 3, 3], []])],
        [reference(4, [2, 1]), reference(5, [3, 0])],
        advantages=np.array([0.5, -0.5, 1.0, -1.0]),
        rewards=np.array([1.0, 0.0, 1.0, 0.0]),
        trained=np.array([True, True, True, True]),
    )
    assert schema.check(batch, schema.TRAINING) is batch
    assert batch.column("group_id").to_pylist() == [4, 4, 5, 5]
    assert batch.column("advantages").to_pylist() == [[0.5, 0.5], [-0.5], [1.0, 1.0, 1.0], []]
    assert batch.column("reference_logprobs").to_pylist() == [[-1, -1], [-2], [-1, -1, -1], []]
    assert batch.column("reward").to_pylist() == [1.0, 0.0, 1.0, 0.0]
    assert batch.column("token_ids").to_pylist() == [[7, 8], [9], [3, 3, 3], []]
    assert batch.column("prompt_token_ids").to_pylist() == [[1, 2]] * 4


def test_a_row_that_is_not_trained_has_null_advantages() -> None:
    batch = training_batch(
        [rollouts(4, [[7, 8], [9]])],
        None,
        advantages=np.array([0.5, 0.0]),
        rewards=np.array([1.0, np.nan]),
        trained=np.array([True, False]),
    )
    assert batch.column("advantages").to_pylist() == [[0.5, 0.5], None]
    assert batch.column("reference_logprobs").null_count == 2
    assert batch.column("reward").to_pylist() == [1.0, 0.0]


def test_slices_of_a_message_are_joined_as_whole_groups_are() -> None:
    message = pa.concat_batches([rollouts(4, [[7], [8]]), rollouts(5, [[9], [6]])])
    batch = training_batch(
        [message.slice(2, 2)],
        None,
        advantages=np.array([1.0, -1.0]),
        rewards=np.array([1.0, 0.0]),
        trained=np.array([True, True]),
    )
    assert batch.column("token_ids").to_pylist() == [[9], [6]]
    assert batch.column("group_id").to_pylist() == [5, 5]


def test_a_reference_batch_of_another_group_is_refused() -> None:
    with pytest.raises(SchemaError, match="group_id of rollouts and reference do not agree"):
        training_batch(
            [rollouts(4, [[7]])], [reference(5, [1])], np.zeros(1), np.zeros(1), np.ones(1, bool)
        )


def test_a_batch_of_another_contract_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"expected a rollouts batch .* got reference"):
        training_batch([reference(4, [1])], None, np.zeros(1), np.zeros(1), np.ones(1, bool))


def test_rows_without_their_advantage_are_refused() -> None:
    with pytest.raises(SchemaError, match="2 rows for 1 advantages"):
        training_batch([rollouts(4, [[7], [8]])], None, np.zeros(1), np.zeros(1), np.ones(1, bool))


def test_samples_hold_rollouts_with_verdict_and_what_training_made_of_them() -> None:
    message = pa.concat_batches([rollouts(4, [[7], [8, 9]]), rollouts(5, [[6]])])
    table = samples_table(
        [
            (message.slice(0, 2), scores(4, [1.0, None]), reference(4, [1, 2])),
            (message.slice(2, 1), scores(5, [0.5]), reference(5, [1])),
        ],
        step=12,
        advantages=np.array([0.5, np.nan, -1.0]),
    )
    small = [name for name in schema.ROLLOUTS.names if name != "kept_token_ids"]
    assert table.column_names[: len(small)] == small
    assert table.column("reward").to_pylist() == [1.0, None, 0.5]
    assert table.column("step").to_pylist() == [12, 12, 12]
    assert table.column("components").to_pylist()[0] == [("accuracy", 1.0)]
    assert table.column("advantage").to_pylist() == [0.5, None, -1.0]
    # Reference logprobs are -1 - i per token of answer i, those of the sampler -0.5.
    assert table.column("reference_logprob").to_pylist() == [-1.0, -4.0, -1.0]
    assert table.column("kl").to_pylist() == [0.5, 3.0, 0.5]
    assert set(table.column("split").to_pylist()) == {"train"}
    assert set(table.column("dropped").to_pylist()) == {""}


def test_samples_of_every_kind_have_the_same_columns() -> None:
    """One reader takes them all, and tells them apart by `split` and `dropped`."""
    trained = samples_table([(rollouts(4, [[7], [8]]), scores(4, [1.0, 0.0]), None)], 3)
    dropped = samples_table(
        [(rollouts(5, [[7], [8]]), scores(5, [0.0, 0.0]), None), (rollouts(6, [[7]]), None, None)],
        3,
        reasons=["no_signal", "failed"],
    )
    held_out = samples_table([(rollouts(-1, [[7]]), scores(-1, [1.0]), None)], 3, HELD_OUT)
    table = pa.concat_tables([trained, dropped, held_out])
    assert table.column("dropped").to_pylist() == ["", "", "no_signal", "no_signal", "failed", ""]
    assert table.column("split").to_pylist() == ["train"] * 5 + ["held_out"]
    assert table.column("status").to_pylist() == ["correct"] * 4 + [None, "correct"]
    assert table.column("reward").to_pylist() == [1.0, 0.0, 0.0, 0.0, None, 1.0]
    assert table.column("kl").null_count == 6


def test_a_file_of_samples_is_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = samples_table([(rollouts(4, [[7]]), scores(4, [1.0]), None)], 3)
    path = tmp_path / "dropped" / "step-000003-000004.parquet"
    write_table(table, path)
    assert pq.read_table(path).num_rows == 1

    def full(table: pa.Table, where: Path, **_: object) -> None:
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    other = path.with_name("step-000004-000009.parquet")
    with pytest.raises(DiskError, match=r"000009\.parquet could not be written.*No space left"):
        write_table(table, other)
    assert not other.exists()


def test_kept_rows_come_back_as_they_were(tmp_path: Path) -> None:
    message = pa.concat_batches([rollouts(4, [[7], [8]]), rollouts(5, [[9], [6, 3]])])
    ready = (message.slice(2, 2), scores(5, [1.0, None]), reference(5, [1, 2]))
    sampled = (rollouts(8, [[1, 2, 3]]), None, None)
    write_kept(tmp_path / "kept", [ready, sampled])
    back = read_kept(tmp_path / "kept")
    assert [[b is None for b in entry] for entry in back] == [[False] * 3, [False, True, True]]
    for entry, wanted in zip(back, (ready, sampled), strict=True):
        for batch, original in zip(entry, wanted, strict=True):
            assert (
                batch is None if original is None else batch.equals(original, check_metadata=True)
            )


def test_nothing_kept_comes_back_as_nothing(tmp_path: Path) -> None:
    write_kept(tmp_path / "kept", [])
    assert read_kept(tmp_path / "kept") == []


def test_the_training_batch_takes_along_what_the_tokens_were_sampled_from() -> None:
    kept = [[[7, 9]], [[8]]]
    column = schema.ROLLOUTS.get_field_index("kept_token_ids")
    whole = rollouts(4, [[7], [8]])
    lists = schema.ROLLOUTS.field(column)
    cut = whole.set_column(column, lists, pa.array(kept, type=lists.type))
    batch = training_batch([cut], None, np.zeros(2), np.zeros(2), np.ones(2, dtype=bool))
    assert batch.column("kept_token_ids").to_pylist() == kept
