"""The main job as the README has it on a cluster: by `ray job submit`, from a clean copy."""

import json

import pytest

from tests.helpers.submitted import Submitted

pytestmark = pytest.mark.slow


def test_the_main_job_runs_by_ray_job_submit(submitted: Submitted) -> None:
    assert "succeeded" in submitted.output
    summary = json.loads((submitted.folder / "summary.json").read_text())
    assert summary["steps"] == 8
    assert summary["ledger"]["trained"] == 32
    for name in ("rollout-0", "verifier-0", "reference-0", "learner-0"):
        assert name in submitted.actors


def test_a_plugin_that_only_the_jobs_folder_has_grades_its_answers(submitted: Submitted) -> None:
    lines = (submitted.folder / "metrics.jsonl").read_text().splitlines()
    assert all("reward/brevity" in json.loads(line) for line in lines)


def test_a_loss_that_only_the_jobs_folder_has_is_learned_from(submitted: Submitted) -> None:
    lines = [json.loads(x) for x in (submitted.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["policy/clip_fraction"] for line in lines] == [1.0] * 8
    assert max(line.get("policy/gradient_norm", 0.0) for line in lines) > 0
