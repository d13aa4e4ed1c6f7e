"""One training run from its config to its evidence: the driver of the Ray job."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from actors.cluster import connected
from actors.fleet import RayFleet
from actors.metrics import RayGauges
from actors.placement import check_resources, needs
from rlsys.config.load import to_yaml
from rlsys.config.schema import RunConfig
from rlsys.config.verifiers import require_sources
from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.errors import RlsysError
from rlsys.loop import checkpoint
from rlsys.loop.clock import Times
from rlsys.loop.event_loop import WatchedEventLoop
from rlsys.loop.heldout import HeldOut, evaluate
from rlsys.loop.lag import LagMeter
from rlsys.loop.loop import Loop, StepReport, first_cause
from rlsys.observe.display import Display
from rlsys.observe.metrics import MetricsWriter, step_metrics, time_shares
from rlsys.observe.summary import Summary
from rlsys.recipes.prepare import prepare, read_rows


def train(config: RunConfig, name: str, console: Console, started: float) -> Summary:
    """Run the main job and leave its evidence in config.run.directory/name.

    Args:
        started: time.monotonic() of the command's start, for the wall time.
    """
    folder = Path(config.run.directory).expanduser().resolve() / name
    samples = folder / "samples"
    with Display(config.loop.steps, console, started) as display:
        display.stage("reading the rows")
        rows = read_rows(config)
        require_sources(config.verifiers, {row.source for row in (*rows.train, *rows.held_out)})
        display.stage("starting Ray")
        with connected(config.cluster) as cluster:
            display.note(cluster)
            check_resources(needs(config))
            prepared = prepare(config, rows, display.stage)
            for note in prepared.notes:
                display.note(note)
            samples.mkdir(parents=True)
            (folder / "config.yaml").write_text(to_yaml(config))
            display.note(f"run {folder}")
            prompts = [*prepared.train, *prepared.held_out]
            fleet = RayFleet(
                config, prepared.model_path, prompts, samples, display.stage, display.note
            )
            event_loop = WatchedEventLoop()
            run = Run(config, name, folder, fleet, display, event_loop)
            try:
                with asyncio.Runner(loop_factory=lambda: event_loop) as runner:
                    summary = runner.run(run.train(prepared.train, prepared.held_out, started))
            finally:
                display.stage("ending the fleet")
                fleet.shutdown()
    summary.wall_s = time.monotonic() - started
    summary.write(folder)
    summary.show(console)
    return summary


class Run:
    """Watches a loop: metrics, held-out checks, checkpoints."""

    def __init__(
        self,
        config: RunConfig,
        name: str,
        folder: Path,
        fleet: RayFleet,
        display: Display,
        event_loop: WatchedEventLoop,
    ) -> None:
        self.config, self.name, self.folder = config, name, folder
        self.fleet, self.display, self.event_loop = fleet, display, event_loop
        self.writer = MetricsWriter(folder)
        self.gauges = RayGauges(name)
        self.lag = LagMeter()
        self.times: dict[str, Times] = {}
        self.heldout: HeldOut | None = None
        self.consumed_tokens = 0
        self.last_step = 0.0
        self.staleness: list[np.ndarray] = []

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
        self.stream = stream
        self.loop.notice = self.display.note
        self.loop.waits.stacks = self.fleet.starting.stacks = self.fleet.stacks
        self.display.waiting = self.loop.waits.describe
        task = asyncio.current_task()
        self.event_loop.waits_are_for(lambda: self.loop.waits.of(task))
        await self.fleet.start()
        final = held_out[: config.evaluation.final_prompts]
        self.display.stage(f"held-out check before training: {len(final)} prompts")
        before = await self._evaluate(final)
        self.display.note(f"held-out pass@1 before training: {before}")
        self.display.stage("training: waiting for the first groups")
        train_started = self.last_step = time.monotonic()
        self.times = begin = await self._times()
        await self.loop.train(config.loop.steps)
        train_s = time.monotonic() - train_started
        end = await self._times()
        self.display.stage(f"held-out check after training: {len(final)} prompts")
        after = await self._evaluate(final)
        self.writer.close()
        staleness = np.concatenate(self.staleness)
        return Summary(
            run=self.name,
            before=before,
            after=after,
            steps=self.loop.state.version,
            wall_s=time.monotonic() - started,
            train_s=train_s,
            consumed_tokens=self.consumed_tokens,
            ledger=self.loop.state.ledger,
            times={role: times - begin[role] for role, times in end.items()},
            members={need.role: need.count for need in needs(config)},
            staleness_mean=float(staleness.mean()),
            staleness_max=int(staleness.max()),
        )

    async def _times(self) -> dict[str, Times]:
        """Of every role, and of this process."""
        times = await self.loop.waits.on("driver: times", self.fleet.times())
        return times | {"driver": self.event_loop.clock.times()}

    async def _evaluate(self, prompts: Sequence[Prompt]) -> HeldOut:
        self.heldout = await evaluate(self.fleet, prompts, self.config, self.loop.retries)
        return self.heldout

    async def _after_step(self, report: StepReport, tasks: asyncio.TaskGroup) -> None:
        loop = self.config.loop
        times = await self._times()
        now = time.monotonic()
        metrics = step_metrics(report, now - self.last_step) | time_shares(times, self.times)
        metrics |= self.lag.take()
        self.times, self.last_step = times, now
        if self.heldout:
            metrics["heldout/pass_at_1"] = self.heldout.pass_at_1
        self.consumed_tokens += int(metrics["throughput/consumed_tokens"])
        self.staleness.append(report.staleness)
        self.writer.write(report.step, metrics)
        self.gauges.write(metrics)
        self.display.step(report.step, metrics)
        last = report.step == loop.steps
        if loop.evaluate_every and report.step % loop.evaluate_every == 0 and not last:
            chosen = self.held_out[: self.config.evaluation.prompts]
            tasks.create_task(self._evaluate(chosen), name="held-out check")
        if last or report.step % loop.checkpoint_every == 0:
            await self._checkpoint(report.step)

    async def _checkpoint(self, step: int) -> None:
        state = self.loop.state
        content = {
            "version": state.version,
            "next_group": state.next_group,
            "ledger": state.ledger.to_dict(),
            "living": {str(g): str(s) for g, s in state.ledger.living.items()},
            "prompts": self.stream.state_dict(),
        }
        await self.loop.waits.on(
            "driver: checkpoint",
            checkpoint.write(
                self.folder / "checkpoints",
                step,
                content,
                lambda folder: self.fleet.save(folder, []),
                self.config.loop.keep_checkpoints,
            ),
        )
