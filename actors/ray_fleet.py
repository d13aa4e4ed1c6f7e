"""RayFleet: the Fleet protocol on Ray actors. The driver's side holds refs and metadata only."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import RayActorError, RayError

from actors import vitals
from actors.cluster import while_there
from actors.drivers.lookout import keep_stacks
from actors.launch import Launcher, end_members
from actors.layout import layout
from actors.placement import Need
from actors.publication import Publication
from actors.roles import ROLES, Inputs, environment, waves
from actors.roster import Seat, seats
from actors.spans import spans_of
from actors.stack_report import debts, of_members, owing, report
from actors.startup import Startup
from actors.supervision import Supervisor
from actors.turns import Turns, are_taken
from rlsys.config.run import RunConfig, SamplingConfig
from rlsys.config.transport import leaves_beside, transport_of
from rlsys.data.templates import Prompt
from rlsys.errors import LearnerLostError, WorkerDiedError
from rlsys.loop.fleet import (
    Graded,
    GroupBatch,
    LearnRequest,
    PublishReport,
    Rows,
    Sampled,
    Scored,
    Untrained,
)
from rlsys.plugins import read_plugins
from rlsys.roles import LEARNER, ROLLOUT, SCORERS, VERIFIER, Annotations
from rlsys.run.folder import LOGS, SAMPLES
from rlsys.watch.accounting import Lately, Times
from rlsys.watch.start_times import StartTimes
from rlsys.watch.waits import Observer, Waits
from rlsys.weights.canary import Canary


class RayFleet:
    """Starts the members, spreads calls over them, replaces those that die, and ends them.

    Args:
        model_path: the policy that learner, rollout and reference workers start from.
        prompts: every prompt that will be asked for, in training and held out.
        canary_ids: tokens on which weights and packing are proved; none where nothing is trained.
        folder: of the run or the evaluation: members leave samples and logs there.
        needs: the members; see actors.roles.
        progress: told what is being waited for during the start.
        notice: told of deaths and replacements.
    """

    def __init__(
        self,
        config: RunConfig,
        model_path: str,
        prompts: Sequence[Prompt],
        canary_ids: list[int],
        folder: Path,
        needs: list[Need],
        progress: Callable[[str], None],
        notice: Callable[[str], None],
    ) -> None:
        self.needs, self.config = needs, config
        self.progress, self.notice = progress, notice
        self.row_of = {p.prompt_id: i for i, p in enumerate(prompts)}
        present = [need.role for need in needs]
        self.has_learner, self.has_rollout = LEARNER in present, ROLLOUT in present
        self.scorers = [role for role in present if role in SCORERS]
        self.inputs = Inputs(
            config,
            model_path,
            folder / SAMPLES,
            read_plugins(config.verifiers.plugins),
            read_plugins(config.algorithm.plugins),
            self.has_learner,
        )
        self.observer = Observer(
            notice,
            lambda: keep_stacks(folder, self.stacks()),
            lambda: vitals.samplers_still_s(self.supervisor),
        )
        limit_s = config.cluster.ready_timeout_s
        self.starting = Waits(limit_s, self.observer, "cluster.ready_timeout_s")
        environments = {
            name: environment(role, config, folder / LOGS) for name, role in ROLES.items()
        }
        self.launcher = Launcher(config.cluster, environments, self._maker)
        self.supervisor = Supervisor(
            seats(needs),
            self.launcher,
            config.cluster.max_deaths_in_a_row,
            self._bring_up,
            notice,
        )
        self.publication = Publication(
            self.supervisor, canary_ids, transport_of(config), leaves_beside(config)
        )
        has_turns = are_taken(config.cluster.colocate, present)
        self.turns = Turns(self.supervisor, self.publication, self.starting, has_turns)
        self.startup = Startup(
            self.turns,
            prompts,
            canary_ids,
            folder,
            progress,
            notice,
            StartTimes(Path(config.model.cache).expanduser()),
            lambda role: ROLES[role].loads(self.inputs),
        )

    # --- start and end -------------------------------------------------------------------------

    async def start(self, checkpoint: Path | None = None, version: int = 0) -> None:
        """Place, start and prove every member, with the weights of a checkpoint if one is given.

        Args:
            version: the policy version that the checkpoint holds.
        Raises:
            ResourceError: the cluster has no room for the members.
            StallError: one of them does not get ready in time.
            WorkerError: a member failed to start; named, with its root exception.
        """
        seats = self.supervisor.seats
        members = ", ".join(seat.name for seat in seats)
        self.progress(f"reserving places for {members}")
        await self.launcher.place(self.needs, self.notice)
        for seat in seats:
            await self.launcher.seat(seat)
        self.progress(f"starting {members}")
        await self.startup.identify(seats)
        for line in layout(seats):
            self.notice(line)
        for wave in waves(self.needs, self.turns.are_taken):
            await self.startup.start(wave, checkpoint, version)
        if self.has_learner and self.has_rollout:
            await self.startup.prove(version)
        self.startup.times.keep()
        for seat in seats:
            self.supervisor.admit(seat)

    @property
    def canary(self) -> Canary | None:
        """Under the weights that the model has on disk; there once the learner has started."""
        return self.startup.canary

    async def _bring_up(self, seat: Seat) -> None:
        """A new actor on a dead one's seat."""
        await self.startup.bring_up(seat)

    def shutdown(self, kindly_s: float = 15.0) -> None:
        """End every member, kindly first: samplers have processes and samples of their own. One
        that was never placed has none, and there may be no Ray."""
        self.supervisor.stop()
        if self.launcher.group is not None:
            while_there(lambda: self._end(kindly_s))

    def _end(self, kindly_s: float) -> None:
        end_members(self.supervisor.seats, kindly_s, self.progress)
        self.launcher.end()

    def _maker(self, seat: Seat) -> tuple[type, tuple[Any, ...]]:
        """What sits on a seat."""
        role = ROLES[seat.role]
        return role.worker, role.arguments(self.inputs, seat)

    # --- the Fleet protocol --------------------------------------------------------------------

    async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
        rows = [(self.row_of[p.prompt_id], p.token_budget) for p in batch.prompts]
        ids = list(batch.group_ids)
        working = self.supervisor.work(
            ROLLOUT, lambda actor: actor.sample.remote(ids, rows, batch.size, sampling)
        )
        _, rollouts, meta = await self.turns.take(ROLLOUT, working)
        return replace(meta, rollouts=rollouts)

    async def grade(self, sampled: Sampled) -> Graded:
        rollouts = sampled.rollouts
        first, grades, meta = await self.supervisor.work(
            VERIFIER, lambda actor: actor.grade.remote(rollouts)
        )
        if meta.infrastructure:
            # Only these rows, and by another worker where there is one; then they are masked.
            before = grades
            _, grades, meta = await self.supervisor.work(
                VERIFIER, lambda actor: actor.grade_again.remote(rollouts, before), first
            )
        return replace(meta, grades=grades)

    async def score(self, role: str, sampled: Sampled) -> Scored:
        _, batch, meta = await self.supervisor.work(
            role, lambda actor: actor.score.remote(sampled.rollouts)
        )
        return replace(meta, logprobs=batch)

    async def fetch(self, ref: Any) -> pa.RecordBatch:
        """The batch behind a ref, in the driver: for an evaluation, which writes it to disk, and
        for an example of what the policy writes.

        Raises:
            WorkerDiedError: it went with the member that made it.
        """
        try:
            return await ref
        except RayError as error:
            raise WorkerDiedError(f"a batch is lost: {type(error).__name__}") from error

    async def failed(self) -> None:
        """Wait for the fleet to be past help; raises why it is."""
        await self.supervisor.failed()

    async def learn(self, request: LearnRequest) -> dict[str, float]:
        rows = [Rows(group.annotations, group.row, len(group.rewards)) for group in request.groups]
        batches, spans = spans_of(rows)
        arrays = (request.advantages, request.rewards, request.trained)
        results = await self._ranks(
            lambda actor: actor.learn.remote(
                request.step, request.version, spans, *arrays, *batches
            )
        )
        return results[0]

    async def fit(self, version: int, batch: pa.RecordBatch) -> dict[str, float]:
        """One step of supervised fine-tuning, on every rank, from this version to the next."""
        shared = ray.put(batch)
        return (await self._ranks(lambda actor: actor.fit.remote(version, shared)))[0]

    async def measure(self, batch: pa.RecordBatch) -> dict[str, float]:
        """The figures of the learner's objective on a batch, which it does not learn from."""
        shared = ray.put(batch)
        return (await self._ranks(lambda actor: actor.measure.remote(shared)))[0]

    async def publish(self, version: int) -> PublishReport:
        await self.turns.take(LEARNER, self.publication.pack(version))
        return await self.turns.take(ROLLOUT, self.publication.to_all())

    async def write_samples(self, untrained: Untrained) -> None:
        batches, spans = spans_of(untrained.groups)
        first = self.supervisor.of(LEARNER)[0]
        where = (untrained.file, untrained.step, untrained.split, list(untrained.reasons))
        written = first.actor.write_samples.remote(*where, spans, *batches)
        try:
            await self.supervisor.call(first, written)
        except LearnerLostError as error:
            if isinstance(error.__cause__, RayActorError):
                raise
            # The learner lives; completions went with a node, and nobody trains on them.
            lost = type(error.__cause__).__name__
            self.notice(
                f"samples/{untrained.file} is not written: some completions are gone ({lost})"
            )

    async def copy_state(self, folder: Path) -> None:
        await self._ranks(lambda actor: actor.copy_state.remote(folder))

    async def save(self, folder: Path, kept: Sequence[Rows]) -> None:
        batches, spans = spans_of(kept)
        await self.supervisor.call_all(
            self.supervisor.of(LEARNER),
            lambda seat: seat.actor.save.remote(folder, spans, *batches),
        )

    async def _ranks(self, call: Callable[[Any], Any]) -> list[Any]:
        """What each of the learner's ranks replies, in their turn."""
        ranks = self.supervisor.of(LEARNER)
        calling = self.supervisor.call_all(ranks, lambda seat: call(seat.actor))
        return await self.turns.take(LEARNER, calling)

    async def restore(self, folder: Path) -> list[Annotations]:
        first = self.supervisor.of(LEARNER)[0]
        return await self.supervisor.call(first, first.actor.restore.remote(folder))

    async def times(self) -> dict[str, Times]:
        return await vitals.times(self.supervisor)

    def lately(self) -> dict[str, Lately]:
        """Per member, between the newest two calls of `times`."""
        return vitals.lately(self.supervisor)

    async def stacks(self) -> str:
        """Where the driver and the members that it waits for stand, for the report of a stall."""
        return await report(self.supervisor.seats)

    def owing(self) -> str:
        """Which members owe the driver a reply, and for how long; also for another thread."""
        return owing(self.supervisor.seats)

    def member_stacks(self) -> str:
        """Where those members stand; it blocks, and is for another thread."""
        return of_members(debts(self.supervisor.seats))
