"""The held-out check: pass@1 of the policy that the rollout workers hold."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlsys.config.schema import RunConfig
from rlsys.data.templates import Prompt
from rlsys.errors import VerifierError
from rlsys.evaluation.estimators import mean_with_interval, pass_rates
from rlsys.loop.fleet import Fleet, Message
from rlsys.loop.retries import Retries
from rlsys.loop.verdict_watch import VerdictWatch

_GROUPS_PER_MESSAGE = 16


@dataclass(frozen=True)
class HeldOut:
    """pass@1 over prompts, with its 95 % confidence interval over prompts."""

    pass_at_1: float
    low: float
    high: float
    prompts: int
    samples: int
    mean_tokens: float
    truncated: float
    versions: tuple[int, int]
    """Oldest and newest policy version among the tokens: one, unless training went on."""

    def __str__(self) -> str:
        return f"{self.pass_at_1:.3f} [{self.low:.3f}, {self.high:.3f}]"


async def evaluate(
    fleet: Fleet, prompts: Sequence[Prompt], config: RunConfig, retries: Retries
) -> HeldOut:
    """Sample config.evaluation.samples answers for each prompt, and grade them.

    Rows without a verdict take no part; a prompt without any is left out of the mean.

    Raises:
        VerifierError: no answer got a verdict, or too many got none
            (verifiers.max_infrastructure_share): known after the first answers, not after all.
        WorkerError: a call's budget of `retries` is spent.
    """
    size = config.evaluation.samples
    sampling = replace(config.sampling, temperature=config.evaluation.temperature)
    verdicts = VerdictWatch(config)
    reasons: list[str] = []

    async def part(chosen: Sequence[Prompt]) -> tuple[np.ndarray, ...]:
        # Group ids of checks are negative: they are in no ledger.
        ids = tuple(-1 - i for i in range(len(chosen)))
        message = Message(ids, tuple(chosen), size)
        sampled = await retries.insist(
            "driver: held-out answers", lambda: fleet.sample(message, sampling), for_answers=True
        )
        scored = await retries.insist("driver: held-out verdicts", lambda: fleet.grade(sampled))
        verdicts.saw(len(scored.rewards), scored.infrastructure)
        reasons.extend(scored.infrastructure)
        correct = np.where(np.isnan(scored.rewards), np.nan, scored.correct.astype(float))
        return (
            correct.reshape(len(chosen), size),
            sampled.num_tokens,
            sampled.truncated,
            sampled.oldest_version,
            sampled.newest_version,
        )

    step = _GROUPS_PER_MESSAGE
    parts = await asyncio.gather(
        *(part(prompts[i : i + step]) for i in range(0, len(prompts), step))
    )
    correct, tokens, truncated, oldest, newest = (
        np.concatenate(arrays) for arrays in zip(*parts, strict=True)
    )
    rates = pass_rates(correct)
    if not len(rates):
        raise VerifierError(
            f"none of {correct.size} held-out answers got a verdict; the first: {reasons[0]}"
        )
    interval = mean_with_interval(rates)
    return HeldOut(
        pass_at_1=interval.mean,
        low=interval.low,
        high=interval.high,
        prompts=interval.problems,
        samples=size,
        mean_tokens=float(tokens.mean()),
        truncated=float(truncated.mean()),
        versions=(int(oldest.min()), int(newest.max())),
    )
