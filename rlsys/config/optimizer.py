"""The `learner.optimizer:` section: AdamW, and the learning rate over the updates of a stage."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from rlsys.config.ranges import ranged


class ScheduleShape(Enum):
    """How the learning rate goes on after the warm-up."""

    constant = "constant"
    linear = "linear"
    cosine = "cosine"


@dataclass
class OptimizerConfig:
    """AdamW."""

    learning_rate: float = ranged(1e-6, least=0)
    """After the warm-up; schedules fall from it."""
    schedule: ScheduleShape = ScheduleShape.constant
    """constant: it stays, since a run is ended when it no longer gains. linear and cosine fall from
    the end of the warm-up to that of the stage, so its length cannot be changed on the way."""
    floor: float = ranged(0.0, least=0, most=1)
    """Share of learning_rate to which linear and cosine fall; 0: to nothing."""
    warmup_steps: int = ranged(0, least=0)
    """Updates over which the rate rises in equal steps; the last of them has it whole."""
    weight_decay: float = ranged(0.0, least=0)
    beta1: float = ranged(0.9, least=0, below=1)
    beta2: float = ranged(0.95, least=0, below=1)
    gradient_clip: float = ranged(1.0, least=0)
    """Largest gradient norm."""

    @property
    def falls(self) -> bool:
        """Whether the rate depends on how long the stage is."""
        return self.schedule is not ScheduleShape.constant


def problems(config: OptimizerConfig, num_updates: int | None, path: str) -> Iterator[str]:
    """What in a schedule cannot work.

    Args:
        num_updates: of the whole stage; None: not known yet.
        path: where the section stands in the settings.
    """
    if config.floor and not config.falls:
        yield (
            f"{path}.floor={config.floor:g}: {path}.schedule=constant never falls; nearest valid: "
            f"0, or {path}.schedule=cosine"
        )
    if config.falls and num_updates is not None and config.warmup_steps >= num_updates:
        yield (
            f"{path}.warmup_steps={config.warmup_steps}: of {num_updates} updates none is left in "
            f"which {path}.schedule={config.schedule.value} could fall; nearest valid: "
            f"{num_updates - 1}"
        )
