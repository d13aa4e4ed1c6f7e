"""RayFleet: the Fleet protocol on Ray actors. The driver's side holds refs and metadata only."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from actors.learner_rank import LearnerRank, Span
from actors.placement import Need, needs
from actors.reference_worker import ReferenceWorker
from actors.rollout_worker import RolloutWorker
from actors.verifier_worker import VerifierWorker
from rlsys.config.schema import RunConfig, SamplingConfig
from rlsys.data.templates import Prompt, to_batch
from rlsys.errors import FleetError, RlsysError, StallError, WorkerError
from rlsys.loop.clock import Times
from rlsys.loop.fleet import (
    LearnRequest,
    Message,
    PublishReport,
    Referenced,
    Rows,
    Sampled,
    Scored,
)

T = TypeVar("T")
_CANARY_TOKENS = 64
_SMALLEST_CPU = 0.001
"""A bundle must not be empty, so a share of 0 CPUs asks for very little."""


class RayFleet:
    """Starts the members, spreads calls over them, and ends them.

    Args:
        model_path: the policy that learner, rollout and reference workers start from.
        prompts: every prompt that will be asked for, in training and held out.
        samples: folder for the Parquet samples of each step.
        progress: told what is being waited for during the start.
    """

    def __init__(
        self,
        config: RunConfig,
        model_path: str,
        prompts: Sequence[Prompt],
        samples: Path,
        progress: Callable[[str], None],
    ) -> None:
        self.config, self.model_path = config, model_path
        self.samples, self.progress = samples, progress
        self.row_of = {p.prompt_id: i for i, p in enumerate(prompts)}
        self.prompts = prompts
        longest = max(prompts, key=lambda p: len(p.token_ids))
        self.canary_ids = list(longest.token_ids)[-_CANARY_TOKENS:]
        self.group: PlacementGroup | None = None
        self.members: dict[str, list[Any]] = {}
        self.names: dict[Any, str] = {}
        self.load: Counter[str] = Counter()

    # --- start and end -------------------------------------------------------------------------

    async def start(self, checkpoint: Path | None = None, version: int = 0) -> None:
        """Place, start and prove every member, with the weights of a checkpoint if one is given.

        Args:
            version: the policy version that the checkpoint holds.
        Raises:
            StallError: the cluster cannot place the members, or one does not get ready in time.
            WorkerError: a member failed to start; named, with its root exception.
        """
        roles = needs(self.config)
        self.group = await self._place(roles)
        self._create(roles, self.group)
        await self._start_members(checkpoint, version)
        self.progress("proving the rollout workers' weights")
        await self.publish(version)

    async def _place(self, roles: list[Need]) -> PlacementGroup:
        bundles = [
            {"CPU": max(need.cpus, _SMALLEST_CPU)} | ({"GPU": need.gpus} if need.gpus else {})
            for need in roles
            for _ in range(need.count)
        ]
        group = placement_group(bundles, strategy=self.config.cluster.placement)
        self.progress("placing the fleet")
        try:
            async with asyncio.timeout(30):
                await group.ready()
        except TimeoutError as error:
            raise StallError(
                f"the cluster could not place {len(bundles)} members within 30 s "
                f"(cluster.placement={self.config.cluster.placement}); free now: "
                f"{ray.available_resources()}"
            ) from error
        return group

    def _create(self, roles: list[Need], group: PlacementGroup) -> None:
        config = self.config
        makers: dict[str, Callable[[int], tuple[type, tuple[Any, ...]]]] = {
            "learner": lambda i: (LearnerRank, (i, self.model_path, config, self.samples)),
            "verifier": lambda i: (VerifierWorker, (config.verifiers,)),
            "reference": lambda i: (ReferenceWorker, (self.model_path, config)),
            "rollout": lambda i: (RolloutWorker, (f"rollout-{i}", self.model_path, config, i)),
        }
        threads = {
            "learner": config.learner.threads,
            "rollout": config.rollout.threads,
            "reference": config.reference.threads,
            "verifier": 1,
        }
        bundle = 0
        for need in roles:
            for i in range(need.count):
                strategy = PlacementGroupSchedulingStrategy(
                    group, placement_group_bundle_index=bundle
                )
                bundle += 1
                made, arguments = makers[need.role](i)
                options: Any = ray.remote(made).options(
                    name=f"{need.role}-{i}",
                    num_cpus=max(need.cpus, _SMALLEST_CPU),
                    num_gpus=need.gpus,
                    scheduling_strategy=strategy,
                    runtime_env={"env_vars": {"OMP_NUM_THREADS": str(threads[need.role])}},
                )
                member = options.remote(*arguments)
                self.members.setdefault(need.role, []).append(member)
                self.names[member] = f"{need.role}-{i}"

    async def _start_members(self, checkpoint: Path | None, version: int) -> None:
        """Everything starts at once; then rollout workers learn which tensors to expect."""
        prompts = ray.put(to_batch(self.prompts))
        starts = [
            self._named(f"starting {self.names[m]}", m.start.remote(), m)
            for role in ("verifier", "reference")
            for m in self.members.get(role, [])
        ]
        workers = self.members["rollout"]
        starts += [
            self._named(f"starting {self.names[w]}", w.start.remote(prompts), w) for w in workers
        ]
        names, *_ = await asyncio.gather(self._start_learner(checkpoint, version), *starts)
        await self._all("rollout", lambda worker: worker.expect_weights.remote(names))

    async def _start_learner(self, checkpoint: Path | None, version: int) -> list[str]:
        """The ranks meet at rank 0; returns the names of the policy's tensors."""
        ranks = self.members["learner"]
        address, port = await self._call(ranks[0].address.remote(), ranks[0])
        starts = [m.start.remote(len(ranks), address, port, checkpoint, version) for m in ranks]
        names = await asyncio.gather(
            *(
                self._named(f"starting {self.names[m]}", ref, m)
                for ref, m in zip(starts, ranks, strict=True)
            )
        )
        return names[0]

    async def _named(self, what: str, ref: Any, member: Any) -> Any:
        """A member's start: shown while it is waited for, with a deadline."""
        self.progress(what)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.config.cluster.ready_timeout_s):
                result = await self._call(ref, member)
        except TimeoutError as error:
            raise StallError(
                f"{what}: not ready after cluster.ready_timeout_s="
                f"{self.config.cluster.ready_timeout_s:g}; {_log_place()}"
            ) from error
        self.progress(f"{what}: done in {time.monotonic() - started:.1f} s")
        return result

    def shutdown(self) -> None:
        """End every member, kindly first: engines have processes and samples of their own."""
        ends = [m.shutdown.remote() for members in self.members.values() for m in members]
        try:
            ray.get(ends, timeout=15)
        except (RayActorError, RayTaskError, GetTimeoutError):
            self.progress("a member did not end by itself and is killed")
        for members in self.members.values():
            for member in members:
                ray.kill(member)
        if self.group is not None:
            remove_placement_group(self.group)

    # --- the Fleet protocol --------------------------------------------------------------------

    async def sample(self, message: Message, sampling: SamplingConfig) -> Sampled:
        rows = [self.row_of[p.prompt_id] for p in message.prompts]

        def call(worker: Any) -> list[Any]:
            return worker.sample.remote(list(message.group_ids), rows, message.size, sampling)

        rollouts, meta = await self._spread("rollout", call)
        return replace(meta, rollouts=rollouts)

    async def grade(self, sampled: Sampled) -> Scored:
        scores, meta = await self._spread("verifier", lambda w: w.grade.remote(sampled.rollouts))
        return replace(meta, scores=scores)

    async def score_reference(self, sampled: Sampled) -> Referenced | None:
        if "reference" not in self.members:
            return None
        batch, meta = await self._spread("reference", lambda w: w.score.remote(sampled.rollouts))
        return replace(meta, reference=batch)

    async def learn(self, request: LearnRequest) -> dict[str, float]:
        rows = [Rows(group.refs, group.row, len(group.rewards)) for group in request.groups]
        batches, spans = _spans(rows)
        arrays = (request.advantages, request.rewards, request.trained)
        results = await self._all(
            "learner",
            lambda rank: rank.learn.remote(request.step, request.version, spans, *arrays, *batches),
        )
        return results[0]

    async def publish(self, version: int) -> PublishReport:
        buffers: list[Any] = []

        def publish(rank: Any) -> Any:
            head, buffer = rank.publish.remote(version, self.canary_ids)
            buffers.append(buffer)
            return head

        manifest, canary = (await self._all("learner", publish))[0]
        reports = await self._all(
            "rollout", lambda w: w.update_weights.remote(manifest, canary, buffers[0])
        )
        # The slowest worker's figures: its pull is what the slots wait for.
        return max(reports, key=lambda report: report.total_s)

    async def save(self, folder: Path, kept: Sequence[Rows]) -> None:
        batches, spans = _spans(kept)
        await self._all("learner", lambda rank: rank.save.remote(folder, spans, *batches))

    async def restore(self, folder: Path) -> list[tuple[Any, ...]]:
        first = self.members["learner"][0]
        return await self._call(first.restore.remote(folder), first)

    async def times(self) -> dict[str, Times]:
        result = {}
        for role in self.members:
            times = await self._all(role, lambda member: member.times.remote())
            result[role] = sum(times, Times())
        return result

    # --- calls ---------------------------------------------------------------------------------

    async def _spread(self, role: str, call: Callable[[Any], list[Any]]) -> tuple[Any, Any]:
        """Call the member with the least to do; returns the batch's ref and the metadata."""
        worker = self._idlest(role)
        with self._loaded(worker):
            batch, meta = call(worker)
            return batch, await self._call(meta, worker)

    def _idlest(self, role: str) -> Any:
        if not self.members[role]:
            raise FleetError(f"no {role} worker is left")
        return min(self.members[role], key=lambda m: self.load[self.names[m]])

    def _loaded(self, worker: Any) -> "_Load":
        return _Load(self.load, self.names[worker])

    async def _call(self, ref: Any, member: Any) -> Any:
        return await self._guard(ref, member)

    async def _all(self, role: str, call: Callable[[Any], Any]) -> list[Any]:
        """Call every member of a role; one that dies is left out while others live."""
        results = await asyncio.gather(
            *(self._call(call(member), member) for member in list(self.members[role])),
            return_exceptions=True,
        )
        failures = [r for r in results if isinstance(r, BaseException)]
        for failure in failures:
            if not isinstance(failure, _DiedError):
                raise failure
        return [r for r in results if not isinstance(r, BaseException)]

    async def _guard(self, work: Awaitable[T], member: Any) -> T:
        """Turn Ray's errors into ours, with the member's name and the root exception."""
        try:
            return await work
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, RlsysError):
                raise cause from error
            raise WorkerError(
                f"{self.names[member]} raised {type(cause).__name__}: {cause}\n{error}"
            ) from error
        except RayActorError as error:
            self._bury(member, error)
            raise _DiedError(f"{self.names[member]} died: {error}; {_log_place()}") from error

    def _bury(self, member: Any, error: RayActorError) -> None:
        """Send nothing more to a dead member; without another one, the run cannot go on."""
        name = self.names[member]
        role = name.rsplit("-", 1)[0]
        if member in self.members[role]:
            self.members[role].remove(member)
        if role == "learner" or not self.members[role]:
            raise FleetError(
                f"{name} died and no {role} is left to go on with: {error}; {_log_place()}"
            ) from error


class _DiedError(WorkerError):
    """A member died, and its role has others."""


class _Load:
    """Counts a member's open calls."""

    def __init__(self, load: Counter[str], name: str) -> None:
        self.load, self.name = load, name

    def __enter__(self) -> None:
        self.load[self.name] += 1

    def __exit__(self, *_: object) -> None:
        self.load[self.name] -= 1


def _spans(rows: Sequence[Rows]) -> tuple[list[Any], list[Span]]:
    """The distinct refs of some rows, and where in their batches each entry lies."""
    index: dict[Any, int] = {}

    def place(ref: Any) -> int | None:
        return None if ref is None else index.setdefault(ref, len(index))

    spans = []
    for entry in rows:
        rollouts, scores, reference = map(place, entry.refs)
        assert rollouts is not None
        spans.append(Span(rollouts, scores, reference, entry.row, entry.size))
    return list(index), spans


def _log_place() -> str:
    """Where this Ray session's logs are."""
    return f"logs: {ray.nodes()[0].get('NodeManagerHostname', 'head')}:/tmp/ray/session_latest/logs"
