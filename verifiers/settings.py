"""Rewards of a config against the verifiers that there are: names, options, and plug-in files.

A section by itself is checked where it is defined (rlsys/config/verifiers.py), without any of them;
whoever will grade hands `check_rewards` to `load`, so that all faults are told together.
"""

from rlsys.config.run import RunConfig
from rlsys.config.verifiers import VerifiersConfig
from rlsys.errors import ConfigError, VerifierError
from verifiers.registry import Registry


def check_rewards(config: RunConfig) -> None:
    """`require_verifiers` of a whole config."""
    require_verifiers(config.verifiers)


def require_verifiers(config: VerifiersConfig) -> None:
    """Load the plug-in files, and find each component's verifier with its options.

    Raises:
        ConfigError: one is not there, or a plug-in fails; says where, and the nearest.
    """
    try:
        registry = Registry(config.plugins)
    except VerifierError as error:
        raise ConfigError(f"verifiers.plugins: {error}") from error
    for index, reward in enumerate(config.rewards):
        where, name = f"verifiers.rewards[{index}]", reward.verifier or reward.name
        try:
            registry.check(name, reward.options)
            is_function = registry.is_reward_function(name)
        except VerifierError as error:
            raise ConfigError(f"{where}: {error}") from error
        if reward.correct_from is not None and not is_function:
            raise ConfigError(
                f"{where}.correct_from={reward.correct_from:g} has no effect on a verifier, which "
                "says itself what is correct; it is for reward functions"
            )
