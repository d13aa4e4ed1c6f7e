"""A run's alarms together: what they say in a step, and what a checkpoint keeps of them."""

from typing import Any

from rlsys.config.run import RunConfig
from rlsys.loop.outcome import SignalCount
from rlsys.observe.health import HealthAlarm
from rlsys.observe.inflation import LengthAlarm
from rlsys.observe.learnable import SignalAlarm


class Alarms:
    """Each looks at several steps, some of them perhaps of a driver before this one: a run that
    resumes with the `state_dict` of its checkpoint warns in the same steps as one that never
    ended."""

    def __init__(self, config: RunConfig) -> None:
        self.signal = SignalAlarm(config)
        self.length = LengthAlarm(config.observe)
        self.health = HealthAlarm(config.observe)

    def step(self, step: int, signal: SignalCount, metrics: dict[str, float]) -> list[str]:
        """One more step, by its metrics.

        Returns: the warnings that begin with this step.
        """
        length, pass_at_1 = metrics["completion/mean_tokens"], metrics["reward/accuracy"]
        warnings = [self.signal.step(signal), self.length.step(length, pass_at_1)]
        warnings += self.health.step(step, metrics)
        return [f"warning: {text}" for text in warnings if text]

    def metrics(self) -> dict[str, float]:
        """1 for each alarm that is on."""
        return {
            "alarm/length_inflation": float(self.length.on),
            "alarm/nothing_to_learn": float(self.signal.on),
            **self.health.metrics(),
        }

    def state_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "signal": self.signal.state_dict(),
            "length": self.length.state_dict(),
            "health": self.health.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.signal.load_state_dict(state["signal"])
        self.length.load_state_dict(state["length"])
        self.health.load_state_dict(state["health"])
