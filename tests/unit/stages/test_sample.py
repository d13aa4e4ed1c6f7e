"""The stage `sample` around a fleet that answers by a rule: resumes, other batches, other rules."""

import asyncio
import hashlib
import io
import json
import os
import signal
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ray
from rich.console import Console

from actors.drivers.stage import run_stage
from rlsys import schema
from rlsys.config.load import CONFIGS, load, to_yaml
from rlsys.config.resume import resumed_config
from rlsys.config.run import RunConfig, SamplingConfig, StageKind
from rlsys.config.verifiers import RewardConfig
from rlsys.data.digests import digests
from rlsys.errors import DataError, ResumeError, VerifierError
from rlsys.evaluation.sampling_task import SamplingTask
from rlsys.lineage.manifest import read_manifest
from rlsys.loop.fleet import Graded, GroupBatch, Sampled
from rlsys.observe.sample_summary import SampleSummary
from rlsys.run.checkpointer import Checkpointer, Origin
from rlsys.run.folder import record_inputs
from rlsys.stages import sample_plan
from rlsys.stages.base import Surroundings
from rlsys.stages.sample import Sampling
from tests.helpers.candidates import asked
from tests.helpers.fake_run import Fleet, driven
from tests.helpers.tiny_policy import write_policy

PROMPTS, N = 12, 4
FILES = ("demonstrations.jsonl", "rates.jsonl")


@dataclass
class Policy(Fleet):
    """What it says follows from the number that a completion is sampled under; half is right."""

    said: list[int] = field(default_factory=list)
    """Completions of each call."""
    starts: int = 0
    silent: set[str] = field(default_factory=set)
    """Prompts whose completions get no verdict."""

    def __post_init__(self) -> None:
        Fleet.__init__(self)

    async def start(self, checkpoint: Path | None, version: int) -> None:
        self.starts += 1

    async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
        draws = [
            hashlib.blake2b(f"{group_id} {i}".encode()).digest()[0]
            for group_id in batch.group_ids
            for i in range(batch.size)
        ]
        await asyncio.sleep(0.001 * draws[0] / 64)  # so that cells end in another order
        self.said.append(len(draws))
        prompts = [prompt for prompt in batch.prompts for _ in range(batch.size)]
        n, tokens = len(draws), [[1] * (1 + draw % 7) for draw in draws]
        rollouts = schema.build(
            schema.ROLLOUTS,
            {
                "prompt_id": [prompt.prompt_id for prompt in prompts],
                "group_id": np.repeat(batch.group_ids, batch.size),
                "sample_index": list(range(batch.size)) * len(batch.prompts),
                "source": [prompt.source for prompt in prompts],
                "prompt_text": [prompt.text for prompt in prompts],
                "expected": [prompt.expected for prompt in prompts],
                "info": ["{}"] * n,
                "difficulty": [None] * n,
                "prompt_token_ids": [prompt.token_ids for prompt in prompts],
                "token_ids": tokens,
                "rollout_logprobs": [[0.0] * len(one) for one in tokens],
                "kept_token_ids": [None] * n,
                "policy_versions": [[0] * len(one) for one in tokens],
                "latent_version": [None] * n,
                "forced": [[False] * len(one) for one in tokens],
                "finish_reason": ["stop"] * n,
                "text": [f"so it is {draw}" for draw in draws],
                "reasoning_tokens": [0] * n,
                "answer_tokens": [len(one) for one in tokens],
                "worker": [f"rollout-{len(self.said)}"] * n,
                "sampled_s": [float(len(self.said))] * n,
            },
        )
        lengths = np.array([len(one) for one in tokens])
        zeros = np.zeros(n, dtype=int)
        return Sampled(rollouts, zeros, zeros, lengths, zeros.astype(bool))

    async def grade(self, sampled: Sampled) -> Graded:
        rows = sampled.rollouts.to_pylist()
        right = np.array([int(row["text"].split()[-1]) % 2 == 0 for row in rows])
        has_verdict = np.array([row["prompt_id"] not in self.silent for row in rows])
        rewards = np.where(has_verdict, right.astype(float), np.nan)
        statuses = np.where(right, "correct", "wrong")
        grades = schema.build(
            schema.GRADES,
            {
                "group_id": [row["group_id"] for row in rows],
                "sample_index": [row["sample_index"] for row in rows],
                "reward": [None if np.isnan(reward) else reward for reward in rewards],
                "components": [[] for _ in rows],
                "status": np.where(has_verdict, statuses, "infrastructure").tolist(),
                "reason": [""] * len(rows),
                "seconds": [0.01] * len(rows),
                "level": [""] * len(rows),
            },
        )
        reasons = ["the judge is gone"] * int((~has_verdict).sum())
        return Graded(grades, rewards, right & has_verdict, {}, reasons)

    async def fetch(self, ref: pa.RecordBatch) -> pa.RecordBatch:
        return ref


