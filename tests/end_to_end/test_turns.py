"""A run in which learner and sampler have the machine by turns, with all real parts."""

import json

import pytest

from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_a_run_by_turns_is_synchronous_and_says_for_whose_turn_each_waits(
    workplace: Workplace,
) -> None:
    done = workplace.run(
        *("train", "--config", str(workplace.config), "run.name=turns", "loop.steps=3"),
        *("cluster.colocate=true", "loop.max_staleness=0", "loop.checkpoint_every=2"),
        *("loop.evaluate_every=2", "learner.holds_reference=true"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reference-0" not in done.stdout
    folder = workplace.folder / "runs" / "turns"
    steps = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2, 3]
    for step in steps:
        assert step["staleness/max"] == 0
        shares = {name: value for name, value in step.items() if name.startswith("time/")}
        for role in ("learner", "rollout"):
            assert shares[f"time/{role}/turn"] > 0
            own = [value for name, value in shares.items() if name.startswith(f"time/{role}/")]
            assert sum(own) == pytest.approx(1, abs=0.01)
    summary = workplace.summary("turns")
    assert set(summary["time"]["learner"]["waits"]) >= {"turn"}
    assert (folder / "checkpoints" / "step-000003" / "policy").is_dir()
    assert len((folder / "heldout.jsonl").read_text().splitlines()) == 3
