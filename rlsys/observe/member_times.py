"""members.jsonl: where each member's time went, a line a step.

    {"step": 3, "members": {"rollout-1": {"busy": 0.8, "slots": 0.2}, "learner-0": {"busy": 1.0}}}

Shares of the time since the step before. metrics.jsonl has the sums of each role: of two members
of which one stands still they say half.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from rlsys.observe.loggers import Metrics
from rlsys.run.folder import MEMBERS
from rlsys.watch.accounting import Times


class MemberTimes:
    """A Logger.

    Args:
        lately: of each member since the step before, asked when a step is over.
    """

    name = MEMBERS

    def __init__(self, folder: Path, lately: Callable[[], Mapping[str, Times]]) -> None:
        self._lines = (folder / MEMBERS).open("a", encoding="utf-8")
        self.lately = lately

    def step(self, step: int, metrics: Metrics) -> None:
        """A member that was not there yet is left out."""
        members = {name: _shares(t) for name, t in self.lately().items() if t.wall_s > 0}
        self._lines.write(json.dumps({"step": step, "members": members}) + "\n")
        self._lines.flush()

    def later(self, step: int, metrics: Metrics) -> None:
        """Nothing."""

    def summary(self, step: int, figures: Metrics) -> None:
        """Nothing: summary.json has the times of the whole run."""

    def close(self) -> None:
        """Flush and let go."""
        self._lines.close()


def _shares(times: Times) -> dict[str, float]:
    states = {"busy": times.busy_s, **times.waits}
    return {name: round(s / times.wall_s, 4) for name, s in states.items() if s > 0}
