"""Algorithms with some settings changed, and the policy loss under them."""

from dataclasses import replace
from typing import Any

from rlsys.algorithms.losses import LossInputs, LossOutput, policy_loss
from rlsys.algorithms.registry import Registry
from rlsys.config.algorithm import AlgorithmConfig


def algorithm_of(**settings: Any) -> AlgorithmConfig:
    """GRPO but for these, as in algorithm_of(kl__coefficient=0.0, drop_no_signal=True)."""
    config = AlgorithmConfig()
    for path, value in settings.items():
        section, _, name = path.rpartition("__")
        if section:
            changed = replace(getattr(config, section), **{name: value})
            config = replace(config, **{section: changed})
        else:
            config = replace(config, **{name: value})
    return config


def loss_of(inputs: LossInputs, config: AlgorithmConfig) -> LossOutput:
    """With the built-in loss that is configured."""
    return policy_loss(inputs, Registry().loss_of(config), config)
