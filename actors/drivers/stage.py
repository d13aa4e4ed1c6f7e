"""One run of a stage from its config to its evidence, as one Ray job."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from actors.beside import beside
from actors.cluster import connected
from actors.drivers.driver import Driver
from actors.memory import demand_of, planned
from actors.placement import check_resources
from actors.precision import decided_by_nodes, precisions
from actors.ray_fleet import RayFleet
from actors.ray_metrics import RayGauges
from actors.roles import needs
from actors.room import batched_by_nodes, room_of_the_cluster
from rlsys.config.adapter import adapter_note
from rlsys.config.latents import require_room, settled
from rlsys.config.load import to_yaml
from rlsys.config.model_names import FILE
from rlsys.config.run import Precision, RunConfig, StageKind
from rlsys.config.transport import told
from rlsys.data.digests import digests
from rlsys.disk import replace_text
from rlsys.errors import LearnerLostError
from rlsys.lineage import manifest
from rlsys.lineage.kinds import kind_of
from rlsys.lineage.manifest import Artifact, artifact
from rlsys.local_policy.resolve import policy_network
from rlsys.observe.display import Display
from rlsys.observe.loggers import JsonLines, Logger, Loggers, TensorBoard
from rlsys.observe.member_times import MemberTimes
from rlsys.observe.next_steps import policy_of
from rlsys.observe.run_summary import RunSummary
from rlsys.observe.stage_summary import StageSummary
from rlsys.observe.tracking import trackers
from rlsys.roles import LEARNER, ROLLOUT
from rlsys.run import checkpoint, wish
from rlsys.run.checkpoint import checkpoint_bytes
from rlsys.run.checkpointer import FOLDER, Checkpointer, Origin, newest
from rlsys.run.folder import (
    SAMPLES,
    check_inputs,
    cut_back,
    failure_recorded,
    held,
    record_inputs,
)
from rlsys.stages.kinds import KINDS, Kind
from rlsys.stages.plan import Plan
from rlsys.watch import stacks
from rlsys.watch.event_loop import WatchedEventLoop
from rlsys.watch.signals import unwinding
from rlsys.watch.waits import WaitBoard

_ENDING_S = 15.0
"""For the members to end by themselves: samplers have processes, learners samples to write."""
_STOPPING_S = 5.0
"""The same for a run that was told to stop: whoever told it kills before long."""


def run_stage(
    config: RunConfig, name: str, console: Console, started: float, resume: bool = False
) -> RunSummary:
    """Run the stage config.run.stage, and leave its evidence in config.run.directory/name.

    Args:
        started: time.monotonic() of the command's start, for the wall time.
        resume: go on with the run that is there.
    """
    folder = Path(config.run.directory).expanduser().resolve() / name
    kind, board = KINDS[config.run.stage], WaitBoard()
    with (
        Display(
            console,
            started,
            board.describe,
            columns=kind.columns,
            doing=kind.doing,
            step_name=kind.step,
        ) as display,
        ExitStack() as holding,
        unwinding(),
    ):
        stacks.register()
        display.stage("reading the rows")
        inputs = digests(kind.sources(config))
        origin = Origin()
        if resume:
            holding.enter_context(held(folder))
            check_inputs(folder, inputs)
        plan = _planned(kind, config, resume, display)
        config = plan.config
        if resume:
            origin = plan.origin(folder)
        if config.model.path and kind.trains:
            check_space(folder, config, config.model.path)
        has_fleet = plan.needs_fleet(folder)
        with _on_a_cluster(config, display) if has_fleet else nullcontext():
            if has_fleet:
                config = batched_by_nodes(decided_by_nodes(config))
                plan = replace(plan, config=config)
                display.note(f"precision: {precisions(config)}")
                config, lines = _in_memory(config)
                plan = replace(plan, config=config)
                for line in lines:
                    display.note(line)
            model_path = plan.policy(display.stage)
            if kind.trains and not config.model.path:
                check_space(folder, config, model_path)
            for line in _trained_part(kind, config, model_path):
                display.note(line)
            taken = {one: artifact(path) for one, path in plan.inputs(model_path).items()}
            holding.enter_context(_in_its_folder(folder, inputs, origin, display))
            replace_text(folder / FILE, to_yaml(config))
            job = Job(kind, plan, name, folder, model_path, taken, display, board, started)
            summary = _to_the_end(job, origin)
    summary.wall_s = time.monotonic() - started
    _leave(summary, job, console)
    return summary


def _planned(kind: Kind, config: RunConfig, resume: bool, display: Display) -> Plan:
    """What is to be done, from the settings and the rows; as much as is known without a model."""
    config = settled(config, config.model.path, display.note)
    require_room(config)
    plan = kind.read(config, resume, display.stage)
    for note in (*plan.notes, plan.length):
        display.note(note)
    return plan


@contextmanager
def _on_a_cluster(config: RunConfig, display: Display) -> Iterator[None]:
    """Ray for the block's duration, with room for the fleet."""
    display.stage("starting Ray")
    with connected(config.cluster) as cluster:
        for line in (cluster, *beside(config.cluster)):
            display.note(line)
        check_resources(needs(config), config.cluster.queue_s)
        yield


