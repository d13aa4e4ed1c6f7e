"""The stage `sft`: supervised fine-tuning on demonstrations, with held-out loss and pass@1.

    step n: rows of the batch n -> the learner's ranks, whose objective is cross-entropy
    every evaluate_every steps, before the first and after the last:
        held-out loss, by the learner, before it goes on
        pass@1, by workers that are given the step's weights and sample beside the next steps

What a step learns from follows from its number alone (rlsys/data/batches.py), so a checkpoint holds
no more than that number, and what the summary is made of.
"""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, cast

import pyarrow as pa

from rlsys.config.run import RunConfig
from rlsys.data.batches import Batches
from rlsys.data.templates import Prompt
from rlsys.errors import SickPolicyError
from rlsys.evaluation.checks import Checks
from rlsys.evaluation.curve import Curve
from rlsys.loop.retries import Retries
from rlsys.observe.metrics import learner_metrics, time_shares
from rlsys.observe.next_steps import policy_of
from rlsys.observe.sft_summary import SftSummary
from rlsys.run.checkpointer import Checkpointer
from rlsys.stages.base import Stage, StartableFleet, Surroundings
from rlsys.watch.accounting import Times
from rlsys.watch.waits import Waits


class SupervisedFleet(StartableFleet, Protocol):
    """A fleet whose learner is one of supervised fine-tuning."""

    async def fit(self, version: int, batch: pa.RecordBatch) -> dict[str, float]:
        """One step on a `demonstrations` batch, from the policy of this version to the next."""
        ...

    async def measure(self, batch: pa.RecordBatch) -> dict[str, float]:
        """The objective's figures on a batch, without learning from it."""
        ...


@dataclass(frozen=True)
class LearnedRows:
    """What the stage starts from, as batches of its objective's contract."""

    train: pa.RecordBatch
    held_out: pa.RecordBatch
    batches: Batches
    """Which rows of `train` each step takes."""


@dataclass
class Sums:
    """Over the run's whole life, by the steps that stand."""

    trained_rows: int = 0
    consumed_tokens: int = 0
    train_s: float = 0.0
    times: dict[str, Times] = field(default_factory=dict)
    held_out: dict[int, dict[str, float]] = field(default_factory=dict)
    """Figures of the held-out rows by step."""
    resumes: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"held_out": list(self.held_out.items())}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Sums":
        """What `to_dict` gave, through JSON."""
        times = {role: Times(**own) for role, own in values["times"].items()}
        return cls(**values | {"times": times, "held_out": dict(values["held_out"])})


