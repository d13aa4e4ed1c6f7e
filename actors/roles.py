"""The table of roles: who sits on a seat, how many there are, what each needs and how it starts.

A new role is a worker class and a row here; rlsys/roles.py says what it brings to an answer.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from actors.learner_rank import STREAMING_COPIES, LearnerRank, RankSettings
from actors.placement import Need
from actors.reference_worker import ReferenceWorker
from actors.rollout_worker import RolloutSettings, RolloutWorker
from actors.roster import Seat
from actors.verifier_worker import VerifierWorker
from rlsys import roles
from rlsys.config.adapter import learner_is_reference
from rlsys.config.run import LearnerConfig, ReferenceConfig, RunConfig, StageKind, Transport
from rlsys.config.sft import measures_answers
from rlsys.config.transport import decided
from rlsys.config.verifiers import component_names
from rlsys.learning.columns import columns_of
from rlsys.learning.nccl import recorder_environment
from rlsys.learning.tasks import task_of
from rlsys.onednn import few_kernels
from rlsys.openmp import wait_policy
from rlsys.plugins import PluginFile

_ALLOCATOR = "PYTORCH_ALLOC_CONF"
_HANDED_ON = ("HF_", "NCCL_", "VLLM_")
"""What variables begin with that a user sets for the whole fleet; a member on another node does not
inherit them from the driver."""


@dataclass(frozen=True)
class Inputs:
    """What the members of a fleet are made from."""

    config: RunConfig
    model_path: str
    """Of the policy that learner, rollout and reference workers start from."""
    samples: Path
    verifiers: list[PluginFile]
    """Files of the user's, as read here; so are those of the algorithm."""
    algorithms: list[PluginFile]
    trains: bool
    """Whether there is a learner; an evaluation has none."""


@dataclass(frozen=True)
class Role:
    """One row of the table."""

    name: str
    worker: type
    arguments: Callable[[Inputs, Seat], tuple[Any, ...]]
    """Of the worker's constructor."""
    need: Callable[[RunConfig], Need]
    """How many there are, and the share of a machine that each needs."""
    threads: Callable[[RunConfig], int]
    """Of OpenMP, in each member's process."""
    loading: str
    """What takes the time in its start, once its process runs."""
    loads: Callable[[Inputs], str] = lambda given: given.model_path
    """What that is done to: the time that it takes depends on it."""
    samples: bool = False
    """It is given all prompts at its start, and holds the newest weights before it works."""
    is_replaced: bool = True
    """Whether another takes its seat when it dies; else the run cannot go on."""
    is_one_group: bool = False
    """Whether its members are the ranks of one process group; on GPUs they meet by NCCL."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that are set before its process starts."""


def _learner(config: RunConfig) -> Need:
    own = config.learner
    return Need(roles.LEARNER, own.ranks, own.cpus, own.gpus, together=True)


def _rollout(config: RunConfig) -> Need:
    own = config.rollout
    return Need(roles.ROLLOUT, own.workers, own.cpus, 0 if config.served.url else own.gpus)


def _verifier(config: RunConfig) -> Need:
    own = config.verifiers
    return Need(roles.VERIFIER, own.workers, own.cpus_per_worker, own.gpus_per_worker)


def _scorer(role: str, own: ReferenceConfig) -> Need:
    return Need(role, own.workers, own.cpus, own.gpus)


def rank_settings(config: RunConfig) -> RankSettings:
    """What each of the learner's ranks is told."""
    return RankSettings(
        config.learner,
        decided(config),
        config.rollout,
        config.loop.peer_timeout_s,
        config.run.deterministic,
    )


def rollout_settings(config: RunConfig) -> RolloutSettings:
    """What each rollout worker is told."""
    return RolloutSettings(
        config.model,
        config.rollout,
        decided(config),
        config.sampling,
        config.thinking,
        config.run.seed,
        config.run.deterministic,
        config.cluster.colocate,
        config.served,
    )


def _as_the_policy(config: RunConfig) -> tuple[LearnerConfig, float, bool]:
    """By what a frozen policy's logprobs are computed as the learner's are."""
    return config.learner, config.sampling.temperature, config.run.deterministic


