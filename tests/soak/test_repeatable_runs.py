"""Real samplers, deterministic: killed at every step, and against a plain synchronous loop."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from rlsys.config.load import load
from rlsys.config.run import RunConfig
from rlsys.data.stream import PromptStream
from rlsys.run import history
from tests.helpers.plain_loop import train_plainly
from tests.helpers.repeatable import (
    DETERMINISTIC,
    STEPS,
    kill_after_step,
    metrics,
    policy,
    samples,
    untimed,
)
from tests.helpers.workplace import TINY, Workplace

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("repeatable")
    (folder / "tiny.yaml").write_text(TINY.format(cache=folder / "cache", runs=folder / "runs"))
    return Workplace(folder)


@pytest.fixture(scope="module")
def straight(workplace: Workplace) -> Path:
    """A run that nothing disturbed."""
    train = ("train", "--config", str(workplace.config), *DETERMINISTIC)
    done = workplace.run(*train, "run.name=straight")
    assert done.returncode == 0, done.stdout + done.stderr
    return workplace.folder / "runs" / "straight"


def test_a_run_that_is_killed_after_every_step_equals_one_that_never_was(
    workplace: Workplace, straight: Path
) -> None:
    first = ["train", "--config", str(workplace.config), *DETERMINISTIC, "run.name=killed"]
    killed = workplace.folder / "runs" / "killed"
    resume = ["train", "--resume", str(killed)]
    for step in range(1, STEPS):
        log = workplace.folder / f"killed-{step}.log"
        kill_after_step(step, first if step == 1 else resume, log)
    done = workplace.run(*resume)
    assert done.returncode == 0, done.stdout + done.stderr
    assert policy(killed) == policy(straight)
    assert metrics(killed) == metrics(straight)
    for step in range(1, STEPS + 1):
        assert samples(killed, step) == samples(straight, step)
    account = history.account(history.read(killed / history.FILE))
    assert len(account.undone) == STEPS - 1
    assert account.trained == {group: group // 2 + 1 for group in range(2 * STEPS)}
    assert account.living == set()


def test_the_loop_gives_the_numbers_of_a_plain_synchronous_loop(
    workplace: Workplace, straight: Path, tmp_path: Path
) -> None:
    config = load(straight / "config.yaml")
    learned = asyncio.run(_train_plainly(config, tmp_path))
    lines = [json.loads(line) for line in (straight / "metrics.jsonl").read_text().splitlines()]
    assert len(learned) == len(lines) == STEPS
    for own, line in zip(learned, lines, strict=True):
        assert {f"policy/{name}": value for name, value in untimed(own).items()} == {
            name: line[name] for name in untimed(line) if name.startswith("policy/")
        }
    saved = (tmp_path / "saved" / "policy" / "model.safetensors").read_bytes()
    assert saved == policy(straight)


async def _train_plainly(config: RunConfig, folder: Path) -> list[dict[str, Any]]:
    """The same samplers behind the same fleet, one call after another."""
    from actors.cluster import connected
    from actors.ray_fleet import RayFleet
    from actors.roles import needs
    from rlsys.stages.inputs import find_policy, prepare, read_rows
    from rlsys.stages.plan import canary_ids_of

    lines: list[str] = []
    with connected(config.cluster):
        prepared = prepare(config, read_rows(config), lines.append)
        for name in ("samples", "saved"):
            (folder / name).mkdir()
        every_prompt = [*prepared.train, *prepared.held_out]
        texts = [prompt.token_ids for prompt in every_prompt]
        fleet = RayFleet(
            config,
            find_policy(config, lines.append),
            every_prompt,
            canary_ids_of(max(texts, key=len), texts, config.model.max_context),
            folder,
            needs(config),
            lines.append,
            lines.append,
        )
        try:
            await fleet.start()
            stream = PromptStream(prepared.train, config.run.seed, config.data.shuffle)
            learned = await train_plainly(fleet, stream, config, STEPS)
            await fleet.copy_state(folder / "saved")
            await fleet.save(folder / "saved", [])
        finally:
            fleet.shutdown()
    return learned
