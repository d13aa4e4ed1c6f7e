"""Trying a verifier in the real pool: a VerifierWorker on a local Ray, with hostile completions."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import RayError

from actors.cluster import connected
from actors.member import actor_class
from actors.portable import describe
from actors.verifier_worker import VerifierWorker
from rlsys import schema
from rlsys.config.run import ClusterConfig
from rlsys.config.sandbox import SandboxConfig
from rlsys.config.verifiers import VerifiersConfig
from rlsys.errors import RlsysError, VerifierError
from rlsys.plugins import read_plugins
from verifiers.base import Completion, Expectation, Status, Verifier
from verifiers.faults import quoted
from verifiers.registry import Registry
from verifiers.reward_functions import RewardFunction
from verifiers.sandbox.shared import SharedSandbox
from verifiers.trials import Trial, trials

_START_S = 180.0


@dataclass(frozen=True)
class Finding:
    """What became of one trial."""

    trial: Trial
    passed: bool
    outcome: str
    seconds: float


def check(config: VerifiersConfig) -> Iterator[Finding]:
    """Try the config's one reward; findings come as they are made.

    Raises:
        VerifierError: the verifier cannot be made or fails its self-test.
    """
    reward = config.rewards[0]
    plugins = read_plugins(config.plugins)
    sandbox = SharedSandbox(SandboxConfig())
    try:
        verifier = Registry(plugins).create(reward.verifier or reward.name, reward.options, sandbox)
        with connected(ClusterConfig(num_cpus=1)), _worker(config, plugins) as worker:
            yield from _findings(worker, verifier, config.timeout_s)
    finally:
        sandbox.close()


def _findings(worker: Any, verifier: Verifier, timeout_s: float) -> Iterator[Finding]:
    for trial in trials(verifier):
        if not trial.completions and isinstance(verifier, RewardFunction):
            continue  # it knows no right answers
        if not trial.completions:
            yield Finding(trial, False, "the self-test has no such case", 0.0)
            continue
        began = time.monotonic()
        rewards, outcome = _grade(worker, trial.completions, timeout_s)
        passed = rewards is not None and None not in rewards
        if rewards is not None and trial.rewards is not None:
            passed = all(map(_fits, rewards, trial.rewards))
            outcome = f"rewards {rewards}" + ("" if passed else f", expected {trial.rewards}")
        yield Finding(trial, passed, outcome, time.monotonic() - began)


def _grade(
    worker: Any, completions: Sequence[Completion], timeout_s: float
) -> tuple[list[float | None] | None, str]:
    """Rewards, or None when the worker itself did not survive; and what happened, in words."""
    deadline = (timeout_s + 10) * (len(completions) + 3)
    try:
        grades = ray.get(worker.grade.remote(_rollouts(completions))[0], timeout=deadline)
    except RayError as error:
        return None, f"the worker failed: {str(error).strip().splitlines()[-1]}"
    statuses = Counter(grades.column("status").to_pylist())
    outcome = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    pairs = zip(completions, *_columns(grades), strict=True)
    missing = [(c, reason) for c, reason, s in pairs if s == Status.INFRASTRUCTURE]
    if missing:
        completion, reason = missing[0]
        outcome += f"; first without a verdict: {quoted(completion.text)}: {reason[:600]}"
    return grades.column("reward").to_pylist(), outcome


def _columns(grades: pa.RecordBatch) -> tuple[list[str], list[str]]:
    return grades.column("reason").to_pylist(), grades.column("status").to_pylist()


def _fits(reward: float | None, expected: Expectation) -> bool:
    low, high = expected if isinstance(expected, tuple) else (expected, expected)
    return reward is not None and low - 1e-6 <= reward <= high + 1e-6


@contextmanager
def _worker(config: VerifiersConfig, plugins: list[Any]) -> Iterator[Any]:
    worker = (
        actor_class(VerifierWorker).options(num_cpus=0.5).remote(config, SandboxConfig(), plugins)
    )
    try:
        try:
            ray.get(worker.start.remote(), timeout=_START_S)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, RlsysError):
                raise error.cause from error
            raise VerifierError(f"the worker does not start: {describe(error)}") from error
        yield worker
        ray.get(worker.shutdown.remote(), timeout=30)
    finally:
        ray.kill(worker)


def _rollouts(completions: Sequence[Completion]) -> pa.RecordBatch:
    """The completions as a rollout worker sends them; columns that play no part in grading are
    empty."""
    columns: dict[str, Sequence[Any]] = {
        "source": [c.source for c in completions],
        "prompt_text": [c.prompt for c in completions],
        "expected": [json.dumps(c.answer) for c in completions],
        "info": [json.dumps(c.info) for c in completions],
        "finish_reason": [c.finish_reason for c in completions],
        # Decoded text has no lone surrogates: what a tokenizer cannot decode, it replaces.
        "text": [c.text.encode(errors="replace").decode() for c in completions],
    }
    for column in schema.ROLLOUTS:
        columns.setdefault(column.name, [_empty(column.type)] * len(completions))
    return schema.build(schema.ROLLOUTS, columns)


def _empty(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return []
    return "" if pa.types.is_string(kind) else 0
