"""The `sft:` section: supervised fine-tuning on demonstrations, by `rlsys sft`.

Length, checks and checkpoints are those of `loop:` (steps or epochs, evaluate_every,
checkpoint_every); the learning rate and its schedule are the learner's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rlsys.config.ranges import ranged

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig


@dataclass
class SftConfig:
    """Which demonstrations, and how many at a time."""

    train: str = ""
    """As data.train, rows that show what to say (rlsys/data/demonstrations.py has the formats).
    Empty: problems of the generated arithmetic task, solved step by step."""
    test: str = ""
    """As `train`, demonstrations for the held-out loss; empty: `holdout` rows of `train`."""
    holdout: int = ranged(128, least=0)
    """Conversations of `train` that are held out when `test` is empty, at most a tenth of them,
    chosen by a hash of their first prompts; 0: the held-out loss is not measured."""
    rows_per_step: int = ranged(64, least=1)
    """Demonstrations of one optimizer step, however they are packed and split among ranks."""
    all_turns: bool = False
    """true: every turn of the assistant is learned; false: the last one, behind all before it."""
    dropped_steps: int = ranged(0, least=0)
    """The first so many steps of each chain are left out of what is learned; a step is a line of
    the thinking, or a sentence where it has one line. With thinking.latents in their place this is
    a stage of Coconut's curriculum (docs/thinking.md)."""


def measures_answers(config: RunConfig) -> bool:
    """Whether pass@1 is measured beside the held-out loss: there are rows with expected answers to
    ask for, the user's or, where demonstrations are generated, generated ones. Else a run of `sft`
    has neither rollout nor verifier workers."""
    on_the_way = config.evaluation.prompts and config.loop.evaluate_every
    asked = config.evaluation.final_prompts or on_the_way
    rows = config.data.train or config.data.test or not config.sft.train
    return bool(asked and rows)