@contextmanager
def _in_its_folder(
    folder: Path, inputs: dict[str, str], origin: Origin, display: Display
) -> Iterator[None]:
    """The run has its folder to itself: a new one, or an old one cut back to its origin, which is
    held already. The folder says why the block failed, if it does."""
    with ExitStack() as holding:
        if origin.resumed:
            for what in wish.Wish:  # those that the last driver did not live to grant
                wish.close(folder, what)
            cut_back(folder, origin.version)
            (folder / manifest.FILE).unlink(missing_ok=True)  # of what will be made again
            display.note(f"run {folder}, resumed after {display.step_name} {origin.version}")
        else:
            (folder / SAMPLES).mkdir(parents=True)
            holding.enter_context(held(folder))
            record_inputs(folder, inputs)
            display.note(f"run {folder}")
        holding.enter_context(failure_recorded(folder))
        yield


def _leave(summary: RunSummary, job: "Job", console: Console) -> None:
    """The evidence on disk, and what a person sees of it."""
    folder, config = job.folder, job.plan.config
    summary.notes = [
        *job.plan.notes,
        *_trained_part(job.kind, config, job.model_path),
        *job.plan.closing_notes(summary, folder / SAMPLES),
    ]
    if summary.members:
        summary.precision = precisions(config)
    if isinstance(summary, StageSummary):
        summary.policy = str(policy_of(folder) or "")
    commands = job.plan.next_commands(folder, summary.steps, job.resume)
    if summary.stopped_by is None:
        if made := job.plan.outputs(folder):
            kind, figures = kind_of(config), summary.figures()
            manifest.write_manifest(folder, kind, config, job.inputs, made, figures, job.started)
        summary.write(folder)  # last: a run without it is gone on with
    else:
        summary.notes.append(_how_it_stopped(summary, job))
        commands = []
    if summary.steps:
        summary.show(console, commands)
    else:
        console.print(summary.notes[-1], highlight=False, markup=False, soft_wrap=True)


def _trained_part(kind: Kind, config: RunConfig, model_path: str) -> list[str]:
    """What is trained of the policy, where that is an adapter."""
    lora = config.learner.lora
    return [adapter_note(lora, model_path)] if kind.trains and lora else []


def _how_it_stopped(summary: RunSummary, job: "Job") -> str:
    """After which step, with what on the disk, and how to go on."""
    assert summary.stopped_by is not None
    kept = "what was sampled is kept"
    if job.kind.trains:
        there = checkpoint.complete(job.folder / FOLDER)
        kept = f"the newest checkpoint is {there[-1].name}" if there else "there is no checkpoint"
    return (
        f"stopped by {summary.stopped_by.name} after {job.kind.step} {summary.steps} of "
        f"{summary.planned_steps}; {kept}. To go on: {job.resume} {job.folder}"
    )


