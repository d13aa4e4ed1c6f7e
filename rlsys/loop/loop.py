"""The training loop: sample, grade, score, join, learn, publish, all at the same time.

    prompts -> admit ---batch---> sample -> grade + score -> join -> ReadyGroups
                 ^ slots                                                 | oldest admissible
                 |                                                       v
                 +------ released when pulled <----- publish <--------- learn

One asyncio loop in the driver; refs and small metadata only. Its tasks:

    task      takes            makes                waits for               until
    admit     slots, prompts   a `group` each       a free slot             a publish, a drop
    group     a batch          groups, ready or     rollout worker, then    their replies
                               dropped              verifier and scorers
    train     ready groups     a policy version,    groups_per_step that    a group is ready,
                               a `publish` each     are admissible          or dropped
    publish   the new version  workers that hold    learner, then each      their replies
                               it, free slots       rollout worker

`train` is also who awaits `after_step`: metrics, checks and checkpoints.
Nothing waits in a circle: train needs groups, groups need slots only to begin, and slots come back
from publish, which needs no group.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

from rlsys.algorithms.registry import Registry
from rlsys.config.run import RunConfig
from rlsys.config.thinking import BudgetRule
from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.errors import RlsysError, WorkerDiedError, WorkerError, first_cause
from rlsys.loop.ahead import Ahead, first_bound
from rlsys.loop.drops import Drops
from rlsys.loop.fleet import Fleet, GroupBatch, PublishReport, Sampled, Scored
from rlsys.loop.joined import ready_groups
from rlsys.loop.ledger import Ledger, State
from rlsys.loop.outcome import has_signal, learn_request
from rlsys.loop.ready import ReadyGroup, ReadyGroups, Stopped
from rlsys.loop.retries import Retries
from rlsys.loop.slots import Slots, num_slots
from rlsys.loop.verdict_watch import SignalWatch, VerdictWatch
from rlsys.thinking.budgets import Budgets, with_budget
from rlsys.thinking.difficulty import SolveRatePredictor
from rlsys.watch.waits import Observer, Waits


@dataclass
class LoopState:
    """What the loop knows; with the learner's state, what a checkpoint holds."""

    version: int = 0
    """Policy version of the learner: optimizer steps done."""
    published: int = 0
    """Version that every rollout worker holds."""
    ledger: Ledger = field(default_factory=Ledger)
    next_group: int = 0
    failures_in_a_row: int = 0


@dataclass(slots=True)
class InFlight:
    """A batch between its admission and its groups' end or readiness."""

    batch: GroupBatch
    sampled: Sampled | None = None


@dataclass(frozen=True)
class StepReport:
    """One optimizer step, for whoever watches."""

    step: int
    groups: list[ReadyGroup]
    staleness: np.ndarray
    """[groups] version trained minus the oldest token's version."""
    learner: dict[str, float]
    publish: PublishReport | None
    """The last publish that was complete when the step ended."""
    waited_for_old_s: float
    """For how long an old group was waited for, though enough others were ready."""
    bound: int
    """Largest staleness of groups that are admitted now."""
    lead: int
    """Steps by which sampling may run ahead."""
    longest_group_s: float
    """From admission to readiness, of the groups that became ready during the step."""