def settings(batch: int, **rules: Any) -> RunConfig:
    config = RunConfig()
    config.run.stage = StageKind.sample
    config.verifiers.rewards = [RewardConfig("accuracy", "math")]
    config.rollout.max_sequences = batch
    config.sample.n = N
    for name, value in rules.items():
        assert name in vars(config.sample)
        setattr(config.sample, name, value)
    return config


def stage(
    config: RunConfig, model: Path, checkpointer: Checkpointer, around: Surroundings
) -> Sampling:
    prompts = [asked(number) for number in range(PROMPTS)]
    task = SamplingTask("train", tuple(one.prompt for one in prompts), N, config.sampling)
    return Sampling(config, "run", str(model), prompts, task, checkpointer.folder, around)


def sampled(
    folder: Path, fleet: Policy, batch: int = 256, resume: bool = False, **rules: Any
) -> tuple[SampleSummary, list[str]]:
    """A run, or a resume of one: as many completions at once as `batch` says."""
    model = folder.parent / "model"
    if not model.exists():
        model.mkdir()
        (model / "model.safetensors").write_text("weights")
    folder.mkdir(exist_ok=True)
    config = settings(batch, **rules)
    make = partial(stage, config, model)
    summary, said = driven(folder, fleet, config, make, lambda step: None, Origin(resume))
    assert isinstance(summary, SampleSummary)
    if summary.stopped_by is None:
        summary.write(folder)
    return summary, said


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / file).read_bytes() for file in FILES]


def test_every_prompt_is_sampled_and_the_right_ones_are_kept(tmp_path: Path) -> None:
    fleet = Policy()
    summary, _ = sampled(tmp_path / "run", fleet)
    found = summary.selection
    assert found is not None
    assert (sum(fleet.said), found.completions, summary.steps) == (PROMPTS * N, PROMPTS * N, 12)
    assert found.kept + sum(found.thrown.values()) == PROMPTS * N
    assert 0 < found.pass_at[1].mean < found.pass_at[4].mean <= 1
    rows = [json.loads(line) for line in bytes_of(tmp_path / "run")[0].splitlines()]
    assert len(rows) == found.kept
    assert all(int(row["messages"][-1]["content"].split()[-1]) % 2 == 0 for row in rows)
    written = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert written["thrown_away"]["sample.right"] == found.thrown["sample.right"]
    assert written["pass_at_1"] == found.pass_at[1].mean
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == PROMPTS


def test_the_bytes_do_not_depend_on_how_many_are_sampled_at_once(tmp_path: Path) -> None:
    one_by_one, all_at_once = Policy(), Policy()
    sampled(tmp_path / "one", one_by_one, batch=1)
    sampled(tmp_path / "all", all_at_once, batch=8 * N * PROMPTS)
    assert one_by_one.said == [N] * PROMPTS
    assert all_at_once.said == [N * PROMPTS]
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "all")


def test_a_run_that_was_stopped_goes_on_and_leaves_the_same_bytes(tmp_path: Path) -> None:
    class Stopping(Policy):
        async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
            first = batch.prompts[0].prompt_id
            if first == "p4":
                await asyncio.sleep(0.2)
                os.kill(os.getpid(), signal.SIGTERM)
            if first in ("p4", "p7"):
                await asyncio.sleep(1000)
            return await super().sample(batch, sampling)

    sampled(tmp_path / "whole", Policy())
    first, _ = sampled(tmp_path / "cut", Stopping(), batch=1)
    assert first.stopped_by is signal.SIGTERM
    assert first.selection is None
    assert not (tmp_path / "cut" / "summary.json").exists()
    (tmp_path / "cut" / "samples" / "train" / "part-000009.unfinished").write_text("half a part")
    rest = Policy()
    summary, _ = sampled(tmp_path / "cut", rest, batch=2 * 8 * N, resume=True)
    assert sum(rest.said) == 2 * N
    assert summary.steps == PROMPTS
    assert bytes_of(tmp_path / "cut") == bytes_of(tmp_path / "whole")


