"""The stage `sample`: completions to every prompt, graded, and those that the rules keep.

    prompts -> the samplers -> the verifiers -> samples/ on the disk, cell by cell, in any order
    all of samples/ -> the rules -> demonstrations.jsonl, rates.jsonl

What is on the disk is all that there is to the stage's state: a resumed run samples what is
missing, and one that has all of it chooses anew, perhaps by other rules.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlsys.config.run import RunConfig
from rlsys.disk import replace_text
from rlsys.errors import ResumeError
from rlsys.evaluation.demonstrations import Asked
from rlsys.evaluation.rejection import Rules
from rlsys.evaluation.runner import examine
from rlsys.evaluation.samples import Samples
from rlsys.evaluation.sampling_task import Cell, SamplingTask, missing
from rlsys.evaluation.selection import Selection, select
from rlsys.lineage.digests import digest_of
from rlsys.loop.fleet import Graded, Sampled
from rlsys.loop.retries import Retries
from rlsys.loop.verdict_watch import VerdictWatch
from rlsys.observe.sample_summary import SampleSummary
from rlsys.observe.sample_tally import Tally
from rlsys.run.folder import SAMPLES, SUMMARY, last_metrics
from rlsys.stages.base import Stage, Surroundings
from rlsys.watch.accounting import Times
from rlsys.watch.waits import Waits

_POLICY = "policy.json"
"""Which policy the completions are of."""
_LINES_EVERY_S = 10.0


class Sampling(Stage):
    """Samples a policy as it is; nothing is learned."""

    def __init__(
        self,
        config: RunConfig,
        name: str,
        model_path: str,
        asked: Sequence[Asked],
        task: SamplingTask,
        folder: Path,
        around: Surroundings,
    ) -> None:
        self.config, self.name, self.model_path = config, name, model_path
        self.asked, self.task, self.folder, self.around = asked, task, folder, around
        self.samples = Samples(folder / SAMPLES)
        self.waits = Waits(config.loop.stall_timeout_s, around.fleet.observer)
        groups = replace(config.loop, group_size=task.size)
        share = config.verifiers.max_infrastructure_share
        self.verdicts = VerdictWatch(share, groups, around.display.note)
        self.done = 0
        """Prompts whose completions are on the disk."""
        self.tally = Tally()
        self.sampling_s = last_metrics(folder).get("throughput/sampling_s", 0.0)
        """Of all drivers; what a killed one did after its last line is not in it."""
        self.times: dict[str, Times] = {}
        self.selection: Selection | None = None
        self._began = self._last_line = time.monotonic()

    @property
    def is_sampled(self) -> bool:
        """Whether nothing is missing."""
        return next(missing([self.task], self.samples, 1), None) is None

    async def open(self) -> None:
        """Start the fleet, unless all has been sampled; completions without a verdict are asked
        for again in a run that has not come to its end.

        Raises:
            ResumeError: the completions on the disk are of another policy.
        """
        self._require_policy()
        if not (self.folder / SUMMARY).exists():
            self.samples.drop_ungraded(self.task.name)
        self.done = len(self.samples.done(self.task.name))
        if self.is_sampled:
            self.around.display.note("all completions are there: choosing among them anew")
        else:
            await self.around.fleet.start(None, 0)

    async def run(self) -> None:
        """All completions that are missing, then the choice.

        Raises:
            DataError: the rules leave nothing.
            VerifierError: too many completions have no verdict.
        """
        if not self.is_sampled:
            await self._sample()
        self.around.display.stage("choosing by the rules")
        self.selection = await asyncio.to_thread(
            select,
            self.samples,
            self.task.name,
            self.asked,
            Rules.of(self.config),
            self.config.run.seed,
            self.folder,
        )

    def stop(self) -> None:
        """Never asked for: there is nothing to save, so a run that is told to stop is cancelled."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the completions on the disk are the state."""
        return {}

    def close(self) -> None:
        """Nothing is held open."""

    # --- sampling ------------------------------------------------------------------------------

    async def _sample(self) -> None:
        rollout = self.config.rollout
        self.around.display.stage(f"sampling: {len(self.asked) - self.done:,} prompts")
        before = await self.around.times(self.waits)
        self._began = self._last_line = time.monotonic()
        try:
            await examine(
                self.around.fleet,
                [self.task],
                self.samples,
                Retries(self.waits, self.config.loop),
                rollout.workers * rollout.sequences_at_once,
                lambda remaining: None,
                self._saw,
            )
        finally:
            self.sampling_s += time.monotonic() - self._began
        now = await self.around.times(self.waits)
        self.times = {role: own - before.get(role, Times()) for role, own in now.items()}

    def _saw(self, cell: Cell, sampled: Sampled, graded: Graded) -> None:
        """A cell is on the disk: a line for several of them, so that they can be read."""
        self.verdicts.saw(len(graded.rewards), graded.infrastructure)
        self.done += len(cell.prompts)
        self.tally.add(sampled, graded, self.task.size)
        now = time.monotonic()
        if now - self._last_line < _LINES_EVERY_S and self.done < len(self.asked):
            return
        metrics = self.tally.metrics(now - self._last_line)
        metrics["throughput/sampling_s"] = self.sampling_s + now - self._began
        self.around.loggers.step(self.done, metrics)
        self.around.display.step(self.done, len(self.asked), metrics)
        self.tally, self._last_line = Tally(), now

    def _require_policy(self) -> None:
        """The first driver notes the policy's digest, and the others compare."""
        digest = digest_of(self.model_path)
        file = self.folder / _POLICY
        if not file.exists():
            said = {"policy": self.model_path, "digest": digest}
            replace_text(file, json.dumps(said, indent=1) + "\n")
            return
        began = json.loads(file.read_text(encoding="utf-8"))
        if began["digest"] != digest:
            raise ResumeError(
                f"{self.folder}: its completions are of the policy {began['policy']} with the "
                f"digest {began['digest']}, and {self.model_path} has {digest} now; bring that one "
                "back, or start a new run"
            )

    # --- what it comes to ----------------------------------------------------------------------

    def summary(self, started: float) -> SampleSummary:
        """Of all that has been done so far."""
        return SampleSummary(
            run=self.name,
            steps=self.done,
            planned_steps=len(self.asked),
            wall_s=time.monotonic() - started,
            times=self.times,
            members=self.around.members,
            sampling_s=self.sampling_s,
            n=self.task.size,
            selection=self.selection,
            folder=self.folder,
            stopped_by=self.around.signals.stop,
        )
