import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from rlsys.evaluation.heldout import HeldOut
from rlsys.lineage.kinds import KINDS
from rlsys.loop.ledger import Ledger, State
from rlsys.observe.balance import Pace
from rlsys.observe.sft_summary import SftSummary
from rlsys.observe.summary import Summary
from rlsys.watch.accounting import Times


def heldout(step: int, right: int) -> HeldOut:
    """A check of 8 prompts, the first `right` of which are answered."""
    rates = {f"p{i}": float(i < right) for i in range(8)}
    value = right / 8
    return HeldOut(step, value, value - 0.05, value + 0.05, 8, 4, 22.0, 0.01, (step, step), rates)


@pytest.fixture
def summary() -> Summary:
    ledger = Ledger()
    for group in range(3):
        ledger.admit(group, "p")
    ledger.drop(0, "no_signal")
    for state in (State.SAMPLED, State.GRADED, State.READY, State.TRAINED):
        ledger.move(1, state)
    return Summary(
        run="local",
        before=heldout(0, 2),
        after=heldout(100, 5),
        checks=[heldout(0, 2), heldout(100, 5)],
        steps=100,
        planned_steps=120,
        prompts=4,
        wall_s=200.12345,
        train_s=100.0,
        consumed_tokens=250_000,
        ledger=ledger,
        times={"learner": Times(60.0, 100.0, {"ready groups": 39.0, "weights": 1.00049})},
        members={"learner": 1},
        staleness_mean=1.25,
        staleness_max=2,
        # 50 completions share 2,500 tokens/s, 50 each: the longest completion takes 1.7 s.
        pace=Pace(
            steps=100,
            train_s=100.0,
            waited_for_old_s=40.0,
            longest_group_s=3.0,
            longest_completion=85,
            consumed_tokens=250_000,
            completions_at_once=50,
            max_staleness=2,
        ),
        policy="/runs/local/checkpoints/step-000100/policy",
        notes=["note [bold] stays"],
    )


def test_the_file_has_the_promised_keys(summary: Summary, tmp_path: Path) -> None:
    summary.write(tmp_path)
    content = json.loads((tmp_path / "summary.json").read_text())
    expected = {
        "pass_at_1_before": 0.25,
        "pass_at_1_after": 0.625,
        "steps": 100,
        "planned_steps": 120,
        "epochs": 0.25,
        "prompts": 4,
        "wall_s": 200.123,
        "consumed_tokens": 250_000,
        "ledger": {"admitted": 3, "trained": 1, "dropped": {"no_signal": 1}, "alive": 1},
        "time": {
            "learner": {
                "busy_s": 60.0,
                "wall_s": 100.0,
                "waits": {"ready groups": 39.0, "weights": 1.0},
            }
        },
        "staleness": {
            "mean": 1.25,
            "max": 2,
            "bound": 2,
            "waited_for_old_s": 40.0,
            "longest_completion_s": 1.7,
            "covering_bound": 3,
        },
    }
    assert {key: content[key] for key in expected} == expected
    assert content["consumed_tokens_per_s"] == 2500.0
    assert [(c["step"], c["versions"], c["pass_at_1"]) for c in content["checks"]] == [
        (0, [0, 0], 0.25),
        (100, [100, 100], 0.625),
    ]
    # Three of the eight prompts are answered that were not.
    assert (content["gain"]["mean"], content["gain"]["problems"]) == (0.375, 8)
    assert 0 < content["gain"]["low"] < 0.375 < content["gain"]["high"]


def test_a_run_that_was_stopped_shows_its_last_check_by_its_step(summary: Summary) -> None:
    summary.after, summary.checks = None, [heldout(0, 2), heldout(60, 4)]
    text = io.StringIO()
    summary.show(Console(file=text, width=120, color_system=None))
    assert "held-out pass@1 at step 60 0.500 [0.450, 0.550]" in " ".join(text.getvalue().split())


def test_the_table_shows_the_evidence(summary: Summary) -> None:
    text = io.StringIO()
    console = Console(file=text, width=120, color_system=None)
    summary.show(console, ["rlsys chat runs/local  # talk to it"])
    shown = " ".join(text.getvalue().split())
    for part in (
        "held-out pass@1 before 0.250 [0.200, 0.300]",
        "held-out pass@1 after 0.625 [0.575, 0.675]",
        "gain +0.375 [+0.125, +0.750] (8 prompts x 4, paired, 95 % CI)",
        "steps 100 in 100.0 s (200.1 s in all)",
        "consumed tokens 250,000 (2,500/s)",
        "staleness mean 1.25, max 2",
        "groups admitted 3 = trained 1 + dropped 1 (no_signal 1) + alive 1",
        "learner 60.0 60% ready groups 39.0 s, weights 1.0 s",
        "completion takes 1.7 s, a step without waiting 0.6 s: loop.max_staleness=3 covers it",
        "policy: /runs/local/checkpoints/step-000100/policy note [bold] stays",
        "note [bold] stays rlsys chat runs/local # talk to it",
    ):
        assert part in shown


def test_figures_that_left_their_range_are_in_the_table_and_the_file(summary: Summary) -> None:
    line = "policy/kl outside observe.kl.most=1 in 2 steps, worst 184 at step 2"
    summary.alarms = [line]
    out = io.StringIO()
    summary.show(Console(file=out, width=120))
    assert [
        text.strip().split(maxsplit=1) for text in out.getvalue().splitlines() if line in text
    ] == [["alarm", line]]
    assert summary.to_dict()["alarms"] == [line]


@pytest.mark.parametrize(
    ("resumes", "said"), [(0, None), (1, "resumed once"), (2, "resumed 2 times")]
)
def test_resumes_are_counted_in_plain_words(
    summary: Summary, resumes: int, said: str | None
) -> None:
    summary.resumes = resumes
    stream = io.StringIO()
    summary.show(Console(file=stream, width=200))
    text = " ".join(stream.getvalue().split())
    assert ("resumed" in text) is bool(said)
    assert said is None or said in text


def test_its_figures_are_those_that_a_gate_can_ask_for(summary: Summary) -> None:
    found = summary.figures()
    assert found["pass_at_1"] == {"mean": 0.625, "low": 0.575, "high": 0.675}
    assert found["steps"] == 100
    assert set(found) <= set(KINDS["rl"].figures)


def test_the_figures_of_fine_tuning_have_the_held_out_loss_before_after_and_at_its_lowest() -> None:
    fine_tuning = SftSummary(
        run="sft",
        before=None,
        after=None,
        steps=30,
        planned_steps=30,
        wall_s=9.0,
        train_s=8.0,
        consumed_tokens=1000,
        times={},
        members={"learner": 1},
        rows=10,
        trained_rows=20,
        held_out_rows=4,
        losses={20: 0.5, 0: 2.0, 30: 0.75},
    )
    found = fine_tuning.figures()
    losses = [found[f"heldout_loss{when}"] for when in ("_before", "", "_lowest")]
    assert losses == [2.0, 0.75, 0.5]
    assert "pass_at_1" not in found
    assert set(found) <= set(KINDS["sft"].figures)
