"""Whether there is anything to learn from: groups that differ in reward, completions that end.

A run without either goes through all its steps, and its figures look like those of any other.
"""

from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rlsys.config.run import RunConfig
from rlsys.loop.outcome import SignalCount

_LEAST_GROUPS = 8
"""Before a warning. A policy that is right once in ten leaves four groups of ten (of 8) without a
signal, so that eight in a row come up once in 850 times."""
_CUT_OFF = 0.9
"""Nearly all completions: of a group of 8, not even one ends by itself in four groups of ten."""
_LAST_WORDS = 100
"""Characters: enough to see whether a completion was about to end or repeats itself."""


class SignalAlarm:
    """Watches the newest groups, at least _LEAST_GROUPS of them, step by step."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self._newest: deque[SignalCount] = deque()
        self.on = False

    def step(self, count: SignalCount) -> str:
        """One more step.

        Returns: what is wrong, when that begins with this step; else an empty text.
        """
        self._newest.append(count)
        while sum(c.groups for c in self._newest) - self._newest[0].groups >= _LEAST_GROUPS:
            self._newest.popleft()
        window = sum(self._newest, SignalCount())
        problem = problem_of(window, self.config) if window.groups >= _LEAST_GROUPS else ""
        was_on, self.on = self.on, bool(problem)
        return "" if was_on else problem

    def state_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"newest": [asdict(count) for count in self._newest], "on": self.on}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self._newest = deque(SignalCount(**count) for count in state["newest"])
        self.on = state["on"]


def problem_of(count: SignalCount, config: RunConfig) -> str:
    """What keeps these groups from teaching anything, and what to change; empty: nothing does."""
    cut_off = cut_off_at(config, count.cut_off / max(1, count.completions))
    if not count.groups or count.without_signal < count.groups:
        return cut_off
    no_signal = (
        f"no group has a signal: in each of {count.groups} all completions earned the same reward, "
        "so there is nothing to learn"
    )
    if cut_off:
        return f"{no_signal}; {cut_off}"
    if count.none_right == count.groups:
        return (
            f"{no_signal}. No completion was right: take easier data, a model that knows some of "
            "the task (model.path, or a warm start on solved rows), or another data.template; "
            "`rlsys inspect FILE` shows how a completion is asked for and graded"
        )
    if count.all_right == count.groups:
        return f"{no_signal}. Every completion was right: take harder data"
    return f"{no_signal}. Take a larger loop.group_size, or data that are solved now and then"


def cut_off_at(config: RunConfig, share: float) -> str:
    """That nearly all completions are cut off, and what to change; empty: they are not."""
    if share < _CUT_OFF:
        return ""
    limit = config.sampling.max_tokens
    return (
        f"{share:.0%} of the completions are cut off at sampling.max_tokens={limit}, before their "
        "end. Raise it, and model.max_context with it; close the thinking earlier "
        "(sampling.max_reasoning_tokens); or take a model or a data.template with which answers end"
    )


def last_words(samples: Path) -> str:
    """`. A completion of FILE ends: '...', and its verdict is ...` of a run's newest samples, one
    that was cut off where there is one; empty without samples."""
    newest = max(samples.glob("*.parquet"), default=None)
    if newest is None:
        return ""
    columns = ["text", "finish_reason", "status", "reason"]
    rows = pq.read_table(newest, columns=columns).to_pylist()
    rows.sort(key=lambda row: row["finish_reason"] != "length")
    if not rows:
        return ""
    end, status, reason = rows[0]["text"][-_LAST_WORDS:], rows[0]["status"], rows[0]["reason"]
    return f". A completion of {newest.name} ends: {end!r}; its verdict: {status}: {reason}"
