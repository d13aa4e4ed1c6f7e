"""kill -9 of the driver, and --resume: the run that comes out is the one that was never killed."""

from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from rlsys.run import checkpoint, history
from tests.helpers.processes import alive, wait_until
from tests.helpers.repeatable import DETERMINISTIC, STEPS, kill_after_step, metrics, policy, samples
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope="module")
def straight(workplace: Workplace) -> Path:
    """A run that nothing disturbed."""
    done = workplace.run(*_train(workplace), "run.name=straight")
    assert done.returncode == 0, done.stdout + done.stderr
    return workplace.folder / "runs" / "straight"


@dataclass(frozen=True)
class Killed:
    """A run whose driver was killed after its third step."""

    folder: Path
    family: list[psutil.Process]
    """What the driver had started."""


@pytest.fixture(scope="module")
def killed(workplace: Workplace) -> Killed:
    log = workplace.folder / "killed.log"
    family = kill_after_step(3, [*_train(workplace), "run.name=killed"], log)
    return Killed(workplace.folder / "runs" / "killed", family)


def test_a_killed_driver_leaves_no_process_behind(killed: Killed) -> None:
    assert len(killed.family) > 5
    wait_until(lambda: not alive(killed.family), 30)


def test_staleness_zero_trains_on_answers_of_the_version_being_trained(
    workplace: Workplace, straight: Path
) -> None:
    staleness = workplace.summary("straight")["staleness"]
    assert (staleness["mean"], staleness["max"], staleness["covering_bound"]) == (0.0, 0, 0)
    for step in range(1, STEPS + 1):
        rows = samples(straight, step)
        assert {v for row in rows for v in row["policy_versions"]} == {step - 1}


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    workplace: Workplace, straight: Path, killed: Killed
) -> None:
    folder = killed.folder
    assert [p.name for p in checkpoint.complete(folder / "checkpoints")] == ["step-000002"]
    done = workplace.run("train", "--resume", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert policy(folder) == policy(straight)
    assert metrics(folder) == metrics(straight)
    for step in range(1, STEPS + 1):
        assert samples(folder, step) == samples(straight, step)
    lines = history.read(folder / history.FILE)
    assert [line for line in lines if "resumed" in line] == [
        {"resumed": 2, "undone_steps": [3], "undone_trained": [4, 5]}
    ]
    account = history.account(lines)
    assert account.trained == {group: group // 2 + 1 for group in range(2 * STEPS)}
    summary = workplace.summary("killed")
    assert summary["ledger"] == workplace.summary("straight")["ledger"]
    assert summary["pass_at_1_after"] == workplace.summary("straight")["pass_at_1_after"]
    assert (summary["resumes"], summary["steps"]) == (1, STEPS)


def _train(workplace: Workplace) -> tuple[str, ...]:
    return ("train", "--config", str(workplace.config), *DETERMINISTIC)
