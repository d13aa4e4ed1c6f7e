"""The `reward_model:` section: a reward model from preference pairs, by `rlsys reward-model`.

It begins with the policy of model.path. Length, checks and checkpoints are those of `loop:` (steps
or epochs, evaluate_every, checkpoint_every); the learning rate and its schedule are the learner's.
"""

from dataclasses import dataclass

from rlsys.config.ranges import ranged


@dataclass
class RewardModelConfig:
    """Which pairs, and how many at a time."""

    train: str = ""
    """As data.train, rows with a chosen and a rejected answer (rlsys/data/pairs.py has the
    formats). Empty: problems of the generated arithmetic task, solved against spoiled."""
    test: str = ""
    """As `train`, held-out pairs; empty: those of `holdout` prompts of `train`."""
    holdout: int = ranged(256, least=0)
    """Prompts of `train` whose pairs are held out when `test` is empty, at most a tenth of them;
    256 give the accuracy within 0.06 (95% interval). 0: nothing is measured."""
    pairs_per_step: int = ranged(32, least=1)
    """Pairs of one optimizer step, however they are packed and split among ranks."""
