"""Which results can be compared, and which are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsys.errors import DataError
from rlsys.evaluation.compare import compare, read_result

_SUMS: dict[str, Any] = {
    "benchmark": "sums",
    "temperature": 0.6,
    "budget": None,
    "rates": {"a": 1.0},
}


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (None, "results are not as `rlsys eval` writes them"),
        ("x", "results are not as"),
        ([{"benchmark": "sums"}], "results are not as .*KeyError"),
        ([_SUMS | {"rates": {"a": None}}], "results are not as"),
        ([_SUMS | {"rates": {"a": "1"}}], "results are not as"),
        ([_SUMS | {"rates": {"a": float("nan")}}], "sums: the rate of a is nan"),
        ([_SUMS | {"rates": {"a": 7}}], "sums: the rate of a is 7"),
        ([_SUMS, _SUMS], "sums/t0.6 stands there twice"),
    ],
)
def test_results_that_no_evaluation_writes_are_not_compared(
    tmp_path: Path, results: Any, said: str
) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"results": results}))
    with pytest.raises(DataError, match=rf"results\.json: {said}"):
        read_result(tmp_path)


def test_answers_that_were_cut_off_are_not_compared_with_others() -> None:
    def of(**changes: Any) -> dict[str, Any]:
        one = {"benchmark": "sums", "temperature": 0.6, "budget": None, "rates": {"a": 1.0}}
        one["max_tokens"] = 16
        return {"results": [one | changes]}

    cut = {"top_k": 20, "top_p": 0.95, "min_p": 0.0}
    (pair,) = compare(of(cut=cut), of(cut=cut))
    assert pair.setting == "t0.6-k20-p0.95"
    # As it was written before there was a cut.
    assert compare(of(), of(cut={"top_k": 0, "top_p": 1.0, "min_p": 0.0}))
    with pytest.raises(DataError, match=r"A has sums/t0\.6-k20-p0\.95; B has sums/t0\.6$"):
        compare(of(cut=cut), of())
