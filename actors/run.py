"""One training run from its config to its evidence: the driver of the Ray job."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from actors.beside import beside
from actors.cluster import connected
from actors.fleet import RayFleet
from actors.metrics import RayGauges
from actors.placement import check_resources, needs
from rlsys.config.algorithm import Advantage
from rlsys.config.load import to_yaml
from rlsys.config.resume import FILE
from rlsys.config.schema import Precision, RunConfig
from rlsys.config.verifiers import require_sources
from rlsys.data.fingerprints import fingerprints
from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.errors import LearnerLostError, RlsysError
from rlsys.loop import checkpoint, garbage
from rlsys.loop.clock import Times
from rlsys.loop.disk import replace_text
from rlsys.loop.event_loop import WatchedEventLoop
from rlsys.loop.heldout import HeldOut, evaluate
from rlsys.loop.keeper import FOLDER, Keeper, Origin, newest
from rlsys.loop.lag import LagMeter
from rlsys.loop.loop import Loop, StepReport, first_cause, num_slots
from rlsys.loop.outcome import count_signal
from rlsys.loop.run_folder import (
    SAMPLES,
    check_inputs,
    cut_back,
    failure_recorded,
    held,
    record_inputs,
)
from rlsys.loop.space import checkpoint_bytes
from rlsys.observe.alarms import Alarms
from rlsys.observe.balance import Pace
from rlsys.observe.display import Display
from rlsys.observe.learnable import cut_off_at, last_words, problem_of
from rlsys.observe.metrics import MetricsWriter, step_metrics, time_shares
from rlsys.observe.next_steps import next_commands, policy_of
from rlsys.observe.summary import Summary
from rlsys.recipes.prepare import Prepared, find_policy, prepare, read_rows


def train(
    config: RunConfig, name: str, console: Console, started: float, resume: bool = False
) -> Summary:
    """Run the main job and leave its evidence in config.run.directory/name.

    Args:
        started: time.monotonic() of the command's start, for the wall time.
        resume: go on with the run that is there.
    """
    folder = Path(config.run.directory).expanduser().resolve() / name
    with Display(config.loop.steps, console, started) as display, ExitStack() as holding:
        display.stage("reading the rows")
        inputs = fingerprints(config.data)
        origin = Origin()
        if resume:
            holding.enter_context(held(folder))
            check_inputs(folder, inputs)
            origin = newest(folder, config.loop.steps)
        rows = read_rows(config)
        require_sources(config.verifiers, {row.source for row in (*rows.train, *rows.held_out)})
        prepared = prepare(config, rows, display.stage)
        for note in prepared.notes:
            display.note(note)
        display.stage("starting Ray")
        with connected(config.cluster) as cluster:
            for line in (cluster, *beside(config.cluster)):
                display.note(line)
            roles = needs(config)
            check_resources(roles, config.cluster.queue_s)
            model_path = find_policy(config, display.stage)
            _check_space(folder, config, model_path)
            if resume:
                cut_back(folder, origin.version)
                display.note(f"run {folder}, resumed after step {origin.version}")
            else:
                (folder / SAMPLES).mkdir(parents=True)
                holding.enter_context(held(folder))
                record_inputs(folder, inputs)
                display.note(f"run {folder}")
            holding.enter_context(failure_recorded(folder))
            replace_text(folder / FILE, to_yaml(config))
            summary = _to_the_end(
                config, name, folder, model_path, prepared, origin, display, started
            )
    summary.wall_s = time.monotonic() - started
    summary.notes = [*prepared.notes]
    if problem := problem_of(summary.signal, config):
        summary.notes.append(f"warning: {problem}{last_words(folder / SAMPLES)}")
    summary.policy = str(policy_of(folder) or "")
    summary.write(folder)
    summary.show(console, next_commands(folder, config, summary.steps))
    return summary


def _to_the_end(
    config: RunConfig,
    name: str,
    folder: Path,
    model_path: str,
    prepared: Prepared,
    origin: Origin,
    display: Display,
    started: float,
) -> Summary:
    """Train from the origin to the last step; a learner that dies is started again, with a new
    fleet, from the newest checkpoint."""
    restarts = 0
    while True:
        try:
            return _with_a_fleet(
                config, name, folder, model_path, prepared, origin, display, started
            )
        except LearnerLostError as error:
            if restarts == config.loop.max_learner_restarts:
                raise LearnerLostError(
                    f"{error} (loop.max_learner_restarts={restarts}); "
                    f"`rlsys train --resume {folder}` goes on from there"
                ) from error
            restarts += 1
            origin = newest(folder, config.loop.steps)
            cut_back(folder, origin.version)
            display.note(f"{error}. Restart {restarts}, from after step {origin.version}")


def _with_a_fleet(
    config: RunConfig,
    name: str,
    folder: Path,
    model_path: str,
    prepared: Prepared,
    origin: Origin,
    display: Display,
    started: float,
) -> Summary:
    prompts = [*prepared.train, *prepared.held_out]
    fleet = RayFleet(
        config,
        model_path,
        prompts,
        folder / SAMPLES,
        needs(config),
        display.stage,
        display.note,
    )
    event_loop = WatchedEventLoop()
    keeper = Keeper(folder, config, model_path, fleet, origin)
    run = Run(config, name, keeper, fleet, display, event_loop)
    try:
        with closing(run), asyncio.Runner(loop_factory=lambda: event_loop) as runner:
            return runner.run(run.train(prepared.train, prepared.held_out, started))
    finally:
        display.stage("ending the fleet")
        fleet.shutdown()


def _answers_at_once(config: RunConfig) -> int:
    """The most that all engines decode at the same time."""
    loop = config.loop
    return min(
        config.rollout.workers * config.rollout.max_sequences,
        num_slots(loop, loop.max_staleness) * loop.group_size,
    )


def _check_space(folder: Path, config: RunConfig, model_path: str) -> None:
    """Raise CheckpointError when the disk obviously has no room for the run's checkpoints."""
    policy_bytes = 4 if config.learner.dtype is Precision.float32 else 2
    with_critic = config.algorithm.advantage is Advantage.gae
    size = checkpoint_bytes(model_path, policy_bytes, with_critic)
    if size is not None:
        checkpoint.check_space(folder / FOLDER, size, config.loop.keep_checkpoints)


