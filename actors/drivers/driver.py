"""The driver of a run around its fleet: the loop, with metrics, checks, checkpoints and signals."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace

from ray.exceptions import RayError

from actors.drivers.lookout import Lookout
from actors.ray_fleet import RayFleet
from actors.ray_metrics import RayGauges
from actors.roles import needs
from rlsys.config.run import RunConfig
from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.errors import RlsysError, SickPolicyError
from rlsys.evaluation.checks import Checks
from rlsys.evaluation.curve import Curve
from rlsys.evaluation.heldout import HeldOut
from rlsys.loop.loop import Loop, StepReport, first_cause, num_slots
from rlsys.loop.outcome import count_signal
from rlsys.loop.ready import ReadyGroup
from rlsys.observe.alarms import Alarms
from rlsys.observe.balance import Pace
from rlsys.observe.display import Display
from rlsys.observe.example import example
from rlsys.observe.groups import group_metrics
from rlsys.observe.learnable import cut_off_at
from rlsys.observe.loggers import JsonLines, Logger, Loggers, TensorBoard
from rlsys.observe.metrics import check_metrics, step_metrics, time_shares
from rlsys.observe.next_steps import policy_of
from rlsys.observe.summary import Summary
from rlsys.roles import ROLLOUT, VERIFIER
from rlsys.run import wish
from rlsys.run.checkpointer import Checkpointer
from rlsys.watch import garbage
from rlsys.watch.clock import Times
from rlsys.watch.event_loop import WatchedEventLoop
from rlsys.watch.lag import LagMeter
from rlsys.watch.signals import Signals


class Driver:
    """Drives a loop up to its end or its stop: metrics, held-out checks, checkpoints."""

    def __init__(
        self,
        config: RunConfig,
        name: str,
        checkpointer: Checkpointer,
        fleet: RayFleet,
        display: Display,
        event_loop: WatchedEventLoop,
    ) -> None:
        self.config, self.name, self.checkpointer = config, name, checkpointer
        self.fleet, self.display, self.event_loop = fleet, display, event_loop
        origin = checkpointer.origin
        self.curve = Curve(checkpointer.folder)
        after_step = origin.version if origin.resumed else None
        loggers: list[Logger] = [
            JsonLines(checkpointer.folder),
            TensorBoard(checkpointer.folder, after_step),
            RayGauges(name),
        ]
        self.loggers = Loggers(loggers, display.note)
        self.lag = LagMeter()
        self.earlier = replace(checkpointer.progress)
        self.times: dict[str, Times] = {}
        self.begin: dict[str, Times] = {}
        self.began = self.last_step = 0.0
        self.is_training = False
        self.signals = Signals(self._end_at_once)
        self.alarms = Alarms(config)
        if origin.content:
            self.alarms.load_state_dict(origin.content["alarms"])

    async def train(
        self, prompts: Sequence[Prompt], held_out: Sequence[Prompt], started: float
    ) -> Summary:
        """Start the fleet, check, train, check again; stop when the fleet is past help."""
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [
                    tasks.create_task(self.fleet.supervisor.failed(), name="watch fleet"),
                    tasks.create_task(self.lag.run(), name="measure lag"),
                ]
                with self.signals.heard():
                    summary = await self._until_stopped(prompts, held_out, started)
                for task in beside:
                    task.cancel()
        except* RlsysError as errors:
            cause = first_cause(errors)
            if self.signals.stop is None:
                raise cause from errors
            # Whoever ends a job may end all of its processes, the members before the driver.
            self.display.note(f"while stopping: {str(cause).splitlines()[0]}")
            summary = self._summary(started)
        return summary

    async def _until_stopped(
        self, prompts: Sequence[Prompt], held_out: Sequence[Prompt], started: float
    ) -> Summary:
        """Train to the end, or until a signal and what may follow it within loop.stop_grace_s."""
        config = self.config
        self.num_prompts = len(prompts)
        stream = PromptStream(prompts, config.run.seed, config.data.shuffle)
        self.loop = Loop(self.fleet, stream, config, self._after_step, self.fleet.observer)
        self.checks = Checks(
            self.fleet,
            held_out,
            config,
            self.loop.retries,
            self.curve,
            self._checked,
            self.display.stage,
        )
        waits = (self.fleet.starting, self.loop.waits)
        self.lookout = Lookout(self.checkpointer.folder, waits, self.fleet, self.display.note)
        with self.lookout.watching():
            await self._train_or_stop()
        return self._summary(started)

    async def _train_or_stop(self) -> None:
        """Until one of the two has ended."""
        training = asyncio.create_task(self._train(), name="train")
        stopping = asyncio.create_task(self.signals.asked_to_stop.wait(), name="hear signals")
        try:
            await asyncio.wait((training, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self.is_training and self.signals.stop:
                grace_s = self.config.loop.stop_grace_s
                self.display.note(
                    f"{self.signals.stop.name}: stopping, with a checkpoint if there is one within "
                    f"{grace_s:g} s (loop.stop_grace_s); once more ends the run at once"
                )
                self.loop.stop()
                await asyncio.wait((training,), timeout=grace_s)
        finally:
            stopping.cancel()
            training.cancel()
            await asyncio.wait((training,))
        if not training.cancelled():
            training.result()

    async def _train(self) -> None:
        """The whole way from a fleet that is not started to the check after training."""
        self.display.waiting = self._waiting
        task = asyncio.current_task()
        self.event_loop.waits_are_for(lambda: self.loop.waits.of(task))
        origin = self.checkpointer.origin
        await self.fleet.start(origin.checkpoint, origin.version)
        await self.checkpointer.restore(self.loop)
        await self.checks.before_training(origin.version)
        self.display.stage("training: waiting for the first groups")
        self.began = self.last_step = time.monotonic()
        self.times = self.begin = await self._times()
        self.is_training = True
        with garbage.seldom_collected():
            await self.loop.train(self.config.loop.steps)
        if self.checkpointer.is_behind:
            self.display.stage("writing a checkpoint")
            await self._checkpoint()
        self.is_training = False
        self._count_time(time.monotonic(), await self._times())
        if not self.signals.stop:
            await self.checks.after_training()

    def _summary(self, started: float) -> Summary:
        """Of all that has been done so far."""
        config, progress = self.config, self.checkpointer.progress
        return Summary(
            run=self.name,
            before=self.curve.at(0),
            after=self.curve.at(config.loop.steps),
            checks=self.curve.checks,
            steps=max(self.loop.state.version, self.checkpointer.origin.version),
            planned_steps=config.loop.steps,
            prompts=self.num_prompts,
            wall_s=time.monotonic() - started,
            train_s=progress.train_s,
            consumed_tokens=progress.consumed_tokens,
            ledger=self.loop.state.ledger,
            times=progress.times,
            members={need.role: need.count for need in needs(config)},
            staleness_mean=progress.staleness_mean,
            staleness_max=progress.staleness_max,
            pace=Pace(
                steps=self.loop.state.version,
                train_s=progress.train_s,
                waited_for_old_s=progress.waited_for_old_s,
                longest_group_s=progress.longest_group_s,
                longest_answer=progress.longest_answer,
                consumed_tokens=progress.consumed_tokens,
                answers_at_once=_answers_at_once(config),
                max_staleness=config.loop.max_staleness,
            ),
            resumes=progress.resumes,
            signal=progress.signal,
            alarms=self.alarms.health.summary(),
            stopped_by=self.signals.stop,
        )

    def close(self) -> None:
        """Let go of the run's files."""
        self.loggers.close()
        self.checkpointer.history.close()

    def _waiting(self) -> str:
        """For people: what the fleet's start waits for, or the driver in training."""
        described = (self.fleet.starting.describe(), self.loop.waits.describe())
        return ", ".join(d for d in described if d != "nothing").replace("driver: ", "")

    async def _times(self) -> dict[str, Times]:
        """Of every role, and of this process."""
        times = await self.loop.waits.on("driver: times", self.fleet.times())
        return times | {"driver": self.event_loop.clock.times()}

    def _checked(self, check: HeldOut) -> None:
        """Note a held-out check everywhere; a curve has it at the version that it measured."""
        metrics = check_metrics(check)
        self.loggers.later(check.versions[0], metrics)
        steps = {0: "before training", self.config.loop.steps: "after training"}
        when = steps.get(check.step, f"at step {check.step}")
        self.display.check(check.step, metrics, f"held-out pass@1 {when}: {check}")
        if check.step == 0 and (cut_off := cut_off_at(self.config, check.truncated)):
            self.display.note(f"warning: {cut_off}")

    def _count_time(self, now: float, times: dict[str, Times]) -> None:
        """Training time up to now, that of earlier drivers included."""
        earlier = self.earlier
        self.checkpointer.progress.train_s = earlier.train_s + now - self.began
        self.checkpointer.progress.times = {
            role: own - self.begin[role] + earlier.times.get(role, Times())
            for role, own in times.items()
        }

    async def _after_step(self, report: StepReport, tasks: asyncio.TaskGroup) -> None:
        loop = self.config.loop
        times = await self._times()
        # Before anyone is told of the step.
        self.checkpointer.step(self.loop)
        dropped = self.loop.drops.take(report.step)
        now = time.monotonic()
        metrics = step_metrics(report, now - self.last_step) | time_shares(times, self.times)
        metrics |= self.lag.take()
        self.times, self.last_step = times, now
        self._count_time(now, times)
        progress = self.checkpointer.progress
        metrics |= group_metrics(report.groups, dropped)
        progress.saw(report)
        signal = count_signal(report.groups, self.config)
        progress.signal += signal
        had_signal = not self.alarms.signal.on
        for warning in self.alarms.step(report.step, signal, metrics):
            self.display.note(f"step {report.step}: {warning}")
        if had_signal and self.alarms.signal.on:
            for line in await self._example(report.groups[0]):
                self.display.note(line)
        metrics |= self.alarms.metrics()
        self.loggers.step(report.step, metrics)
        self.display.step(report.step, metrics)
        garbage.after_step(report.step)
        await self.loop.waits.on("driver: dropped answers written", self.loop.drops.write())
        if error := self.alarms.health.verdict(metrics):
            raise SickPolicyError(f"{error}. {await self._kept()}")
        assert self.loop.publishing is not None
        await self.checks.after_step(report.step, self.loop.publishing, tasks)
        asked = self.signals.asked_to_save or wish.is_open(
            self.checkpointer.folder, wish.Wish.checkpoint
        )
        due = report.step == loop.steps or report.step % loop.checkpoint_every == 0
        # A policy that may be past learning does not take the place of an older one.
        keeps_older = self.alarms.health.is_beyond and policy_of(self.checkpointer.folder)
        if asked or (due and not keeps_older):
            await self._checkpoint()
        if asked:
            self.display.note(f"step {report.step}: a checkpoint was asked for and is written")

    async def _example(self, group: ReadyGroup) -> list[str]:
        """What the policy writes, as lines; none where the worker that holds it has died."""
        try:
            rollouts = await self.fleet.fetch(group.annotations[ROLLOUT])
            scores = await self.fleet.fetch(group.annotations[VERIFIER])
        except RayError:
            return []
        return example(rollouts, scores, group.row)

    async def _kept(self) -> str:
        """Which policy a run that has to stop leaves: one of before, where there is one."""
        folder = self.checkpointer.folder
        if not policy_of(folder):
            await self._checkpoint()
            return f"The policy as it is now, the only one kept: {policy_of(folder)}"
        return f"The newest policy of before: {policy_of(folder)}"

    async def _checkpoint(self) -> None:
        await self.checkpointer.checkpoint(self.loop, self.alarms.state_dict())
        self.signals.asked_to_save = False
        wish.close(self.checkpointer.folder, wish.Wish.checkpoint)

    def _end_at_once(self, number: signal.Signals) -> None:
        """The fleet ends with this process: its actors, and what a cluster of its own started."""
        self.display.close()
        self.display.console.print(
            f"{number.name} again: ended at once. To go on: rlsys train --resume "
            f"{self.checkpointer.folder}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        os._exit(128 + number)


def _answers_at_once(config: RunConfig) -> int:
    """The most that all engines decode at the same time."""
    loop = config.loop
    return min(
        config.rollout.workers * config.rollout.max_sequences,
        num_slots(loop, loop.max_staleness) * loop.group_size,
    )
