"""How many tokens of a group a model computes, by hand."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.errors import ConfigError
from rlsys.simulate.completions import completions_of

A, B = [1, 2], [3, 4, 5, 6]
ROWS = [{"step": 1}]


def left(folder: Path, *groups: list[list[int]]) -> Path:
    (folder / "samples").mkdir()
    rows = [
        {"group_id": i, "token_ids": tokens, "prompt_token_ids": [0] * 3}
        for i, group in enumerate(groups)
        for tokens in group
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "samples/step-000001.parquet")
    return folder


def test_equal_completions_are_computed_once_where_prompts_are_shared(tmp_path: Path) -> None:
    lengths, computed = completions_of(left(tmp_path, [A, A, A, B]), ROWS)
    assert lengths.tokens == (2, 2, 2, 4)
    assert (computed.prompt, computed.completion, computed.group_size) == (3.0, 2.5, 4)
    # Of two of the four: B is among them in 3 of 6 pairs, A in all.
    assert computed.distinct == pytest.approx((2.5, 2 + 4 * 3 / 6, 2 + 4 * 3 / 4, 6))
    assert computed.per_token(4, is_shared=True) == pytest.approx((3 + 6) / 10)
    assert computed.per_token(2, is_shared=True) == pytest.approx((3 + 4) / 5)
    # From 2 to 4 they grew by a factor of 1.5, and so they do from 4 to 8.
    assert computed.per_token(8, is_shared=True) == pytest.approx((3 + 9) / 20)
    assert computed.per_token(8, is_shared=False) == pytest.approx((3 + 2.5) / 2.5)


def test_completions_that_all_differ_are_all_computed(tmp_path: Path) -> None:
    groups = [[[i, j, 9] for j in range(4)] for i in range(2)]
    _, computed = completions_of(left(tmp_path, *groups), ROWS)
    assert computed.distinct == pytest.approx((3, 6, 9, 12))
    assert computed.per_token(16, is_shared=True) == pytest.approx((3 + 48) / 48)


def test_a_run_without_samples_has_no_lengths(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no samples of its steps"):
        completions_of(tmp_path, ROWS)
