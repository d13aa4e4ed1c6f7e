"""The same evaluation, asked for again: the same completions, whatever is sampled beside them."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]


def answers(folder: Path) -> dict[tuple[str, int], tuple[list[int], list[float]]]:
    """Tokens and logprobs by problem and number."""
    rows: list[dict[str, Any]] = []
    for part in sorted((folder / "samples").rglob("part-*.parquet")):
        rows += pq.read_table(part).to_pylist()
    return {
        (row["prompt_id"], row["sample_index"]): (row["token_ids"], row["rollout_logprobs"])
        for row in rows
    }


def test_a_resumed_evaluation_with_other_batches_gives_the_same_answers(
    workplace: Workplace,
) -> None:
    whole, resumed = workplace.folder / "eval-whole", workplace.folder / "eval-resumed"
    asked = ("eval", "local", "--config", str(workplace.config), "--limit", "40")
    asked += ("--samples", "4", "--temperatures", "1.0")
    done = workplace.run(*asked, "--out", str(whole))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "some completions may differ" not in done.stdout
    shutil.copytree(whole, resumed)
    parts = sorted((resumed / "samples").rglob("part-*.parquet"))
    for part in parts[: (len(parts) + 1) // 2]:
        part.unlink()
    done = workplace.run(*asked, "--out", str(resumed), "rollout.max_sequences=7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "continuing" in done.stdout
    assert answers(resumed) == answers(whole)
    assert len(answers(whole)) == 160
