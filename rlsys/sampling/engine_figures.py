"""What the engines of the rollout workers did between two updates of their weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsys.sampling.step_law import StepLaw, mean_law


@dataclass
class EngineFigures:
    """Sums over an engine's steps, or over those of several engines."""

    steps: int = 0
    running: int = 0
    """Completions that were decoded, summed over the steps."""
    waiting: int = 0
    """Completions that waited for a place, summed over the steps."""
    kv_cache_usage: float = 0.0
    """Largest share of the cache of keys and values that was taken."""
    begun: int = 0
    """Completions that got their first token."""
    preemptions: int = 0
    """Completions that lost their place in the cache to others, and are computed again."""
    prefix_queries: int = 0
    """Prompt tokens that were looked for in the cache."""
    prefix_hits: int = 0
    """Those that were there."""
    law: StepLaw | None = None
    """What a step takes, by all steps so far; None: they do not tell."""

    def metrics(self) -> dict[str, float]:
        """`sampler/NAME`; without steps, nothing."""
        if not self.steps:
            return {}
        metrics = {
            "sampler/running": self.running / self.steps,
            "sampler/waiting": self.waiting / self.steps,
            "sampler/kv_cache_usage": self.kv_cache_usage,
            "sampler/preemptions": float(self.preemptions),
            "sampler/preempted": self.preemptions / max(1, self.begun),
        }
        if self.prefix_queries:
            metrics["sampler/prefix_cache_hit_rate"] = self.prefix_hits / self.prefix_queries
        if self.law:
            metrics |= {
                "sampler/step_s": self.law.step_s,
                "sampler/sequence_s": self.law.sequence_s,
                "sampler/begin_s": self.law.begin_s,
            }
        return metrics


def together(parts: Sequence[EngineFigures]) -> EngineFigures:
    """Of several engines: their sums, the fullest cache, and the mean of the laws they know."""
    return EngineFigures(
        steps=sum(one.steps for one in parts),
        running=sum(one.running for one in parts),
        waiting=sum(one.waiting for one in parts),
        kv_cache_usage=max((one.kv_cache_usage for one in parts), default=0.0),
        begun=sum(one.begun for one in parts),
        preemptions=sum(one.preemptions for one in parts),
        prefix_queries=sum(one.prefix_queries for one in parts),
        prefix_hits=sum(one.prefix_hits for one in parts),
        law=mean_law([one.law for one in parts if one.law]),
    )
