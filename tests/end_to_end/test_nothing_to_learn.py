"""A run that cannot learn anything: it says so while it goes on, and at its end."""

import pytest

from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_a_run_whose_answers_are_all_cut_off_says_so_and_on_what_it_was_measured(
    workplace: Workplace,
) -> None:
    done = workplace.run(
        *("train", "--config", str(workplace.config), "run.name=cut-off"),
        *("sampling.max_tokens=1", "loop.steps=3", "data.holdout=8"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured = "pass@1 is measured on 8 held-out prompts, all there are"
    cut_off = "of the completions are cut off at sampling.max_tokens=1"
    before, training = done.stdout.split("training: waiting for the first groups")
    assert measured in before
    assert cut_off in before
    assert "step 2: warning: no group has a signal: in each of 8 all completions earned" in training
    assert training.count(cut_off) == 2  # of the newest steps once, and of the run at its end
    summary = workplace.summary("cut-off")
    assert summary["heldout"] == {"prompts": 8, "samples": 2}
    signal = summary["signal"]
    assert (signal["groups"], signal["without_signal"], signal["none_right"]) == (12, 12, 12)
    assert signal["completions"] == 48
    assert signal["cut_off"] > 43
    assert any(note.startswith(measured) for note in summary["notes"])
    assert any("A completion of step-000003.parquet ends: " in note for note in summary["notes"])
