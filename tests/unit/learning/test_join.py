from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rlsys import schema
from rlsys.errors import ConfigError, SchemaError
from rlsys.learning.join import (
    HELD_OUT,
    read_kept,
    samples_table,
    spread,
    training_batch,
    write_kept,
)
from rlsys.roles import REFERENCE, ROLLOUT, VERIFIER, Annotated, role_of
from tests.helpers.batches import grades, reference, rollouts

COLUMNS = ("reference_logprobs",)


def annotated(*batches: pa.RecordBatch) -> Annotated:
    """What rollout worker, verifier and reference say of a group, as far as they do."""
    return dict(zip((ROLLOUT, VERIFIER, REFERENCE), batches, strict=False))


def test_advantages_are_spread_over_the_tokens_of_each_answer() -> None:
    batch = training_batch(
        [
            {ROLLOUT: rollouts(4, [[7, 8], [9]]), REFERENCE: reference(4, [2, 1])},
            {ROLLOUT: rollouts(5, [[3, 3, 3], []]), REFERENCE: reference(5, [3, 0])},
        ],
        COLUMNS,
        advantages=np.array([0.5, -0.5, 1.0, -1.0]),
        rewards=np.array([1.0, 0.0, 1.0, 0.0]),
        trained=np.array([True, True, True, True]),
    )
    assert schema.check(batch, schema.training(COLUMNS)) is batch
    assert batch.column("group_id").to_pylist() == [4, 4, 5, 5]
    assert batch.column("advantages").to_pylist() == [[0.5, 0.5], [-0.5], [1.0, 1.0, 1.0], []]
    assert batch.column("reference_logprobs").to_pylist() == [[-1, -1], [-2], [-1, -1, -1], []]
    assert batch.column("reward").to_pylist() == [1.0, 0.0, 1.0, 0.0]
    assert batch.column("token_ids").to_pylist() == [[7, 8], [9], [3, 3, 3], []]
    assert batch.column("prompt_token_ids").to_pylist() == [[1, 2]] * 4


def test_a_row_that_is_not_trained_has_null_advantages() -> None:
    batch = training_batch(
        [{ROLLOUT: rollouts(4, [[7, 8], [9]])}],
        (),
        advantages=np.array([0.5, 0.0]),
        rewards=np.array([1.0, np.nan]),
        trained=np.array([True, False]),
    )
    assert batch.column("advantages").to_pylist() == [[0.5, 0.5], None]
    assert batch.column("reward").to_pylist() == [1.0, 0.0]


def test_slices_of_a_message_are_joined_as_whole_groups_are() -> None:
    both = pa.concat_batches([rollouts(4, [[7], [8]]), rollouts(5, [[9], [6]])])
    batch = training_batch(
        [{ROLLOUT: both.slice(2, 2)}],
        (),
        advantages=np.array([1.0, -1.0]),
        rewards=np.array([1.0, 0.0]),
        trained=np.array([True, True]),
    )
    assert batch.column("token_ids").to_pylist() == [[9], [6]]
    assert batch.column("group_id").to_pylist() == [5, 5]


@pytest.mark.parametrize(
    ("group", "error"),
    [
        (
            {ROLLOUT: rollouts(4, [[7]]), REFERENCE: reference(5, [1])},
            "group_id of rollout and reference do not agree",
        ),
        ({ROLLOUT: rollouts(4, [[7]])}, "nothing from the role reference"),
        ({ROLLOUT: reference(4, [1])}, "expected a rollouts batch .* got reference"),
        (
            {ROLLOUT: rollouts(4, [[7], [8]]), REFERENCE: reference(4, [1, 1])},
            "2 rows for 1 advantages",
        ),
    ],
)
def test_rows_that_do_not_belong_together_are_refused(group: Annotated, error: str) -> None:
    with pytest.raises(SchemaError, match=error):
        training_batch([group], COLUMNS, np.zeros(1), np.zeros(1), np.ones(1, bool))


def test_a_column_that_no_role_brings_is_an_error_that_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"'teacher_logits'; there are: .*reference_logprobs"):
        role_of("teacher_logits")


