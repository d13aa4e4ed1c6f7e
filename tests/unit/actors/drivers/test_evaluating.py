"""What a person sees of an evaluation, around a fake fleet."""

import asyncio
import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file

from actors import precision
from actors.drivers import evaluate
from rlsys.config.benchmarks import BenchmarksConfig
from rlsys.config.host_plan import Node
from rlsys.config.memory_plan import Room
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError, VerifierError
from rlsys.evaluation.job import Job
from rlsys.lineage.manifest import read_manifest
from rlsys.loop.fleet import Graded, Sampled
from rlsys.observe.display import Display
from rlsys.thinking.usage import Price
from rlsys.watch.waits import Observer, Waits
from tests.helpers.known_models import QWEN_7B, QWEN_HALF
from tests.unit.evaluation.test_evaluation_runner import ListedAnswers, eval_task

START_S = 0.4


class Fleet(ListedAnswers):
    """Takes a while to start."""

    made: ClassVar[list["Fleet"]] = []

    def __init__(self, config: RunConfig, model_path: str, *_: Any) -> None:
        super().__init__()
        self.held = [model_path]
        self.made.append(self)
        self.observer = Observer()
        self.starting = Waits(60.0, self.observer)

    async def start(self) -> None:
        await self.starting.on("rollout-0: vLLM loads the policy", asyncio.sleep(START_S))

    async def hold(self, model_path: str) -> None:
        self.held.append(model_path)

    async def failed(self) -> None:
        await asyncio.Event().wait()

    def shutdown(self) -> None:
        """Nobody to end."""


@contextmanager
def cluster(_: Any) -> Iterator[str]:
    yield "Ray of nobody"


@pytest.fixture(autouse=True)
def fleet_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "connected", cluster)
    monkeypatch.setattr(precision, "ask_nodes", lambda question, kind: [True])
    monkeypatch.setattr(evaluate, "check_resources", lambda needs, queue_s: None)
    monkeypatch.setattr(evaluate, "room_of_the_cluster", lambda: Room(nodes=[Node(16.0, cpus=2)]))
    monkeypatch.setattr(evaluate, "beside", lambda config: [])
    monkeypatch.setattr(evaluate, "ExaminingFleet", Fleet)
    monkeypatch.setattr(evaluate, "Display", partial(Display, quiet_s=START_S / 4))
    Fleet.made.clear()


def model(folder: Path, width: int) -> str:
    """A model's folder with one tensor."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": width}))
    save_file({"embed.weight": torch.zeros(2, width)}, folder / "model.safetensors")
    return str(folder)


def job(name: str, where: str) -> Job:
    return Job(name, where, f"digest of {where}", 128, (eval_task(),), RunConfig())


def told_of(jobs: list[Job], folder: Path) -> list[str]:
    """The lines of an evaluation, without their times."""
    (folder / "sums.jsonl").touch()
    asked = replace(RunConfig(), benchmarks=BenchmarksConfig(data=str(folder)))
    text = io.StringIO()
    console = Console(file=text, width=200, color_system=None)
    evaluate.run(jobs, asked, folder / "out", False, Price(0.0, 0.0), console, time.monotonic())
    return [line.partition("] ")[2] or line for line in text.getvalue().splitlines()]


def test_an_evaluation_says_what_it_starts_and_what_it_waits_for(tmp_path: Path) -> None:
    told = told_of([job("a", model(tmp_path / "model", 8))], tmp_path)
    assert told[:5] == [
        f"evaluation {tmp_path / 'out'}",
        "starting Ray",
        "Ray of nobody",
        "precision: rollout bfloat16",
        "note: no memory plan: the sizes of 'llama' are not known here",
    ]
    # As it was decided: in float32 there would be nothing to doubt.
    assert any("in bfloat16 a completion is rounded by what is sampled" in line for line in told)
    assert any("waiting for rollout-0: vLLM loads the policy 0." in line for line in told)
    assert told[-1] == f"tables, samples and plots: {tmp_path / 'out'}"


def test_policies_that_differ_in_their_weights_alone_have_one_fleet(tmp_path: Path) -> None:
    small, other, wide = (
        model(tmp_path / name, width) for name, width in (("s", 8), ("o", 8), ("w", 16))
    )
    told = told_of([job("s", small), job("same", other), job("w", wide)], tmp_path)
    assert [fleet.held for fleet in Fleet.made] == [[small, other], [wide]]
    assert f"same: {other}" in told
    assert sum("in bfloat16 a completion is rounded" in line for line in told) == 1
    made = read_manifest(tmp_path / "out")
    assert list(made.inputs)[:3] == ["policy_1", "policy_2", "policy_3"]
    assert made.outputs["table_2"].path == str(tmp_path / "out" / "same" / "results.json")
    assert "policy_3/pass_at_1" in made.figures


def test_a_model_too_large_for_the_machine_is_refused_before_its_fleet_starts(
    tmp_path: Path,
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for folder, sizes in ((small, QWEN_HALF), (large, QWEN_7B)):
        model(folder, 8)
        (folder / "config.json").write_text(json.dumps(sizes))
    told = told_of([job("small", str(small))], tmp_path)
    assert any(line.startswith("memory plan: a node of rollout and verifier: ") for line in told)
    Fleet.made.clear()
    with pytest.raises(ConfigError, match=r"does not fit in the memory of a node of 16\.0 GiB"):
        told_of([job("small", str(small)), job("large", str(large))], tmp_path / "small")
    assert not Fleet.made


def test_an_evaluation_whose_verifier_failed_is_graded_when_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = job("a", model(tmp_path / "model", 8))
    works = Fleet.grade

    async def fails(self: Fleet, sampled: Sampled) -> Graded:
        graded = await works(self, sampled)
        count = graded.grades.num_rows
        statuses, nothing = pa.array(["infrastructure"] * count), pa.nulls(count, pa.float32())
        batch = graded.grades.set_column(2, "reward", nothing)
        batch = batch.set_column(batch.schema.names.index("status"), "status", statuses)
        return replace(graded, grades=batch.cast(graded.grades.schema))

    monkeypatch.setattr(Fleet, "grade", fails)
    with pytest.raises(VerifierError, match="sums: no completion got a verdict"):
        told_of([one], tmp_path)
    monkeypatch.setattr(Fleet, "grade", works)
    told_of([one], tmp_path)
    assert sorted(Fleet.made[-1].sampled) == ["p0", "p1", "p2", "p3", "p4"]
    assert read_manifest(tmp_path / "out").figures["pass_at_1"]["mean"] == 0.5


def test_what_was_evaluated_before_is_not_sampled_again(tmp_path: Path) -> None:
    jobs = [job("same", model(tmp_path / name, 8)) for name in ("a", "b", "c")]
    told_of(jobs[:2], tmp_path)
    Fleet.made.clear()
    told = told_of(jobs, tmp_path)
    assert [fleet.held for fleet in Fleet.made] == [[str(tmp_path / "c")]]
    assert f"continuing {tmp_path / 'out' / 'same-2'}" in told
