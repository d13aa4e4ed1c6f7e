"""Shares of a step that are too large for several steps on end: completions that are cut off or
computed again, and time in which a role has nothing to do.

One step says little, so what counts is the mean over the newest observe.share_window of them.
"""

from collections import deque
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from rlsys.config.observe import ObserveConfig


@dataclass(frozen=True)
class Watched:
    """A share that can be too large."""

    metric: str
    setting: str
    """Of `observe`, with the most that it may be."""
    told: str
    """What it means, and what to do; with the share, the setting and its value put in."""


SHARES = {
    "truncated": Watched(
        "completion/truncated",
        "truncated",
        "{share} of the completions are cut off before their end (observe.{setting}={most:g}): "
        "raise sampling.max_tokens, or close the thinking earlier (sampling.max_reasoning_tokens)",
    ),
    "learner_waits": Watched(
        "time/learner/ready groups",
        "waiting",
        "the learner waits for groups {share} of the time (observe.{setting}={most:g}): sampling, "
        "grading or scoring is too slow for it; `rlsys fleet` says how many workers keep up",
    ),
    "samplers_wait": Watched(
        "time/rollout/slots",
        "waiting",
        "samplers starve: nothing to do {share} of the time (observe.{setting}={most:g}), "
        "for the learner is slower, or they may not run far enough ahead "
        "(loop.max_staleness=auto)",
    ),
    "preempted": Watched(
        "sampler/preempted",
        "preempted",
        "the samplers' cache is too small: {share} of the completions lost their place in it and "
        "were computed again (observe.{setting}={most:g}): raise rollout.kv_cache_gib or "
        "rollout.gpu_memory_utilization, or lower rollout.max_sequences",
    ),
}
"""By the name of the alarm."""


class ShareAlarms:
    """Watches each of them, step by step.

    Args:
        is_synchronous: roles take turns then, and their waiting says nothing.
    """

    def __init__(self, config: ObserveConfig, is_synchronous: bool) -> None:
        window = config.share_window
        kept = {
            name: one
            for name, one in SHARES.items()
            if not (is_synchronous and one.setting == "waiting")
        }
        self.most = {name: float(getattr(config, one.setting)) for name, one in kept.items()}
        self._newest: dict[str, deque[float]] = {name: deque(maxlen=window) for name in kept}
        self.on = dict.fromkeys(SHARES, False)

    def step(self, metrics: dict[str, float]) -> dict[str, str]:
        """One more step.

        Returns: what is wrong, of each that begins to be with this step.
        """
        begun = {}
        for name, newest in self._newest.items():
            one, most = SHARES[name], self.most[name]
            newest.append(metrics.get(one.metric, 0.0))
            share = fmean(newest)
            was_on, self.on[name] = self.on[name], len(newest) == newest.maxlen and share > most
            if self.on[name] and not was_on:
                begun[name] = one.told.format(share=f"{share:.0%}", setting=one.setting, most=most)
        return begun

    def metrics(self) -> dict[str, float]:
        """1 for each that is too large."""
        return {f"alarm/{name}": float(on) for name, on in self.on.items()}

    def state_dict(self) -> dict[str, Any]:
        """As JSON values."""
        newest = {name: list(values) for name, values in self._newest.items()}
        return {"newest": newest, "on": dict(self.on)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        for name, newest in self._newest.items():
            newest.extend(state["newest"].get(name, []))
        self.on |= state["on"]