def test_samples_hold_rollouts_with_verdict_and_what_training_made_of_them() -> None:
    both = pa.concat_batches([rollouts(4, [[7], [8, 9]]), rollouts(5, [[6]])])
    table = samples_table(
        [
            annotated(both.slice(0, 2), grades(4, [1.0, None]), reference(4, [1, 2])),
            annotated(both.slice(2, 1), grades(5, [0.5]), reference(5, [1])),
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


def test_samples_say_of_each_token_how_it_was_trained() -> None:
    """Of the rows that took part; the others have nulls."""
    made = {
        "log_ratio": [[0.1], [0.2, None]],
        "clip": [[0], [2, None]],
        "advantages": [None, [1.0, 0.5]],
        "minibatch": [0, 1],
        "rank": [0, 0],
        "microbatch": [3, 4],
    }
    trained = {n: pa.array(v, type=schema.TRAINED[n]) for n, v in made.items()}
    took_part = np.array([True, False, True])
    whole = annotated(rollouts(4, [[7], [8], [8, 9]]), grades(4, [1.0, None, 0.5]))
    table = samples_table([whole], 1, trained=spread(trained, took_part))
    for name, (first, last) in made.items():
        found = table.column(name).to_pylist()
        assert found[1] is None
        assert found[0::2] == pa.array([first, last], type=schema.TRAINED[name]).to_pylist()
    assert table.column("level").to_pylist() == [""] * 3


def test_samples_of_every_kind_have_the_same_columns() -> None:
    """One reader takes them all, and tells them apart by `split` and `dropped`."""
    trained = samples_table([annotated(rollouts(4, [[7], [8]]), grades(4, [1.0, 0.0]))], 3)
    dropped = samples_table(
        [annotated(rollouts(5, [[7], [8]]), grades(5, [0.0, 0.0])), annotated(rollouts(6, [[7]]))],
        3,
        reasons=["no_signal", "failed"],
    )
    held_out = samples_table([annotated(rollouts(-1, [[7]]), grades(-1, [1.0]))], 3, HELD_OUT)
    table = pa.concat_tables([trained, dropped, held_out])
    assert table.column("dropped").to_pylist() == ["", "", "no_signal", "no_signal", "failed", ""]
    assert table.column("split").to_pylist() == ["train"] * 5 + ["held_out"]
    assert table.column("status").to_pylist() == ["correct"] * 4 + [None, "correct"]
    assert table.column("reward").to_pylist() == [1.0, 0.0, 0.0, 0.0, None, 1.0]
    assert table.column("kl").null_count == 6


def test_kept_rows_come_back_as_they_were(tmp_path: Path) -> None:
    both = pa.concat_batches([rollouts(4, [[7], [8]]), rollouts(5, [[9], [6, 3]])])
    ready = annotated(both.slice(2, 2), grades(5, [1.0, None]), reference(5, [1, 2]))
    sampled = annotated(rollouts(8, [[1, 2, 3]]))
    write_kept(tmp_path / "kept", [ready, sampled])
    back = read_kept(tmp_path / "kept")
    assert [list(group) for group in back] == [[ROLLOUT, VERIFIER, REFERENCE], [ROLLOUT]]
    for group, wanted in zip(back, (ready, sampled), strict=True):
        for role, batch in group.items():
            assert batch.equals(wanted[role], check_metadata=True)


def test_nothing_kept_comes_back_as_nothing(tmp_path: Path) -> None:
    write_kept(tmp_path / "kept", [])
    assert read_kept(tmp_path / "kept") == []


def test_the_training_batch_takes_along_what_the_tokens_were_sampled_from() -> None:
    kept = [[[7, 9]], [[8]]]
    column = schema.ROLLOUTS.get_field_index("kept_token_ids")
    whole = rollouts(4, [[7], [8]])
    lists = schema.ROLLOUTS.field(column)
    cut = whole.set_column(column, lists, pa.array(kept, type=lists.type))
    batch = training_batch([{ROLLOUT: cut}], (), np.zeros(2), np.zeros(2), np.ones(2, dtype=bool))
    assert batch.column("kept_token_ids").to_pylist() == kept
