"""A report says what `rlsys explain` and `rlsys audit` say, or why they say nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.inquiry import sections
from rlsys.inquiry.sections import ask
from rlsys.report.sections import named
from tests.helpers.faulty_run import World, faulty_run
from tests.helpers.reported_run import make_run, metrics, write_samples


def paid(folder: Path, answer: str, steps: int = 1, groups: int = 20) -> Path:
    """Completions that are paid as right, where 42 is expected."""
    run = make_run(folder, [metrics(step) for step in range(1, steps + 1)])
    for step in range(1, steps + 1):
        write_samples(run, step, groups, text=f"<answer>{answer}</answer>", expected='"42"')
    return run


def test_what_changed_is_told_with_its_step_and_the_completions_that_show_it(
    tmp_path: Path,
) -> None:
    harder = replace(World(), right=0.25, source="hard", asked="12*13+14-15/3=?", tokens=35.0)
    told, _ = ask(faulty_run(tmp_path / "a", World(), harder, 20))
    assert told.is_bad
    assert told.line.startswith("What changed: reward/mean fell at step 20, from 0.6")
    assert "points to the data: other prompts from step 20 on" in told.line
    point = next(one for one in told.points if "source/hard 0" in one.told)
    assert point.told == "step 20: source/hard 0 \u2192 1.00 (data)"
    assert len(point.completions) == 3
    assert set(named([told])) >= {one.step for one in point.completions}


def test_reward_that_is_not_earned_is_told_with_completions(tmp_path: Path) -> None:
    _, told = ask(paid(tmp_path / "a", "41"))
    assert (told.line, told.is_bad) == ("Is the reward earned: look at paid_wrong", True)
    bad = [one for one in told.points if one.is_bad]
    assert [one.told.partition(":")[0] for one in bad] == ["paid_wrong"]
    assert "40 of 40, 100.00%; up to 1% says nothing" in bad[0].told
    assert [(one.step, one.sample) for one in bad[0].completions] == [(1, 0), (1, 1), (1, 0)]
    assert bad[0].completions[0].text == 'expected "42": <answer>41</answer>'
    assert not any(one.completions for one in told.points if not one.is_bad)


def test_a_run_that_is_well_has_two_calm_lines(tmp_path: Path) -> None:
    changed, _ = ask(faulty_run(tmp_path / "a", World(), World(), 20))
    _, earned = ask(paid(tmp_path / "b", "42"))
    assert changed.line == "What changed: reward/mean fell at no step beyond its noise"
    assert earned.line == "Is the reward earned: nothing to look at"
    assert not changed.is_bad
    assert not earned.is_bad


def test_a_run_of_too_few_steps_says_that_it_was_not_looked_at(tmp_path: Path) -> None:
    changed, earned = ask(make_run(tmp_path / "a", [metrics(1)]))
    assert "not looked at: a: 1 steps are done; two windows need 6" in changed.line
    assert "not looked at: a: no completion was trained on yet" in earned.line


def test_a_file_that_is_damaged_costs_the_question_and_not_the_report(tmp_path: Path) -> None:
    run = paid(tmp_path / "a", "41")
    (run / "samples" / "step-000001.parquet").write_bytes(b"half of it")
    _, earned = ask(run)
    assert earned.line.startswith("Is the reward earned: not looked at: ")


def test_of_a_run_without_rewards_nothing_is_asked(tmp_path: Path) -> None:
    assert ask(make_run(tmp_path / "a", [{"step": 1, "policy/loss": 1.0}])) == []


def test_an_audit_for_a_report_looks_at_fewer_completions_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "MOST", 20)
    _, told = ask(paid(tmp_path / "a", "41", steps=10, groups=9))
    assert "(20 of 20, " in told.points[0].told
    assert told.sentences == [
        "some 20 completions at most are looked at here, evenly over the steps; rlsys audit a "
        "looks at more, and asks another verifier"
    ]


def test_the_command_writes_them_into_its_file(tmp_path: Path) -> None:
    paid(tmp_path / "runs" / "a", "41")
    file = tmp_path / "report.html"
    done = CliRunner().invoke(
        app, ["report", "a", "--directory", str(tmp_path / "runs"), "--out", str(file)]
    )
    assert done.exit_code == 0, done.output
    assert "Is the reward earned: look at paid_wrong" in file.read_text()
