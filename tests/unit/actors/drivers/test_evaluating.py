"""What a person sees of an evaluation, around a fake fleet."""

import asyncio
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from actors.drivers import evaluate
from rlsys.config.benchmarks import BenchmarksConfig
from rlsys.config.run import RunConfig
from rlsys.evaluation.job import Job
from rlsys.observe.display import Display
from rlsys.thinking.usage import Price
from rlsys.watch.waits import Observer, Waits
from tests.unit.evaluation.test_evaluation_runner import ListedAnswers, eval_task

START_S = 0.4


class Fleet(ListedAnswers):
    """Takes a while to start."""

    def __init__(self, *_: Any) -> None:
        super().__init__()
        self.observer = Observer()
        self.starting = Waits(60.0, self.observer)

    async def start(self) -> None:
        await self.starting.on("rollout-0: vLLM loads the policy", asyncio.sleep(START_S))

    async def failed(self) -> None:
        await asyncio.Event().wait()

    def shutdown(self) -> None:
        """Nobody to end."""


@contextmanager
def cluster(_: Any) -> Iterator[str]:
    yield "Ray of nobody"


def test_an_evaluation_says_what_it_starts_and_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "connected", cluster)
    monkeypatch.setattr(evaluate, "check_resources", lambda needs, queue_s: None)
    monkeypatch.setattr(evaluate, "beside", lambda config: [])
    monkeypatch.setattr(evaluate, "RayFleet", Fleet)
    monkeypatch.setattr(evaluate, "Display", partial(Display, quiet_s=START_S / 4))
    (tmp_path / "sums.jsonl").touch()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    model = str(tmp_path / "model")
    job = Job("a", model, "digest", 128, (eval_task(),), RunConfig())
    asked = replace(RunConfig(), benchmarks=BenchmarksConfig(data=str(tmp_path)))
    text = io.StringIO()
    console = Console(file=text, width=200, color_system=None)
    evaluate.run(job, asked, tmp_path / "out", False, Price(0.0, 0.0), console, time.monotonic())
    told = [line.partition("] ")[2] for line in text.getvalue().splitlines()]
    assert told[:3] == [f"evaluation {tmp_path / 'out'}", "starting Ray", "Ray of nobody"]
    assert any("waiting for rollout-0: vLLM loads the policy 0." in line for line in told)
    assert told[-1] == f"tables, samples and plots: {tmp_path / 'out'}"