class Run:
    """Watches a loop: metrics, held-out checks, checkpoints."""

    def __init__(
        self,
        config: RunConfig,
        name: str,
        keeper: Keeper,
        fleet: RayFleet,
        display: Display,
        event_loop: WatchedEventLoop,
    ) -> None:
        self.config, self.name, self.keeper = config, name, keeper
        self.fleet, self.display, self.event_loop = fleet, display, event_loop
        origin = keeper.origin
        self.writer = MetricsWriter(keeper.folder, origin.version if origin.resumed else None)
        self.gauges = RayGauges(name)
        self.lag = LagMeter()
        self.earlier = replace(keeper.progress)
        self.times: dict[str, Times] = {}
        self.begin: dict[str, Times] = {}
        self.began = self.last_step = 0.0
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
                summary = await self._train(prompts, held_out, started)
                for task in beside:
                    task.cancel()
        except* RlsysError as errors:
            raise first_cause(errors) from errors
        return summary

    async def _train(
        self, prompts: Sequence[Prompt], held_out: Sequence[Prompt], started: float
    ) -> Summary:
        config = self.config
        self.held_out = held_out
        stream = PromptStream(prompts, config.run.seed, config.data.shuffle)
        self.loop = Loop(self.fleet, stream, config, self._after_step)
        self.loop.notice = self.display.note
        waits = self.loop.waits
        waits.stacks = self.fleet.starting.stacks = self.fleet.stacks
        waits.samplers_still_s, waits.notice = self.fleet.samplers_still_s, self.display.note
        self.display.waiting = self._waiting
        task = asyncio.current_task()
        self.event_loop.waits_are_for(lambda: self.loop.waits.of(task))
        origin, progress = self.keeper.origin, self.keeper.progress
        await self.fleet.start(origin.checkpoint, origin.version)
        await self.keeper.restore(self.loop)
        final = held_out[: config.evaluation.final_prompts]
        before = progress.before
        if before is None and final:
            self.display.stage(f"held-out check before training: {len(final)} prompts")
            before = progress.before = await self._evaluate(final)
            self.display.note(f"held-out pass@1 before training: {before}")
            if cut_off := cut_off_at(config, before.truncated):
                self.display.note(f"warning: {cut_off}")
        self.display.stage("training: waiting for the first groups")
        self.began = self.last_step = time.monotonic()
        self.times = self.begin = await self._times()
        with garbage.seldom_collected():
            await self.loop.train(config.loop.steps)
        self._count_time(time.monotonic(), await self._times())
        after = None
        if final:
            self.display.stage(f"held-out check after training: {len(final)} prompts")
            after = await self._evaluate(final)
        return Summary(
            run=self.name,
            before=before,
            after=after,
            steps=self.loop.state.version,
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
        )

    def close(self) -> None:
        """Let go of the run's files."""
        self.writer.close()
        self.keeper.history.close()

    def _waiting(self) -> str:
        """For people: what the fleet's start waits for, or the driver in training."""
        described = (self.fleet.starting.describe(), self.loop.waits.describe())
        return ", ".join(d for d in described if d != "nothing").replace("driver: ", "")

    async def _times(self) -> dict[str, Times]:
        """Of every role, and of this process."""
        times = await self.loop.waits.on("driver: times", self.fleet.times())
        return times | {"driver": self.event_loop.clock.times()}

    async def _evaluate(self, prompts: Sequence[Prompt]) -> HeldOut:
        check = await evaluate(self.fleet, prompts, self.config, self.loop.retries)
        self.keeper.progress.heldout = check
        return check

    def _count_time(self, now: float, times: dict[str, Times]) -> None:
        """Training time up to now, that of earlier drivers included."""
        earlier = self.earlier
        self.keeper.progress.train_s = earlier.train_s + now - self.began
        self.keeper.progress.times = {
            role: own - self.begin[role] + earlier.times.get(role, Times())
            for role, own in times.items()
        }

    async def _after_step(self, report: StepReport, tasks: asyncio.TaskGroup) -> None:
        loop = self.config.loop
        times = await self._times()
        # Before anyone is told of the step.
        taken = self.keeper.step(self.loop)
        now = time.monotonic()
        metrics = step_metrics(report, now - self.last_step) | time_shares(times, self.times)
        metrics |= self.lag.take()
        self.times, self.last_step = times, now
        self._count_time(now, times)
        progress = self.keeper.progress
        if progress.heldout:
            metrics["heldout/pass_at_1"] = progress.heldout.pass_at_1
        progress.saw(report)
        signal = count_signal(report.groups, self.config)
        progress.signal += signal
        length, pass_at_1 = metrics["answer/mean_tokens"], metrics["reward/accuracy"]
        for warning in self.alarms.step(signal, length, pass_at_1):
            self.display.note(f"step {report.step}: {warning}")
        metrics |= self.alarms.metrics()
        self.writer.write(report.step, metrics)
        self.gauges.write(metrics)
        self.display.step(report.step, metrics)
        garbage.after_step(report.step)
        last = report.step == loop.steps
        chosen = self.held_out[: self.config.evaluation.prompts]
        due = loop.evaluate_every and report.step % loop.evaluate_every == 0
        if due and chosen and not last:
            checking = tasks.create_task(self._evaluate(chosen), name="held-out check")
            if self.config.run.deterministic:
                await checking
        if last or report.step % loop.checkpoint_every == 0:
            await self.keeper.checkpoint(self.loop, taken, self.alarms.state_dict())
