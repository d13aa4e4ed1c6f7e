"""`rlsys fleet`: a step foretold, and devices divided."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError
from tests.helpers.measured_run import STEP_S, leave_run


def told(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["fleet", *arguments])
    if found.exception:
        raise found.exception
    return found.output


def test_a_run_is_foretold_as_it_went_and_its_table_says_the_same(tmp_path: Path) -> None:
    run, table = leave_run(tmp_path / "run"), tmp_path / "laws.yaml"
    config = str(run / "config.yaml")
    said = told("--config", config, "--from", str(run), "--out", str(table), "--devices", "8")
    assert f"{run}: 8 steps, {STEP_S:.3f} s each" in said
    first = re.search(r"sharing 2 cores\): ([\d.]+) s a step", said)
    assert first is not None
    assert float(first[1]) == pytest.approx(STEP_S, rel=0.05)
    assert re.search(r"best: max_staleness=\d+ .*\n  rollout\.workers=\d+ learner\.ranks=\d", said)
    again = re.search(r": ([\d.]+) s a step", told("--config", config, "--laws", str(table)))
    assert again is not None
    assert float(again[1]) == pytest.approx(float(first[1]), rel=0.05)


def test_who_says_what_a_decoding_step_takes_is_told(tmp_path: Path) -> None:
    old, new = leave_run(tmp_path / "old"), leave_run(tmp_path / "new", recorded=(0.01, 0.003, 0.1))
    said = {run: told("--config", f"{run}/config.yaml", "--from", str(run)) for run in (old, new)}
    assert "note: its samplers did not record what a decoding step takes" in said[old]
    assert "its samplers recorded 10.00 ms a decoding step + 3.000 a sequence, and" in said[new]


def test_a_reference_works_where_the_settings_have_one(tmp_path: Path) -> None:
    run, table = leave_run(tmp_path / "run"), tmp_path / "laws.yaml"
    config = str(run / "config.yaml")
    said = told("--config", config, "--from", str(run), "--out", str(table))
    assert "1 verifier, 1 reference, sharing" in said
    said = told("--config", config, "--laws", str(table), "algorithm.kl.coefficient=0")
    assert "1 verifier, sharing" in said
    table.write_text(re.sub("reference_token_s: .*", "reference_token_s: 0", table.read_text()))
    assert "without a reference" in told("--config", config, "--laws", str(table))


def test_speeds_come_from_a_run_or_from_a_table() -> None:
    with pytest.raises(ConfigError, match="either --from RUN or --laws FILE"):
        told("--config", "configs/local.yaml")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("sampler: {step_s: 0.1, sequence_s: 0.1}", "lengths: at least one is needed"),
        ("sampler: {step_s: -1, sequence_s: 0.1}\nlengths: [3]", "sampler.step_s=-1.0: must be"),
        ("sampler: {step: 1}", "sampler.step"),
    ],
)
def test_a_table_that_cannot_be_is_an_error_that_names_the_figure(
    tmp_path: Path, table: str, problem: str
) -> None:
    file = tmp_path / "laws.yaml"
    costs = "grade_s: 0, reference_token_s: 0, learn_token_s: 1, learn_step_s: 0, pack_s: 0"
    file.write_text(f"{table}\ncosts: {{{costs}, pull_s: 0}}\n")
    with pytest.raises(ConfigError, match=re.escape(problem)):
        told("--config", "configs/local.yaml", "--laws", str(file))
