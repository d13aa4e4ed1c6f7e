"""Two stages of a recipe side by side, each with a Ray of its own, and what becomes of both."""

from dataclasses import replace
from pathlib import Path

import pytest

from rlsys.lineage.manifest import read_manifest
from rlsys.lineage.trace import lineage, lines
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]

# A policy this young is never right; by this, some of what it writes is better than the rest.
DIGITS = """
def digits(data_source, solution_str, ground_truth, extra_info):
    return sum(map(str.isdigit, solution_str)) / max(1, len(solution_str))
"""
RECIPE = """
stages:
  - name: left
    kind: rl
    config: CONFIG
    overrides: &by_digits
      loop.steps: 2
      verifiers.plugins: [PLUGIN]
      verifiers.rewards: [{name: digits}]
  - name: right
    kind: rl
    config: CONFIG
    overrides: {<<: *by_digits, data.shuffle: false}
  - name: merged
    kind: merge
    config: CONFIG
    inputs: {policy_1: "${left.policy}", policy_2: "${right.policy}"}
    gate: [distance_policy_1 > 0, distance_policy_2 > 0]
"""


def test_two_branches_of_one_start_run_at_the_same_time_and_are_merged(
    workplace: Workplace, tmp_path: Path
) -> None:
    file, made = tmp_path / "branches.yaml", tmp_path / "made"
    plugin = tmp_path / "digits.py"
    plugin.write_text(DIGITS)
    recipe = RECIPE.replace("CONFIG", str(workplace.config)).replace("PLUGIN", str(plugin))
    file.write_text(recipe)
    told = ("--directory", str(made), "--branches", "2")
    # Two of them start at the same time on two cores.
    patient = replace(workplace, environment={"RAY_raylet_start_wait_time_s": "180"})
    done = patient.run("recipe", "run", str(file), *told, timeout_s=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    left, right = (read_manifest(made / name) for name in ("left", "right"))
    assert max(left.started, right.started) < min(left.ended, right.ended)
    assert left.inputs["policy"].digest == right.inputs["policy"].digest
    assert left.outputs["policy"].digest != right.outputs["policy"].digest
    way = [(depth, step.name) for depth, step in lines(lineage(made / "merged" / "policy"))]
    names = ("policy", "policy_1", "plugin", "policy", "policy_2", "plugin", "policy")
    assert way == list(zip((0, 1, 2, 2, 1, 2, 2), names, strict=True))
