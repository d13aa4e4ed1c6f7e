"""The `learner.experts:` section: what a learner does about the experts of its policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from rlsys.config.ranges import ranged
from rlsys.errors import ConfigError


class Replay(Enum):
    """Whose choice of experts the later updates of a step go by."""

    none = "none"
    """Each update's own."""
    learner = "learner"
    """R2: the learner's at the step's start."""
    sampler = "sampler"
    """R3: the sampler's."""


@dataclass
class ExpertsConfig:
    """Balance and replay. A policy without experts has no use for them."""

    bias_speed: float = ranged(1e-3, least=0)
    """By how much the bias of an expert that had less than its share of a step's tokens rises, and
    falls of one that had more: gamma of DeepSeek-V3 (arXiv:2412.19437, sec. 2.1.2 and 4.2), which
    trained with this one, and with 0 at the end. Only of models that have such a bias."""
    auxiliary_loss: float | None = ranged(None, least=0)
    """Coefficient of the load-balancing loss (arXiv:2101.03961, eq. 4), which takes a forward pass
    more for each update; null: the model's router_aux_loss_coef, where its config.json says
    output_router_logits, as transformers has it, and else 0."""
    replay: Replay = Replay.none
    """none; learner: the experts chosen at a step's start are chosen in its later minibatches, too
    (arXiv:2507.18071, sec. 5.3: routing replay), at the price of a forward pass of these."""


def validate(config: ExpertsConfig, minibatches: int) -> None:
    """Raise ConfigError on a replay that cannot be, or that replays nothing.

    Args:
        minibatches: learner.minibatches.
    """
    if config.replay is Replay.sampler:
        nearest = "learner" if minibatches > 1 else "learner, with learner.minibatches=2"
        raise ConfigError(
            "learner.experts.replay=sampler: vLLM 0.32.0 returns the experts that it chose by its "
            "model runner V2 alone, which needs Triton and is not on CPUs, and the batches of a "
            f"run have no place for them; nearest valid: {nearest}"
        )
    if config.replay is Replay.learner and minibatches == 1:
        raise ConfigError(
            "learner.experts.replay=learner: with learner.minibatches=1 a step has no later update "
            "that could go by the choice at its start; nearest valid: none, or "
            "learner.minibatches=2"
        )


def of_dense(config: ExpertsConfig, policy: str) -> Iterator[str]:
    """What is asked for of experts, one line each, where the policy has none.

    Args:
        policy: how it is named.
    """
    default = ExpertsConfig()
    asked = {
        "replay": (config.replay is not default.replay, config.replay.value, "none"),
        "auxiliary_loss": (bool(config.auxiliary_loss), config.auxiliary_loss, "null"),
        "bias_speed": (
            config.bias_speed not in (0, default.bias_speed),
            config.bias_speed,
            default.bias_speed,
        ),
    }
    for name, (is_asked, value, nearest) in asked.items():
        if is_asked:
            yield (
                f"learner.experts.{name}={value}: {policy} has no experts; nearest valid: {nearest}"
            )
