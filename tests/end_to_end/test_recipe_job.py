"""A recipe by `ray job submit`: its stages join the cluster that runs the job."""

from pathlib import Path

import pytest

from rlsys.lineage.trace import lineage, lines
from tests.helpers.submitted import submit_recipe
from tests.helpers.workplace import Workplace

pytestmark = pytest.mark.long

RECIPE = """
stages:
  - {name: rl, kind: rl, config: CONFIG, overrides: {loop.steps: 2}, gate: [steps >= 2]}
  - name: table
    kind: evaluate
    config: CONFIG
    overrides: {benchmarks.limit: 8, benchmarks.samples: 2}
    inputs: {policy: "${rl.policy}"}
"""


def test_a_recipe_runs_by_ray_job_submit(workplace: Workplace, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(RECIPE.replace("CONFIG", str(workplace.config)))
    output = submit_recipe(tmp_path, file, "--directory", str(tmp_path / "made"))
    assert "succeeded" in output
    assert "rl: gate passed: steps >= 2: 2" in output
    assert "all 2 stages are done" in output
    way = [step.name for _, step in lines(lineage(tmp_path / "made" / "table" / "results.json"))]
    assert way == ["table", "policy", "policy"]
