"""What each step of a fleet's start took when it was last done here, for the time left of the next.

Kept in the cache of prepared policies (model.cache), one file for all runs of a user: a run's own
folder knows nothing before its first start. What was never done here has no time, and the first
load after a boot takes longer than the one before said.
"""

import contextlib
import json
from pathlib import Path

from rlsys.disk import replace_text
from rlsys.errors import DiskError

FILE = "start_times.json"
_LEAST_S = 2.0
"""A step that takes less is over before anybody asks how long."""
_KEPT = 500
"""Steps in the file, the newest: some for each model and fleet."""


class StartTimes:
    """Seconds by a text that names the step and what they depend on: the role, the model, the share
    of the machine."""

    def __init__(self, cache: Path) -> None:
        self.file = cache / FILE
        self._before = _read(self.file)
        self._now: dict[str, float] = {}

    def last_s(self, what: str) -> float | None:
        """What it took when it was last done; None: it never was, or was over at once."""
        return self._before.get(what)

    def took(self, what: str, seconds: float) -> None:
        """It is done; of several members the slowest counts, for which the others wait."""
        self._now[what] = max(seconds, self._now.get(what, 0.0))

    def keep(self) -> None:
        """For the next start. What another run has kept meanwhile stays."""
        others = {what: s for what, s in _read(self.file).items() if what not in self._now}
        worth = {what: round(s, 1) for what, s in self._now.items() if s >= _LEAST_S}
        newest = list((others | worth).items())[-_KEPT:]
        with contextlib.suppress(DiskError, OSError):  # without it nothing is foretold next time
            self.file.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self.file, json.dumps(dict(newest), indent=1) + "\n")


def _read(file: Path) -> dict[str, float]:
    """A file that is missing or damaged knows nothing."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {what: s for what, s in kept.items() if isinstance(s, int | float) and s > 0}
