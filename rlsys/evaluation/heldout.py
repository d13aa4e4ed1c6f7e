"""The held-out check: pass@1 of the policy that the rollout workers hold.

Its completions are kept as those that are trained on are, in samples/heldout/step-NNNNNN.parquet.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rlsys.config.run import RunConfig, SamplingConfig
from rlsys.data.templates import Prompt
from rlsys.errors import VerifierError
from rlsys.evaluation.estimators import mean_with_interval, pass_rates
from rlsys.learning.join import HELD_OUT
from rlsys.loop.fleet import Fleet, Graded, GroupBatch, Rows, Sampled, Untrained
from rlsys.loop.retries import Retries
from rlsys.loop.verdict_watch import VerdictWatch
from rlsys.roles import ROLLOUT, VERIFIER
from rlsys.watch.remaining import Remaining

FOLDER = "heldout"
_GROUPS_PER_MESSAGE = 16


@dataclass(frozen=True)
class HeldOut:
    """pass@1 over prompts, with its 95 % confidence interval over prompts."""

    step: int
    """Where it was due: the workers held this version when its completions were asked for. New
    weights may reach a sampler before it begins with them; `versions` says what was measured."""
    pass_at_1: float
    low: float
    high: float
    prompts: int
    samples: int
    mean_tokens: float
    truncated: float
    versions: tuple[int, int]
    """Oldest and newest policy version among the tokens: one, unless training went on."""
    rates: dict[str, float]
    """Share of right completions by prompt; one without a verdict is not among them."""

    def __str__(self) -> str:
        return f"{self.pass_at_1:.3f} [{self.low:.3f}, {self.high:.3f}]"


async def evaluate(
    fleet: Fleet,
    prompts: Sequence[Prompt],
    config: RunConfig,
    retries: Retries,
    step: int,
    show: Callable[[Remaining], None],
) -> HeldOut:
    """Sample config.evaluation.samples completions for each prompt, grade and keep them.

    Rows without a verdict take no part; a prompt without any is left out of the mean.

    Args:
        step: what the workers hold now.
        show: told of how far it is, part by part.
    Raises:
        VerifierError: no completion got a verdict, or too many got none
            (verifiers.max_infrastructure_share): known after the first completions, not after all.
        WorkerError: a call's budget of `retries` is spent.
    """
    size = config.evaluation.samples
    sampling = replace(config.sampling, temperature=config.evaluation.temperature)
    share = config.verifiers.max_infrastructure_share
    verdicts = VerdictWatch(share, config.loop, retries.waits.observer.notice)
    reasons: list[str] = []
    remaining = Remaining(len(prompts) * size)

    async def part(begin: int) -> tuple[Rows, tuple[np.ndarray, ...]]:
        chosen = tuple(prompts[begin : begin + _GROUPS_PER_MESSAGE])
        # Group ids of checks are negative: they are in no ledger.
        ids = tuple(-1 - begin - i for i in range(len(chosen)))
        batch = GroupBatch(ids, chosen, size)
        sampled, graded = await _graded(fleet, batch, sampling, retries)
        verdicts.saw(len(graded.rewards), graded.infrastructure)
        reasons.extend(graded.infrastructure)
        remaining.add(len(graded.rewards))
        show(remaining)
        correct = np.where(np.isnan(graded.rewards), np.nan, graded.correct.astype(float))
        annotations = {ROLLOUT: sampled.rollouts, VERIFIER: graded.grades}
        return Rows(annotations, 0, len(correct)), (
            correct.reshape(len(chosen), size),
            sampled.num_tokens,
            sampled.truncated,
            sampled.oldest_version,
            sampled.newest_version,
        )

    parts = await asyncio.gather(
        *(part(begin) for begin in range(0, len(prompts), _GROUPS_PER_MESSAGE))
    )
    file = f"{FOLDER}/step-{step:06d}.parquet"
    untrained = Untrained(file, step, HELD_OUT, [rows for rows, _ in parts])
    await retries.waits.on("driver: held-out completions written", fleet.write_samples(untrained))
    arrays = [np.concatenate(one) for one in zip(*(found for _, found in parts), strict=True)]
    if np.isnan(arrays[0]).all():
        raise VerifierError(
            f"none of {arrays[0].size} held-out completions got a verdict; the first: {reasons[0]}"
        )
    return _figures(step, prompts, *arrays)


async def _graded(
    fleet: Fleet, batch: GroupBatch, sampling: SamplingConfig, retries: Retries
) -> tuple[Sampled, Graded]:
    """A batch's completions and their verdicts."""
    sampled = await retries.with_retries(
        "driver: held-out completions", lambda: fleet.sample(batch, sampling), for_completions=True
    )
    graded = await retries.with_retries("driver: held-out verdicts", lambda: fleet.grade(sampled))
    return sampled, graded


def _figures(
    step: int,
    prompts: Sequence[Prompt],
    correct: np.ndarray,
    tokens: np.ndarray,
    truncated: np.ndarray,
    oldest: np.ndarray,
    newest: np.ndarray,
) -> HeldOut:
    rates = pass_rates(correct)
    interval = mean_with_interval(rates)
    graded = ~np.isnan(correct).all(axis=1)
    known = [prompt.prompt_id for prompt, has in zip(prompts, graded, strict=True) if has]
    return HeldOut(
        step=step,
        pass_at_1=interval.mean,
        low=interval.low,
        high=interval.high,
        prompts=interval.problems,
        samples=correct.shape[1],
        mean_tokens=float(tokens.mean()),
        truncated=float(truncated.mean()),
        versions=(int(oldest.min()), int(newest.max())),
        rates=dict(zip(known, rates.tolist(), strict=True)),
    )


def from_dict(values: dict[str, Any]) -> HeldOut:
    """A check that went through JSON."""
    return HeldOut(**values | {"versions": tuple(values["versions"])})
