"""members.jsonl: where each member's time went, a line a step.

    {"step": 3, "members": {"rollout-1": {"busy": 0.8, "slots": 0.2}, "learner-0": {"busy": 1.0}},
     "parts": {"rollout-1": {"busy": [100, 100, 0, ...], "slots": [0, 0, 100, ...]}, ...}}

`members` has the shares of the time since the step before, `parts` those of each of its equal
parts (rlsys/watch/course.py), in percent: whether a wait of a fifth was one at the end or many
short ones. metrics.jsonl has the sums of each role: of two members of which one stands still they
say half.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from rlsys.observe.loggers import Metrics
from rlsys.run.folder import MEMBERS
from rlsys.watch.accounting import BUSY, Lately, Times
from rlsys.watch.course import Parts


class MemberTimes:
    """A Logger.

    Args:
        lately: of each member since the step before, asked when a step is over.
    """

    name = MEMBERS

    def __init__(self, folder: Path, lately: Callable[[], Mapping[str, Lately]]) -> None:
        self._lines = (folder / MEMBERS).open("a", encoding="utf-8")
        self.lately = lately

    def step(self, step: int, metrics: Metrics) -> None:
        """A member that was not there yet is left out."""
        there = {name: one for name, one in self.lately().items() if one.times.wall_s > 0}
        members = {name: _shares(one.times) for name, one in there.items()}
        parts = {name: _percent(one.parts) for name, one in there.items() if one.parts}
        line = json.dumps({"step": step, "members": members, "parts": parts}, separators=(",", ":"))
        self._lines.write(line + "\n")
        self._lines.flush()

    def later(self, step: int, metrics: Metrics) -> None:
        """Nothing."""

    def summary(self, step: int, figures: Metrics) -> None:
        """Nothing: summary.json has the times of the whole run."""

    def close(self) -> None:
        """Flush and let go."""
        self._lines.close()


def _shares(times: Times) -> dict[str, float]:
    states = {BUSY: times.busy_s, **times.waits}
    return {name: round(s / times.wall_s, 4) for name, s in states.items() if s > 0}


def _percent(parts: Parts) -> dict[str, list[int]]:
    return {state: [round(100 * share) for share in shares] for state, shares in parts.items()}
