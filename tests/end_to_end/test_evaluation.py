"""The same evaluation, asked for again: the same completions, whatever is sampled beside them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

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


def test_a_policy_that_follows_another_in_its_fleet_answers_as_it_does_alone(
    workplace: Workplace, tmp_path: Path
) -> None:
    asked = ("--config", str(workplace.config), "--limit", "20", "--samples", "4")
    asked += ("--temperatures", "1.0")
    first = workplace.run("eval", "local", *asked, "--out", str(tmp_path / "first"))
    assert first.returncode == 0, first.stdout + first.stderr
    local = json.loads((tmp_path / "first" / "results.json").read_text())["model"]
    changed = shutil.copytree(local, tmp_path / "changed")
    weights = load_file(changed / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    for tensor in weights.values():
        tensor += 0.02 * tensor.abs().mean() * torch.randn(tensor.shape, generator=generator)
    save_file(weights, changed / "model.safetensors", metadata={"format": "pt"})
    done = workplace.run("eval", "local", str(changed), *asked, "--out", str(tmp_path / "both"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ending the fleet") == 1
    alone = workplace.run("eval", str(changed), *asked, "--out", str(tmp_path / "alone"))
    assert alone.returncode == 0, alone.stdout + alone.stderr
    own = answers(tmp_path / "alone")
    assert answers(tmp_path / "both" / "changed") == own != answers(tmp_path / "first")
    assert answers(tmp_path / "both" / "local") == answers(tmp_path / "first")