_TABLE = (
    Role(
        roles.LEARNER,
        LearnerRank,
        lambda given, seat: (
            seat.index,
            given.model_path,
            task_of(given.config, given.algorithms),
            rank_settings(given.config),
            given.samples,
        ),
        _learner,
        lambda config: config.learner.threads,
        loading="DeepSpeed loads the policy",
        is_replaced=False,
        is_one_group=True,
        environment=STREAMING_COPIES,
    ),
    Role(
        roles.ROLLOUT,
        RolloutWorker,
        # An evaluation's completions repeat; in training, a generator for each completion would
        # cost time in every step.
        lambda given, seat: (
            seat.name,
            given.model_path,
            rollout_settings(given.config),
            seat.index,
            seat.incarnation,
            not given.trains,
        ),
        _rollout,
        lambda config: config.rollout.threads,
        loading="vLLM loads the policy",
        samples=True,
    ),
    Role(
        roles.VERIFIER,
        VerifierWorker,
        lambda given, seat: (given.config.verifiers, given.config.sandbox, given.verifiers),
        _verifier,
        lambda config: 1,
        loading="the verifiers' self-tests",
        loads=lambda given: ", ".join(component_names(given.config.verifiers)),
    ),
    Role(
        roles.REFERENCE,
        ReferenceWorker,
        lambda given, seat: (
            roles.REFERENCE,
            given.model_path,
            given.config.reference,
            *_as_the_policy(given.config),
            given.config.thinking.fed_back,
        ),
        lambda config: _scorer(roles.REFERENCE, config.reference),
        lambda config: config.reference.threads,
        loading="loading the reference policy",
    ),
    Role(
        roles.TEACHER,
        ReferenceWorker,
        lambda given, seat: (
            roles.TEACHER,
            given.config.teacher.path,
            given.config.teacher,
            *_as_the_policy(given.config),
        ),
        lambda config: _scorer(roles.TEACHER, config.teacher),
        lambda config: config.teacher.threads,
        loading="loading the teacher",
        loads=lambda given: given.config.teacher.path,
    ),
)
ROLES: Mapping[str, Role] = MappingProxyType({role.name: role for role in _TABLE})
"""In the order in which they are placed."""
_IN_EVALUATION = {roles.ROLLOUT, roles.VERIFIER}
"""Who answers and who grades: an evaluation, which trains nothing, has these alone."""


def needs(config: RunConfig, trains: bool = True) -> list[Need]:
    """Every role of a run's fleet, or of an evaluation's."""
    names = _of_run(config) if trains else _IN_EVALUATION
    return [role.need(config) for name, role in ROLES.items() if name in names]


def _of_run(config: RunConfig) -> set[str]:
    """A learner, what answers and grades, and who scores for the learner's objective."""
    if config.run.stage is StageKind.sample:
        return _IN_EVALUATION
    if config.run.stage is StageKind.sft:
        return {roles.LEARNER} | (_IN_EVALUATION if measures_answers(config) else set())
    if config.run.stage is StageKind.reward_model:
        return {roles.LEARNER}
    asked = {roles.role_of(column) for column in columns_of(config.algorithm, config.teacher)}
    if learner_is_reference(config.learner, config.algorithm):
        asked.discard(roles.REFERENCE)
    return {name for name in ROLES if name not in roles.SCORERS} | asked


def waves(needs: Sequence[Need], colocated: bool = False) -> list[list[str]]:
    """The roles in the order of their start: all at once, or one after the other where members
    share a GPU, or have it by turns: the learner, what scores, and the samplers last. A sampler
    looks at what memory is free, which must not change under it, and the learner's start takes more
    than it keeps."""
    present = [need.role for need in needs]
    if not (colocated or any(0 < need.gpus < 1 for need in needs)):
        return [present]
    last = [role for role in present if role == roles.ROLLOUT]
    between = [[role] for role in present if role in roles.SCORERS]
    first = [role for role in present if role not in (roles.ROLLOUT, *roles.SCORERS)]
    return [wave for wave in (first, *between, last) if wave]


def environment(role: Role, config: RunConfig, logs: Path) -> dict[str, str]:
    """What libraries read when they are loaded: what the driver was given for them, OpenMP's
    threads and how they wait, how many kernels are kept, how glibc copies, the GPUs that are there,
    and what NCCL leaves of a hang, in the folder of logs."""
    variables = {n: value for n, value in os.environ.items() if n.startswith(_HANDED_ON)}
    variables |= {"OMP_NUM_THREADS": str(role.threads(config)), **role.environment}
    if not role.need(config).gpus:
        variables |= wait_policy()
        if role.name != roles.ROLLOUT:
            # vLLM meets the same few batch sizes again and again.
            variables |= few_kernels()
        # Ray hides GPUs from none but those whom it gives some: the others would take the first.
        return variables | {"CUDA_VISIBLE_DEVICES": ""}
    is_mapped = config.weights.transport is Transport.cuda_ipc and role.is_one_group
    if role.name != roles.ROLLOUT and not is_mapped:
        # Rows of ever other lengths break up the allocator's blocks otherwise. Not where another
        # process maps the memory, which is many times slower so; vLLM allocates in its own way.
        variables[_ALLOCATOR] = os.environ.get(_ALLOCATOR, "expandable_segments:True")
    if role.is_one_group:
        variables |= recorder_environment(logs, config.cluster.ready_timeout_s)
    return variables
