"""A run in words."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsys.observe.loggers import JsonLines
from rlsys.report.folder import read_record
from rlsys.report.verdict import Verdict, verdict
from tests.helpers.reported_run import make_run, metrics


def of(folder: Path, *arguments: Any) -> Verdict:
    return verdict(read_record(make_run(folder, *arguments)))


@pytest.mark.parametrize(
    ("after", "tone", "word"),
    [
        ([1.0] * 20, "better", "Better: "),
        ([0.0] * 20, "worse", "Worse: "),
        ([0.5, 0.25, 0.75, 0.5] * 5, "same", "No change beyond noise: "),
    ],
)
def test_the_headline_says_whether_it_got_better(
    after: list[float], tone: str, word: str, tmp_path: Path
) -> None:
    said = of(tmp_path / "a", [metrics(4)], {0: [0.5] * 20, 4: after})
    assert said.tone == tone
    assert said.headline.startswith(word)
    assert "0.500 [0.400, 0.600] at step 0" in said.headline
    assert "20 prompts, paired, 95 % intervals" in said.headline


def test_a_run_without_a_later_check_has_no_verdict_yet(tmp_path: Path) -> None:
    assert of(tmp_path / "a", []).headline == "Not measured: there is no held-out check yet"
    said = of(tmp_path / "b", [metrics(1)], {0: [0.5]})
    assert said.tone == "unknown"
    assert said.headline.endswith("at step 0; no later check yet")


def test_a_run_that_failed_before_it_was_measured_twice_says_so_first(tmp_path: Path) -> None:
    for name, rates, measured in (
        ("a", {}, ""),
        ("b", {0: [0.5]}, "; held-out pass@1 was 0.500 [0.400, 0.600] at step 0"),
    ):
        folder = make_run(tmp_path / name, [metrics(1)], rates=rates)
        (folder / "failure.json").write_text('{"error": "StallError: nobody sampled"}')
        told = verdict(read_record(folder))
        assert (told.tone, told.headline) == ("worse", f"Failed after step 1 of 4{measured}")
        assert told.lines[0].endswith("; StallError: nobody sampled")


def test_the_busiest_role_is_named_while_the_run_goes_on(tmp_path: Path) -> None:
    said = of(tmp_path / "a", [metrics(1), metrics(2)])
    assert said.lines[0] == "stopped: 2 of 4 steps in 0:04, 50 tokens/s trained on"
    assert "busiest role: rollout, busy 90%; it waits for slots 10% of the time" in said.lines


def test_what_limits_a_run_that_ended_counts_members(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [metrics(4)])
    summary = {
        "steps": 4,
        "pass_at_1_after": None,
        "balance": {"members": {"rollout": 2, "learner": 1}},
        "staleness": {"bound": 2, "covering_bound": 5},
        "signal": {"groups": 10, "without_signal": 4, "cut_off": 1},
        "notes": ["a note"],
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    lines = verdict(read_record(folder)).lines
    assert "balance: 2 rollout, busy 90%, keeps up with 0.44 learner (of 1)" in lines
    assert any(line.startswith("bottleneck: rollout; one more") for line in lines)
    assert "staleness: loop.max_staleness=5 covers the longest completion" in lines
    assert "signal: 6 of 10 groups had one; 1 completions were cut off" in lines
    assert lines[-1] == "a note"


def test_a_summary_of_fewer_steps_is_not_believed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [metrics(3)])
    old = {"steps": 2, "pass_at_1_after": None, "notes": ["old"]}
    (folder / "summary.json").write_text(json.dumps(old))
    assert "old" not in verdict(read_record(folder)).lines


def test_alarms_are_told_with_their_steps(tmp_path: Path) -> None:
    lines = [metrics(1), metrics(2, **{"alarm/kl": 1.0}), metrics(3, **{"alarm/kl": 1.0})]
    lines.append(metrics(4, **{"alarm/entropy": 1.0}))
    said = of(tmp_path / "a", lines).lines
    assert "alarm kl: on in 2 steps, 2 to 3" in said
    assert "alarm entropy: on in step 4" in said


def test_supervised_fine_tuning_has_its_held_out_loss(tmp_path: Path) -> None:
    lines = [metrics(1, **{"heldout/loss": 0.5}), metrics(2), metrics(3, **{"heldout/loss": 0.25})]
    told = "held-out loss: 0.5000 at step 1, 0.2500 at step 3, nats per completion token"
    assert told in of(tmp_path / "a", lines).lines


def test_what_the_run_writes_is_what_is_read(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [])
    logger = JsonLines(folder)
    logger.step(1, metrics(1))
    logger.close()
    assert read_record(folder).times()["rollout"].busy_s == pytest.approx(1.8)
