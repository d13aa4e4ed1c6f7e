"""A run's alarms together: what they say in a step, and what a checkpoint keeps of them."""

from typing import Any

from rlsys.config.observe import ObserveConfig
from rlsys.loop.outcome import SignalCount
from rlsys.observe.health import HealthAlarm
from rlsys.observe.inflation import LengthAlarm
from rlsys.observe.learnable import SignalAlarm
from rlsys.observe.shares import ShareAlarms

NOTHING_TO_LEARN = "nothing_to_learn"
_ON = "alarm/"
"""Before the names, in the metrics."""
_SAID = "docs/failures.md#while-it-trains-what-is-said-and-the-run-goes-on"
_RANGES = "docs/running.md#figures-that-leave-their-range"
_PAGES = {
    NOTHING_TO_LEARN: _SAID,
    "length_inflation": "docs/algorithms.md#length-inflation-made-visible",
    "truncated": _SAID,
    "learner_waits": "docs/fleet.md",
    "samplers_wait": "docs/reliability.md#staleness",
    "preempted": _SAID,
}
"""Where an alarm is explained; that of a figure with a range, where the ranges are."""
_QUIET_STEPS = 10
"""A figure at the edge of its range goes in and out; one that was out within so many steps is not
said again."""


class Alarms:
    """Each looks at several steps, some of them perhaps of a driver before this one: a run that
    resumes with the `state_dict` of its checkpoint warns in the same steps as one that never
    ended.

    Args:
        max_tokens: at which completions are cut off.
        is_synchronous: whether sampling and learning take turns.
    """

    def __init__(
        self, config: ObserveConfig, max_tokens: int, is_synchronous: bool = False
    ) -> None:
        self.signal = SignalAlarm(max_tokens)
        self.length, self.health = LengthAlarm(config), HealthAlarm(config)
        self.shares = ShareAlarms(config, is_synchronous)
        self._last_on: dict[str, int] = {}
        """The newest step in which each was on."""

    def step(self, step: int, signal: SignalCount, metrics: dict[str, float]) -> dict[str, str]:
        """One more step, by its metrics.

        Returns: the warnings that begin with this step, by the names of the alarms.
        """
        length, pass_at_1 = metrics["completion/mean_tokens"], metrics["reward/accuracy"]
        begun = {
            NOTHING_TO_LEARN: self.signal.step(signal),
            "length_inflation": self.length.step(length, pass_at_1),
            **self.health.step(step, metrics),
            **self.shares.step(metrics),
        }
        warnings = {
            name: f"warning: {text} ({_PAGES.get(name, _RANGES)})"
            for name, text in begun.items()
            if text and step - self._last_on.get(name, -_QUIET_STEPS) >= _QUIET_STEPS
        }
        self._last_on |= {key.removeprefix(_ON): step for key, on in self.metrics().items() if on}
        return warnings

    def metrics(self) -> dict[str, float]:
        """1 for each alarm that is on."""
        return {
            f"{_ON}length_inflation": float(self.length.on),
            f"{_ON}{NOTHING_TO_LEARN}": float(self.signal.on),
            **self.health.metrics(),
            **self.shares.metrics(),
        }

    def state_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "signal": self.signal.state_dict(),
            "length": self.length.state_dict(),
            "health": self.health.state_dict(),
            "shares": self.shares.state_dict(),
            "last_on": dict(self._last_on),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.signal.load_state_dict(state["signal"])
        self.length.load_state_dict(state["length"])
        self.health.load_state_dict(state["health"])
        self.shares.load_state_dict(state["shares"])
        self._last_on = dict(state["last_on"])
