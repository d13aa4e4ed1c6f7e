"""The stage `rl`: reinforcement learning with verifiable rewards, with its held-out checks."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlsys.config.run import RunConfig
from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.errors import RlsysError, SickPolicyError, WorkerError
from rlsys.evaluation.checks import Checks
from rlsys.evaluation.curve import Curve
from rlsys.loop.bound import is_automatic
from rlsys.loop.loop import Loop, StepReport
from rlsys.loop.outcome import count_signal
from rlsys.loop.ready import ReadyGroup
from rlsys.loop.slots import num_slots
from rlsys.observe.alarms import NOTHING_TO_LEARN, Alarms
from rlsys.observe.balance import Pace
from rlsys.observe.example import example
from rlsys.observe.groups import group_metrics
from rlsys.observe.metrics import step_metrics, time_shares
from rlsys.observe.next_steps import policy_of
from rlsys.observe.summary import Summary
from rlsys.roles import ROLLOUT, VERIFIER
from rlsys.run import snapshot
from rlsys.run.checkpointer import Checkpointer
from rlsys.run.record import Record
from rlsys.stages.base import Stage, Surroundings
from rlsys.watch import garbage
from rlsys.watch.accounting import Times


@dataclass(frozen=True)
class Inputs:
    """What the stage starts from."""

    name: str
    """Of the run."""
    model_path: str
    """Of the policy."""
    train: Sequence[Prompt]
    held_out: Sequence[Prompt]


class Reinforcement(Stage):
    """Trains a policy on rewards: the loop, with metrics, checks, checkpoints and alarms."""

    def __init__(
        self,
        config: RunConfig,
        inputs: Inputs,
        checkpointer: Checkpointer,
        around: Surroundings,
    ) -> None:
        self.config, self.inputs = config, inputs
        self.checkpointer, self.around = checkpointer, around
        self.folder = checkpointer.folder
        self.curve = Curve(self.folder)
        self.record = Record(self.folder, checkpointer.origin)
        is_synchronous = config.loop.max_staleness == 0
        self.alarms = Alarms(config.observe, config.sampling.max_tokens, is_synchronous)
        if content := checkpointer.origin.content:
            self.alarms.load_state_dict(content["alarms"])
        stream = PromptStream(inputs.train, config.run.seed, config.data.shuffle)
        fleet = around.fleet
        self.loop = Loop(fleet, stream, config, self._after_step, fleet.observer)
        self.waits = self.loop.waits
        self.checks = Checks(
            fleet,
            inputs.held_out,
            config,
            self.loop.retries,
            self.curve,
            lambda check: around.tell_check(check, config.loop.steps, config.sampling.max_tokens),
            around.display.stage,
            around.display.progress,
        )
        self.has_begun = False
        self._times: dict[str, Times] = {}
        self._begin: dict[str, Times] = {}
        self._began = self._last_step = 0.0

    # --- the stage -----------------------------------------------------------------------------

    async def open(self) -> None:
        """Start the fleet, and bring the loop to the origin."""
        origin = self.checkpointer.origin
        self.checkpointer.require_policy(self.inputs.model_path)
        await self.around.fleet.start(origin.checkpoint, origin.version)
        kept = await self.checkpointer.kept(self.waits)
        if origin.content:
            snapshot.restore(self.loop, origin.content["loop"], kept)
        self.record.resume(self.loop)

    async def run(self) -> None:
        """The check before training, all steps, the check after it."""
        await self.checks.before_training(self.checkpointer.origin.version)
        self.around.display.stage("training: waiting for the first groups")
        self._began = self._last_step = time.monotonic()
        self._times = self._begin = await self.around.times(self.waits)
        self.has_begun = True
        try:
            with garbage.seldom_collected():
                await self.loop.train(self.config.loop.steps)
        except RlsysError:
            await self.checkpointer.at_rest()
            raise
        last = self.record.last
        if last is not None and last.state["version"] > self.checkpointer.begun:
            self.around.display.stage("writing a checkpoint")
            await self._checkpoint_now()
        await self.checkpointer.written(self.waits)
        self.has_begun = False
        self._count_time(time.monotonic(), await self.around.times(self.waits))
        if not self.around.signals.stop:
            await self.checks.after_training()

    def stop(self) -> None:
        """Begin no further step, drop what is not in the learner, and let go of a check."""
        self.loop.stop()
        self.checks.stop()

    def state_dict(self) -> dict[str, Any]:
        """The newest step's snapshot, sums over the run's life, and the alarms' state."""
        assert self.record.last is not None
        return {
            "loop": self.record.last.state,
            "run": self.record.progress.to_dict(),
            "alarms": self.alarms.state_dict(),
            "model_path": self.inputs.model_path,
        }

    def close(self) -> None:
        """Let go of the history."""
        self.record.history.close()

    # --- after a step --------------------------------------------------------------------------

    async def _after_step(self, report: StepReport, tasks: asyncio.TaskGroup) -> None:
        times = await self.around.times(self.waits)
        # Before anyone is told of the step.
        self.record.step(self.loop)
        metrics = self._metrics(report, times)
        await self._warn(report, metrics)
        metrics |= self.alarms.metrics()
        self.around.loggers.step(report.step, metrics)
        self.around.display.step(report.step, self.config.loop.steps, metrics)
        garbage.after_step(report.step)
        await self.waits.on("driver: dropped completions written", self.loop.drops.write())
        if error := self.alarms.health.verdict(metrics):
            raise SickPolicyError(f"{error}. {await self._kept_policy()}")
        assert self.loop.publishing is not None
        await self.checks.after_step(report.step, self.loop.publishing, tasks)
        await self._checkpoint_if_due(report.step, tasks)

    def _metrics(self, report: StepReport, times: dict[str, Times]) -> dict[str, float]:
        """Of a step, which is counted in the run's sums."""
        dropped = self.loop.drops.take(report.step)
        now = time.monotonic()
        std_floor = self.config.algorithm.advantage.std_floor
        metrics = step_metrics(report, now - self._last_step, std_floor)
        metrics |= time_shares(times, self._times) | self.loop.retries.take()
        metrics |= self.around.lag.take() | group_metrics(report.groups, dropped)
        self._times, self._last_step = times, now
        self._count_time(now, times)
        self.record.progress.saw(report)
        return metrics

    async def _warn(self, report: StepReport, metrics: dict[str, float]) -> None:
        """Say what a step's figures warn of; the first time that nothing can be learned, with an
        example of what the policy writes."""
        beyond_groups = self.loop.estimator.spec.beyond_groups
        config = self.config
        signal = count_signal(
            report.groups,
            config.algorithm,
            config.sampling.max_tokens,
            beyond_groups=beyond_groups,
            taught=bool(config.teacher.path and config.teacher.coefficient),
        )
        self.record.progress.signal += signal
        note = self.around.display.note
        warnings = self.alarms.step(report.step, signal, metrics)
        for warning in warnings.values():
            note(f"step {report.step}: {warning}")
        if NOTHING_TO_LEARN in warnings:
            for line in await self._example(report.groups[0]):
                note(line)

    async def _checkpoint_if_due(self, step: int, tasks: asyncio.TaskGroup) -> None:
        """Every so many steps, after the last one, and when somebody asks."""
        loop = self.config.loop
        due = step == loop.steps or step % loop.checkpoint_every == 0
        if self.alarms.health.is_beyond:
            # A policy that may be past learning does not take the place of an older one.
            await self.checkpointer.written(self.waits)
            due = due and not policy_of(self.folder)
        await self.around.save_if_due(self.checkpointer, step, due, lambda: self._checkpoint(tasks))

    async def _checkpoint(self, tasks: asyncio.TaskGroup) -> None:
        """Of the newest step; training may go on while it is written."""
        assert self.record.last is not None
        last = self.record.last
        version = last.state["version"]
        await self.checkpointer.begin(self.waits, version, self.state_dict(), last.kept, tasks)

    async def _checkpoint_now(self) -> None:
        """The same, written when this returns."""
        async with asyncio.TaskGroup() as tasks:
            await self._checkpoint(tasks)

    async def _example(self, group: ReadyGroup) -> list[str]:
        """What the policy writes, as lines; none where the worker that holds it has died."""
        fleet = self.around.fleet
        try:
            rollouts = await fleet.fetch(group.annotations[ROLLOUT])
            grades = await fleet.fetch(group.annotations[VERIFIER])
        except WorkerError:
            return []
        return example(rollouts, grades, group.row)

    async def _kept_policy(self) -> str:
        """Which policy a run that has to stop leaves: one of before, where there is one."""
        await self.checkpointer.written(self.waits)
        if not policy_of(self.folder):
            await self._checkpoint_now()
            return f"The policy as it is now, the only one kept: {policy_of(self.folder)}"
        return f"The newest policy of before: {policy_of(self.folder)}"

    # --- what it comes to ----------------------------------------------------------------------

    def _count_time(self, now: float, times: dict[str, Times]) -> None:
        passed = {role: own - self._begin[role] for role, own in times.items()}
        self.record.count_time(now - self._began, passed)

    def summary(self, started: float) -> Summary:
        """Of all that has been done so far."""
        config, progress, loop = self.config, self.record.progress, self.config.loop
        return Summary(
            run=self.inputs.name,
            before=self.curve.at(0),
            after=self.curve.at(loop.steps),
            checks=self.curve.checks,
            steps=max(self.loop.state.version, self.checkpointer.origin.version),
            planned_steps=loop.steps,
            prompts=len(self.inputs.train),
            wall_s=time.monotonic() - started,
            train_s=progress.train_s,
            consumed_tokens=progress.consumed_tokens,
            ledger=self.loop.state.ledger,
            times=progress.times,
            members=self.around.members,
            staleness_mean=progress.staleness_mean,
            staleness_max=progress.staleness_max,
            pace=Pace(
                steps=self.loop.state.version,
                train_s=progress.train_s,
                waited_for_old_s=progress.waited_for_old_s,
                longest_group_s=progress.longest_group_s,
                longest_completion=progress.longest_completion,
                consumed_tokens=progress.consumed_tokens,
                completions_at_once=_completions_at_once(config, self.loop.ahead.lead),
                max_staleness=self.loop.ready.bound,
                is_automatic=is_automatic(loop),
            ),
            resumes=progress.resumes,
            signal=progress.signal,
            alarms=self.alarms.health.summary(),
            stopped_by=self.around.signals.stop,
        )


def _completions_at_once(config: RunConfig, lead: int) -> int:
    """The most that all samplers decode at the same time, so many steps ahead of training."""
    loop = config.loop
    return min(
        config.rollout.workers * config.rollout.sequences_at_once,
        num_slots(loop, lead) * loop.group_size,
    )
