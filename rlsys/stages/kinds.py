"""The kinds of stages: what their commands are called, show and read. A new one is a row here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rlsys.config.run import RunConfig, StageKind
from rlsys.observe.columns import (
    COLUMNS,
    REWARD_MODEL_COLUMNS,
    SAMPLE_COLUMNS,
    SFT_COLUMNS,
    Column,
)
from rlsys.stages import reward_model_plan, rl_plan, sample_plan, sft_plan
from rlsys.stages.plan import Plan


@dataclass(frozen=True)
class Kind:
    """One kind of stage, as its command needs it."""

    command: str
    """As in `rlsys train`."""
    columns: Sequence[Column]
    """Of a step's line."""
    sources: Callable[[RunConfig], list[str]]
    """Which data files a run reads; an empty one stands for generated rows."""
    read: Callable[[RunConfig, bool, Callable[[str], None]], Plan]
    """The plan, of the settings, whether the run is resumed, and who is told what goes on."""
    step: str = "step"
    """What is counted while it runs."""
    doing: str = "training"
    trains: bool = True
    """Whether it has a learner, and so checkpoints."""


KINDS: Mapping[StageKind, Kind] = MappingProxyType(
    {
        StageKind.rl: Kind("train", COLUMNS, rl_plan.sources, rl_plan.read),
        StageKind.sft: Kind("sft", SFT_COLUMNS, sft_plan.sources, sft_plan.read),
        StageKind.sample: Kind(
            "sample",
            SAMPLE_COLUMNS,
            sample_plan.sources,
            sample_plan.read,
            step="prompt",
            doing="sampling",
            trains=False,
        ),
        StageKind.reward_model: Kind(
            "reward-model",
            REWARD_MODEL_COLUMNS,
            reward_model_plan.sources,
            reward_model_plan.read,
        ),
    }
)