def test_other_rules_choose_among_what_was_sampled_without_a_fleet(tmp_path: Path) -> None:
    first, _ = sampled(tmp_path / "run", Policy())
    fleet = Policy()
    second, said = sampled(tmp_path / "run", fleet, resume=True, per_prompt=1)
    assert (fleet.starts, fleet.said) == (0, [])
    assert any("choosing among them anew" in line for line in said)
    assert first.selection is not None
    assert second.selection is not None
    assert second.selection.kept == first.selection.kept_prompts < first.selection.kept
    assert second.sampling_s == pytest.approx(first.sampling_s, abs=0.05)


def test_rules_that_leave_nothing_end_the_run_and_what_was_sampled_stays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"leave none of 48 completions .* by sample\.tokens"):
        sampled(tmp_path / "run", Policy(), tokens=[50, 60])
    fleet = Policy()
    summary, _ = sampled(tmp_path / "run", fleet, resume=True)
    assert fleet.starts == 0
    assert summary.selection is not None
    assert summary.selection.kept


def test_completions_of_another_policy_are_not_mixed(tmp_path: Path) -> None:
    sampled(tmp_path / "run", Policy())
    (tmp_path / "model" / "model.safetensors").write_text("changed")
    with pytest.raises(ResumeError, match=r"completions are of the policy .*bring that one back"):
        sampled(tmp_path / "run", Policy(), resume=True)


def test_verifiers_that_fail_stop_the_run_and_are_asked_again_on_resume(tmp_path: Path) -> None:
    broken = Policy(silent={f"p{i}" for i in range(PROMPTS)})
    with pytest.raises(VerifierError, match="the judge is gone"):
        sampled(tmp_path / "run", broken, batch=1)
    sampled(tmp_path / "whole", Policy())
    mended = Policy()
    summary, _ = sampled(tmp_path / "run", mended, resume=True)
    assert summary.selection is not None
    assert summary.selection.thrown["no verdict"] == 0
    assert bytes_of(tmp_path / "run") == bytes_of(tmp_path / "whole")


def test_other_rules_are_gone_through_from_the_config_to_the_files_without_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = write_policy(tmp_path / "policy", 0)
    rows = tmp_path / "sums.jsonl"
    rows.write_text("".join(f'{{"question": "{i}+1=?", "answer": "{i + 1}"}}\n' for i in range(20)))
    told = [f"model.path={policy}", f"data.train={rows}", f"run.directory={tmp_path}", "sample.n=4"]
    config = load(CONFIGS / "sample.yaml", [*told, "verifiers.rewards=[{name: math}]"])
    plan = sample_plan.read(config, False, lambda line: None)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(to_yaml(plan.config))
    record_inputs(folder, digests(sample_plan.sources(config)))
    make = partial(plan.stage, "run", str(policy))
    first, _ = driven(folder, Policy(), plan.config, make, lambda step: None, Origin())
    first.write(folder)

    monkeypatch.setattr("actors.drivers.stage.connected", lambda config: pytest.fail("Ray"))
    console = Console(file=io.StringIO(), width=200)
    wanted = resumed_config(folder, ["sample.per_prompt=1"])
    anew = run_stage(wanted, "run", console, time.monotonic(), resume=True)
    assert isinstance(first, SampleSummary)
    assert isinstance(anew, SampleSummary)
    assert first.selection is not None
    assert anew.selection is not None
    assert anew.selection.kept == first.selection.kept_prompts < first.selection.kept
    assert anew.steps == anew.planned_steps == len(plan.prompts)
    assert set(read_manifest(folder).outputs) == {"demonstrations", "rates"}
    assert not ray.is_initialized()
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "choosing among them anew" in said
    assert "starting Ray" not in said