@dataclass(frozen=True)
class Job:
    """What stays the same when a fleet is started again."""

    kind: Kind
    plan: Plan
    name: str
    folder: Path
    model_path: str
    inputs: Mapping[str, Artifact]
    """What is read, as it was at the start."""
    display: Display
    board: WaitBoard
    started: float
    """time.monotonic() of the command's start."""

    @property
    def resume(self) -> str:
        """The command that goes on, but for the run."""
        return f"rlsys {self.kind.command} --resume"


def _to_the_end(job: Job, origin: Origin) -> RunSummary:
    """From the origin to the last step; a learner that dies is started again, with a new fleet,
    from the newest checkpoint."""
    loop, folder = job.plan.config.loop, job.folder
    restarts = 0
    while True:
        try:
            return _with_a_fleet(job, origin)
        except LearnerLostError as error:
            if restarts == loop.max_learner_restarts:
                raise LearnerLostError(
                    f"{error} (loop.max_learner_restarts={restarts}); "
                    f"`{job.resume} {folder}` goes on from there"
                ) from error
            restarts += 1
            origin = newest(folder, loop.steps)
            cut_back(folder, origin.version)
            job.display.note(f"{error}. Restart {restarts}, from after step {origin.version}")


def _with_a_fleet(job: Job, origin: Origin) -> RunSummary:
    plan, display = job.plan, job.display
    config, wanted = plan.config, needs(plan.config)
    fleet = RayFleet(
        config,
        job.model_path,
        plan.prompts,
        plan.canary_ids,
        job.folder,
        wanted,
        display.stage,
        display.note,
    )
    keep, has_turns = config.loop.keep_checkpoints, fleet.turns.are_taken
    checkpointer = Checkpointer(job.folder, fleet, origin, keep, has_turns)
    loggers: list[Logger] = [
        JsonLines(job.folder),
        TensorBoard(job.folder, origin.version if origin.resumed else None),
        RayGauges(job.name),
        *trackers(config, job.name, job.folder, display.note),
        MemberTimes(job.folder, fleet.lately),
    ]
    event_loop = WatchedEventLoop()
    driver = Driver(
        partial(plan.stage, job.name, job.model_path, checkpointer),
        fleet,
        {need.role: need.count for need in wanted},
        display,
        job.board,
        Loggers(loggers, display.note),
        event_loop,
        config.loop.stop_grace_s,
        f"{job.resume} {job.folder}",
    )
    try:
        with closing(driver), asyncio.Runner(loop_factory=lambda: event_loop) as runner:
            return runner.run(driver.drive(job.started))
    finally:
        display.stage("ending the fleet")
        fleet.shutdown(_STOPPING_S if driver.signals.stop else _ENDING_S)


def _in_memory(config: RunConfig) -> tuple[RunConfig, list[str]]:
    """The settings that memory decides, and how weights travel and the memory plan in lines.

    Raises:
        ConfigError: it does not fit on the smallest GPU of the cluster, or on a node.
    """
    demand = demand_of(config, policy_network(config), room_of_the_cluster())
    on_gpus = config.learner.gpus or config.rollout.gpus
    travels = on_gpus and {LEARNER, ROLLOUT} <= set(demand.roles)
    return demand.config, [*([told(demand.config)] if travels else []), *planned(demand)]


def check_space(folder: Path, config: RunConfig, model_path: str) -> None:
    """Raise CheckpointError when the disk obviously has no room for the run's checkpoints."""
    policy_bytes = 4 if config.learner.dtype is Precision.float32 else 2
    is_rl = config.run.stage is StageKind.rl
    with_critic = is_rl and config.algorithm.advantage.estimator == "gae"
    size = checkpoint_bytes(model_path, policy_bytes, with_critic, config.learner.lora)
    if size is not None:
        checkpoint.check_space(folder / FOLDER, size, config.loop.keep_checkpoints)