class Loop:
    """Trains on a fleet.

    Args:
        after_step: sees every step's report and may start tasks of its own.
    """

    def __init__(
        self,
        fleet: Fleet,
        prompts: PromptStream,
        config: RunConfig,
        after_step: Callable[[StepReport, asyncio.TaskGroup], Awaitable[None]],
        observer: Observer,
    ) -> None:
        self.fleet, self.prompts, self.config = fleet, prompts, config
        self.after_step, self.observer = after_step, observer
        self.estimator = Registry(config.algorithm.plugins).estimator_of(config.algorithm)
        self._last_failure = ""
        self.state = LoopState()
        self.waits = Waits(config.loop.stall_timeout_s, observer)
        self.retries = Retries(self.waits, config.loop)
        share = config.verifiers.max_infrastructure_share
        self.verdicts = VerdictWatch(share, config.loop, observer.notice)
        self.signal = SignalWatch(config.loop)
        self.ready = ReadyGroups(config.loop.groups_per_step, first_bound(config.loop))
        self.slots = Slots(num_slots(config.loop, self.ready.bound))
        self.ahead = Ahead(config.loop, self.ready, self.slots)
        self.moving_budgets = config.thinking.budgets is BudgetRule.solve_rate
        self.rates = SolveRatePredictor()
        """What the policy made of each prompt so far, where budgets follow that."""
        self.budgets = Budgets(config.thinking, config.run.seed, self.rates)
        self.in_flight: dict[int, InFlight] = {}
        """By the first group of their batch."""
        self.drops = Drops(fleet, config.loop.groups_per_step)
        self.publishing: asyncio.Task[None] | None = None
        self.last_publish: PublishReport | None = None
        self.longest_group_s = 0.0
        """From admission to readiness, since the last step."""

    async def train(self, steps: int) -> None:
        """Train until `steps` optimizer steps are done, everywhere.

        A slot covers one group from its admission until the weights trained on it are pulled, so
        at most (lead + 1) * groups_per_step groups are alive.

        After `stop` it returns as soon as no step is in the learner, with fewer steps done.

        Raises: the first failure of any part; the other parts are stopped.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                admitting = tasks.create_task(self._admit(tasks, steps), name="admit")
                while self.state.version < steps:
                    groups = await self.waits.on(
                        "learner: ready groups",
                        self.ready.take(self.state.version),
                        lambda: self.ready.blocking(self.state.version),
                        for_completions=True,
                    )
                    waited_for_old_s = self.ready.waited_for_old_s
                    staleness, metrics = await self._learn(groups)
                    self.ahead.saw(metrics)
                    if self.publishing:
                        await self.waits.on("driver: previous publish", self.publishing)
                    self.publishing = tasks.create_task(self._publish(len(groups)), name="publish")
                    # The learner must be asked for these weights before it is asked to go on.
                    await asyncio.sleep(0)
                    if self._is_synchronous():
                        await self.waits.on("driver: publish", self.publishing)
                    report = StepReport(
                        self.state.version,
                        groups,
                        staleness,
                        metrics,
                        self.last_publish,
                        waited_for_old_s,
                        self.ready.bound,
                        self.ahead.lead,
                        self.longest_group_s,
                    )
                    self.longest_group_s = 0.0
                    await self.after_step(report, tasks)
                if self.publishing:
                    await self.waits.on("driver: last publish", self.publishing)
                admitting.cancel()
        except* Stopped:
            pass
        except* RlsysError as errors:
            raise first_cause(errors) from errors
        self.state.ledger.check()

    def stop(self) -> None:
        """Begin no further step, and drop what is not in the learner."""
        self.ready.close()

    def _is_synchronous(self) -> bool:
        """Synchronous steps end with their publish, so that a step's report is whole."""
        return self.config.loop.max_staleness == 0

    async def _admit(self, tasks: asyncio.TaskGroup, steps: int) -> None:
        """Start new groups while slots allow and the run still needs them."""
        loop = self.config.loop
        ledger = self.state.ledger
        for restored in list(self.in_flight.values()):
            tasks.create_task(self._run(restored), name="group")
        while True:
            await self.slots.acquire()
            wanted = (steps - self.state.version) * loop.groups_per_step - ledger.alive
            if wanted <= 0:
                self.slots.release()
                await asyncio.sleep(0.05)
                continue
            size = 1
            while size < min(loop.groups_per_call, wanted) and not self.slots.locked():
                await self.slots.acquire()
                size += 1
            tasks.create_task(self._run(self._new_batch(size)), name="group")

    def _new_batch(self, size: int) -> InFlight:
        ids = tuple(range(self.state.next_group, self.state.next_group + size))
        self.state.next_group += size
        prompts = tuple(self.budgeted(next(self.prompts)) for _ in ids)
        for group_id, prompt in zip(ids, prompts, strict=True):
            self.state.ledger.admit(group_id, prompt.prompt_id)
            self.ready.admit(group_id, self.state.published)
        flight = InFlight(GroupBatch(ids, prompts, self.config.loop.group_size))
        self.in_flight[ids[0]] = flight
        return flight

    def budgeted(self, prompt: Prompt) -> Prompt:
        """The prompt with the thinking budget of this moment, where budgets move with training."""
        if not self.moving_budgets:
            return prompt
        return with_budget(prompt, self.budgets.of(prompt.prompt_id, ""), self.config.thinking)

    async def _run(self, flight: InFlight) -> None:
        """One batch from admission to ReadyGroups, or to a drop when its work keeps failing."""
        event_loop = asyncio.get_running_loop()
        began = event_loop.time()
        try:
            groups = await self._work(flight)
        except WorkerError as error:
            self._give_up(flight, error)
            return
        finally:
            del self.in_flight[flight.batch.group_ids[0]]
        self.state.failures_in_a_row = 0
        self.longest_group_s = max(self.longest_group_s, event_loop.time() - began)
        for group in groups:
            self._accept(group)
        if self.drops.many:
            await self.waits.on("driver: dropped completions written", self.drops.write())

    async def _work(self, flight: InFlight) -> list[ReadyGroup]:
        ledger, batch = self.state.ledger, flight.batch
        # One that was restored from a checkpoint may have been sampled before.
        sampled = flight.sampled
        if sampled is None:
            sampled = await self.retries.with_retries(
                "driver: rollout worker",
                lambda: self.fleet.sample(batch, self.config.sampling),
                for_completions=True,
            )
            flight.sampled = sampled
            for group_id in batch.group_ids:
                ledger.move(group_id, State.SAMPLED)
        try:
            async with asyncio.TaskGroup() as beside:
                scoring = {
                    role: beside.create_task(self._score(role, sampled))
                    for role in self.fleet.scorers
                }
                graded = await self.retries.with_retries(
                    "driver: verifier", lambda: self.fleet.grade(sampled)
                )
        except* RlsysError as errors:
            raise first_cause(errors) from errors
        for group_id in batch.group_ids:
            ledger.move(group_id, State.GRADED)
        self.verdicts.saw(len(graded.rewards), graded.infrastructure)
        scored = {role: task.result() for role, task in scoring.items()}
        return ready_groups(batch, sampled, graded, scored)

    async def _score(self, role: str, sampled: Sampled) -> Scored:
        return await self.retries.with_retries(
            f"driver: {role} worker", lambda: self.fleet.score(role, sampled)
        )

    def _accept(self, group: ReadyGroup) -> None:
        """A scored group becomes ready, or is dropped with its reason and its slot freed."""
        algorithm = self.config.algorithm
        known = np.isfinite(group.rewards)
        if self.moving_budgets:
            self.rates.observe(group.prompt_id, int(group.correct[known].sum()), int(known.sum()))
        if group.oldest_version < self.ready.admitted_version(group.group_id):
            # No worker that pulled what was published before the admission can sample such tokens.
            self._throw_away(group, "stale")
        elif known.sum() < 2:
            self._throw_away(group, "infrastructure")
        elif algorithm.drop_no_signal and not has_signal(group, algorithm.advantage):
            self._throw_away(group, "no_signal")
            self.signal.dropped(self.state.version + 1)
        else:
            self.state.ledger.move(group.group_id, State.READY)
            self.ready.put(group)

    def _throw_away(self, group: ReadyGroup, reason: str) -> None:
        self.drops.add(group, reason)
        self._drop(group.group_id, reason)

    def _drop(self, group_id: int, reason: str) -> None:
        self.state.ledger.drop(group_id, reason)
        self.ready.drop(group_id)
        self.slots.release()

    def _give_up(self, flight: InFlight, error: WorkerError) -> None:
        """Drop a batch whose budget is spent; a streak of those stops the run."""
        reason = "lost" if isinstance(error, WorkerDiedError) else "failed"
        batch = flight.batch
        self.drops.gave_up(batch, flight.sampled, reason)
        for group_id in batch.group_ids:
            self._drop(group_id, reason)
        told = "as before" if str(error) == self._last_failure else str(error)
        self._last_failure = str(error)
        self.observer.notice(f"groups {list(batch.group_ids)} dropped as {reason}: {told}")
        self.state.failures_in_a_row += len(batch.group_ids)
        if self.state.failures_in_a_row >= self.config.loop.max_failed_groups_in_a_row:
            raise error

    async def _learn(self, groups: list[ReadyGroup]) -> tuple[np.ndarray, dict[str, float]]:
        """One optimizer step; the learner's version goes up by one."""
        version = self.state.version
        staleness = np.array([version - g.oldest_version for g in groups])
        config = self.config
        request = learn_request(
            version, groups, config.algorithm, config.sampling.max_tokens, self.estimator
        )
        metrics = await self.waits.on("driver: learner", self.fleet.learn(request))
        for group in groups:
            self.state.ledger.move(group.group_id, State.TRAINED)
        self.state.version += 1
        self.signal.stepped()
        return staleness, metrics

    async def _publish(self, num_slots: int) -> None:
        """New weights to every rollout worker; then, and only then, the batch's slots are free."""
        version = self.state.version
        self.last_publish = await self.waits.on(
            "driver: weights pulled", self.fleet.publish(version)
        )
        self.state.published = version
        for _ in range(num_slots):
            self.slots.release()
