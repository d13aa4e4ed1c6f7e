"""Mistakes that a user makes: one clear error each, before anything expensive starts."""

import time
from dataclasses import replace

import pytest

from tests.helpers.workplace import Workplace


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("loop.grup_size=4", ["loop.grup_size", "loop.group_size"]),
        ("loop.steps=many", ["loop.steps", "many"]),
        ("loop.group_size=1", ["loop.group_size=1", "nearest valid: 2"]),
        ("learner.minibatches=3", ["learner.minibatches=3", "nearest valid: 2"]),
        ("model.path=/no/such/model", ["/no/such/model", "does not exist"]),
        ("algorithm=grpoo", ["grpoo", "grpo"]),
        ("data.train=/no/such/rows.jsonl", ["/no/such/rows.jsonl"]),
    ],
)
def test_a_wrong_setting_is_one_error_that_names_it(
    workplace: Workplace, override: str, words: list[str]
) -> None:
    done = workplace.run("train", "--config", str(workplace.config), override, timeout_s=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "warm start" not in done.stdout
    flat = " ".join(done.stderr.split())
    for word in words:
        assert word in flat


@pytest.mark.slow
def test_a_fleet_too_large_for_the_machine_is_a_table_not_a_hang(workplace: Workplace) -> None:
    started = time.monotonic()
    done = workplace.run(
        *("train", "--config", str(workplace.config)),
        *("learner.cpus=512", "rollout.gpus=1", "run.name=large"),
    )
    assert done.returncode == 2
    text = " ".join(done.stderr.split())
    for word in ("the fleet does not fit", "CPUs needed", "1 GPUs needed", "need", "have"):
        assert word in text
    assert "warm start" not in done.stdout
    assert time.monotonic() - started < 60


def test_a_dead_cluster_is_one_error_within_seconds(workplace: Workplace) -> None:
    started = time.monotonic()
    # Nothing listens on port 1.
    lost = replace(workplace, environment={"RAY_ADDRESS": "127.0.0.1:1"})
    done = lost.run("train", "--config", str(workplace.config), timeout_s=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for words in ("127.0.0.1:1", "RAY_ADDRESS", "unset RAY_ADDRESS"):
        assert words in done.stderr
    assert "loading" not in done.stdout
    assert time.monotonic() - started < 20
