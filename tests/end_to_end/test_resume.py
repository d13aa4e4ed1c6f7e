"""kill -9 of the driver leaves no process behind, and --resume gives the run that was never killed.
The run is synchronous (max_staleness=0), so that it repeats bit for bit."""

import pytest

from rlsys.run import checkpoint, history
from tests.helpers.repeatable import DETERMINISTIC, STEPS, kill_after_step, metrics, policy, samples
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    workplace: Workplace,
) -> None:
    train = ("train", "--config", str(workplace.config), *DETERMINISTIC)
    done = workplace.run(*train, "run.name=straight")
    assert done.returncode == 0, done.stdout + done.stderr
    killed = workplace.folder / "runs" / "killed"
    newest = killed / "checkpoints" / "step-000002"
    kill_after_step(3, [*train, "run.name=killed"], workplace.folder / "killed.log", newest)
    assert [p.name for p in checkpoint.complete(killed / "checkpoints")] == ["step-000002"]
    done = workplace.run("train", "--resume", str(killed))
    assert done.returncode == 0, done.stdout + done.stderr

    straight = workplace.folder / "runs" / "straight"
    assert policy(killed) == policy(straight)
    assert metrics(killed) == metrics(straight)
    for step in range(1, STEPS + 1):
        rows = samples(straight, step)
        assert samples(killed, step) == rows
        assert {v for row in rows for v in row["policy_versions"]} == {step - 1}
    staleness = workplace.summary("straight")["staleness"]
    assert (staleness["mean"], staleness["max"], staleness["covering_bound"]) == (0.0, 0, 0)
    lines = history.read(killed / history.FILE)
    assert [line for line in lines if "resumed" in line] == [
        {"resumed": 2, "undone_steps": [3], "undone_trained": [4, 5]}
    ]
    account = history.account(lines)
    assert account.trained == {group: group // 2 + 1 for group in range(2 * STEPS)}
    summary = workplace.summary("killed")
    assert summary["ledger"] == workplace.summary("straight")["ledger"]
    assert summary["pass_at_1_after"] == workplace.summary("straight")["pass_at_1_after"]
    assert (summary["resumes"], summary["steps"]) == (1, STEPS)