class Supervised(Stage):
    """Trains a policy on what it should have said."""

    measured: Mapping[str, str] = MappingProxyType({"heldout/loss": "loss"})
    """Metrics of the held-out rows, by the learner's names."""
    rows_are = "demonstrations"
    unit = "nats per token"
    """Of the loss."""

    def __init__(
        self,
        config: RunConfig,
        name: str,
        model_path: str,
        rows: LearnedRows,
        prompts: Sequence[Prompt],
        checkpointer: Checkpointer,
        around: Surroundings,
    ) -> None:
        """prompts: of the held-out checks."""
        self.config, self.name, self.model_path = config, name, model_path
        self.rows, self.prompts = rows, prompts
        self.checkpointer, self.around = checkpointer, around
        self.fleet = cast(SupervisedFleet, around.fleet)
        self.folder = checkpointer.folder
        self.waits = Waits(config.loop.stall_timeout_s, self.fleet.observer)
        self.curve = Curve(self.folder)
        self.checks = Checks(
            self.fleet,
            prompts,
            config,
            Retries(self.waits, config.loop),
            self.curve,
            lambda check: self.around.tell_check(
                check, config.loop.steps, config.sampling.max_tokens
            ),
            around.display.stage,
            around.display.progress,
        )
        origin = checkpointer.origin
        self.version = self.held_by_workers = origin.version
        self.sums = Sums.from_dict(origin.content["sums"]) if origin.content else Sums()
        self.sums.resumes += origin.resumed
        self.has_begun = self.is_stopped = False
        self._times: dict[str, Times] = {}
        self._last_step = 0.0

    # --- the stage -----------------------------------------------------------------------------

    async def open(self) -> None:
        """Start the fleet with the origin's weights; batches follow from the version."""
        origin = self.checkpointer.origin
        self.checkpointer.require_policy(self.model_path)
        await self.fleet.start(origin.checkpoint, origin.version)

    async def run(self) -> None:
        """The checks before training, all steps, the checks after it."""
        if self.version == 0 or self._is_due(self.version):
            await self._measure(self.version)
        await self.checks.before_training(self.version)
        self.around.display.stage("training: waiting for the first step")
        self._last_step, self._times = time.monotonic(), await self.around.times(self.waits)
        self.has_begun = True
        try:
            async with asyncio.TaskGroup() as tasks:
                while self.version < self.config.loop.steps and not self.is_stopped:
                    await self._step(self.version + 1, tasks)
                    await self._check_if_due(tasks)
                    self._last_step = time.monotonic()
                if self.version > self.checkpointer.begun:
                    self.around.display.stage("writing a checkpoint")
                    await self._checkpoint(tasks)
        except ExceptionGroup:
            await self.checkpointer.at_rest()
            raise
        self.has_begun = False
        if not self.is_stopped:
            await self._publish()
            await self.checks.after_training()

    def stop(self) -> None:
        """Begin no further step, and let go of a check that is under way."""
        self.is_stopped = True
        self.checks.stop()

    def state_dict(self) -> dict[str, Any]:
        """The step, and sums over the run's life."""
        return {
            "loop": {"version": self.version},
            "sums": self.sums.to_dict(),
            "model_path": self.model_path,
        }

    def close(self) -> None:
        """Nothing is held open."""

    # --- a step --------------------------------------------------------------------------------

    async def _step(self, step: int, tasks: asyncio.TaskGroup) -> None:
        rows = self.rows.batches.rows(step)
        batch = self.rows.train.take(pa.array(rows))
        learner = await self.waits.on("driver: step", self.fleet.fit(self.version, batch))
        self.version = step
        await self._require_finite(step, learner)
        self.sums.trained_rows += len(rows)
        self.sums.consumed_tokens += int(learner["trained_tokens"])
        metrics = await self._metrics(learner)
        if self._is_due(step):
            metrics |= await self._measure(step)
        self.around.loggers.step(step, metrics)
        self.around.display.step(step, self.config.loop.steps, metrics)
        await self._checkpoint_if_due(step, tasks)

    async def _require_finite(self, step: int, learner: Mapping[str, float]) -> None:
        """Raise SickPolicyError where the policy is, or has just become, one of no numbers: by a
        gradient that is none all weights are, though the loss that it is of was finite."""
        for name, what in (("loss", "loss"), ("gradient_norm", "gradient's norm")):
            if math.isfinite(value := learner.get(name, 0.0)):
                continue
            await self.checkpointer.written(self.waits)
            raise SickPolicyError(
                f"step {step}: the {what} is {value}; a smaller learner.optimizer."
                f"learning_rate than {self.config.learner.optimizer.learning_rate:g} or a longer "
                f"warmup_steps may keep it finite. {self._kept_policy()}"
            )

    async def _metrics(self, learner: dict[str, float]) -> dict[str, float]:
        """Of the step that has just ended, which is counted in the sums."""
        times, now = await self.around.times(self.waits), time.monotonic()
        seconds = now - self._last_step
        tokens = learner["trained_tokens"]
        metrics = time_shares(times, self._times) | self.around.lag.take()
        for role, own in times.items():
            passed = own - self._times.get(role, Times())
            self.sums.times[role] = self.sums.times.get(role, Times()) + passed
        self.sums.train_s += seconds
        self._times, self._last_step = times, now
        return {
            **metrics,
            **learner_metrics(learner),
            "data/epoch": self.sums.trained_rows / self.rows.train.num_rows,
            "throughput/consumed_tokens": tokens,
            "throughput/step_s": seconds,
            "throughput/consumed_tokens_per_s": tokens / max(seconds, 1e-9),
        }

    def _is_due(self, step: int) -> bool:
        """Whether something is measured after a step."""
        every, steps = self.config.loop.evaluate_every, self.config.loop.steps
        return step == steps or bool(every and step % every == 0)

    async def _measure(self, step: int) -> dict[str, float]:
        """Metrics of the held-out rows under the model as it is, which has done `step` steps."""
        batch = self.rows.held_out
        if not batch.num_rows:
            return {}
        is_new = step not in self.sums.held_out
        if is_new:
            self.around.display.stage(f"held-out loss: {batch.num_rows:,} {self.rows_are}")
            found = await self.waits.on("driver: held-out loss", self.fleet.measure(batch))
            self.sums.held_out[step] = {name: found[name] for name in self.measured.values()}
        figures = self.sums.held_out[step]
        metrics = {metric: figures[name] for metric, name in self.measured.items()}
        if is_new and step == 0:
            self.around.loggers.later(0, metrics)
        if is_new:
            others = [name for name in figures if name != "loss"]
            more = "".join(f", {name} {figures[name]:.3f}" for name in others)
            self.around.display.note(
                f"held-out loss at step {step}: {figures['loss']:.4f} {self.unit}{more}"
            )
        return metrics

    async def _check_if_due(self, tasks: asyncio.TaskGroup) -> None:
        """pass@1 of the step, while the next ones are learned; one check at a time."""
        step = self.version
        if step == self.config.loop.steps or not self._is_due(step):
            return
        await self.checks.ended()
        if not self.is_stopped:
            await self._publish()
            await self.checks.after_step(step, None, tasks)

    async def _publish(self) -> None:
        """The workers hold the learner's weights; nobody to hold them, nothing to do."""
        if self.prompts and self.held_by_workers < self.version:
            await self.waits.on("driver: publish", self.fleet.publish(self.version))
            self.held_by_workers = self.version

    async def _checkpoint_if_due(self, step: int, tasks: asyncio.TaskGroup) -> None:
        loop = self.config.loop
        due = step == loop.steps or step % loop.checkpoint_every == 0
        await self.around.save_if_due(self.checkpointer, step, due, lambda: self._checkpoint(tasks))

    async def _checkpoint(self, tasks: asyncio.TaskGroup) -> None:
        """Of the newest step; training may go on while it is written."""
        await self.checkpointer.begin(self.waits, self.version, self.state_dict(), [], tasks)

    def _kept_policy(self) -> str:
        policy = policy_of(self.folder)
        return f"The newest policy of before: {policy}" if policy else "No policy of before is kept"

    # --- what it comes to ----------------------------------------------------------------------

    def summary(self, started: float) -> SftSummary:
        """Of all that has been done so far."""
        return SftSummary(**self.common(started))

    def common(self, started: float) -> dict[str, Any]:
        """What the summary of every stage of this form has."""
        sums, steps = self.sums, self.config.loop.steps
        return {
            "run": self.name,
            "before": self.curve.at(0),
            "after": self.curve.at(steps),
            "checks": self.curve.checks,
            "steps": self.version,
            "planned_steps": steps,
            "wall_s": time.monotonic() - started,
            "train_s": sums.train_s,
            "consumed_tokens": sums.consumed_tokens,
            "times": {role: sums.times.get(role, Times()) for role in self.around.members}
            | sums.times,
            "members": self.around.members,
            "resumes": sums.resumes,
            "rows": self.rows.train.num_rows,
            "trained_rows": sums.trained_rows,
            "held_out_rows": self.rows.held_out.num_rows,
            "losses": {step: figures["loss"] for step, figures in sums.held_out.items()},
            "stopped_by": self.around.signals.stop,
        }
