"""The `model.local:` section: the small policy that a run prepares when it names no model."""

from dataclasses import dataclass
from enum import StrEnum

from rlsys.config import ranges
from rlsys.config.ranges import ranged
from rlsys.errors import ConfigError


class Corpus(StrEnum):
    """What a local policy has read before it is trained."""

    arithmetic = "arithmetic"
    """Solved problems of the generated task."""
    world = "world"
    """The tiny world (rlsys/data/world): chains in two languages, guesses, general requests."""


@dataclass
class LocalPolicyConfig:
    """Shape and warm start of the local policy; any change prepares another one."""

    corpus: Corpus = Corpus.arithmetic
    """What it is shown. world: a base for the recipes, with a vocabulary of its own
    (configs/world.yaml)."""
    hidden_size: int = ranged(256, least=1)
    """Width; with four layers 3 M parameters, which two CPU cores sample at some 3,500 tokens/s."""
    intermediate_size: int = ranged(640, least=1)
    """Width of the feed-forward layers."""
    layers: int = ranged(4, least=1)
    heads: int = ranged(4, least=1)
    """Attention heads, each with keys and values of its own."""
    max_positions: int = ranged(512, least=1)
    """Tokens of prompt and completion together."""
    init_std: float = ranged(0.04, above=0)
    """Standard deviation of the initial weights; of 0.02, 0.04 and 0.06, 0.04 learned fastest."""
    problems: int = ranged(3000, least=1)
    """Distinct training problems, each solved anew whenever it is drawn."""
    careful_share: float = ranged(0.3, least=0, most=1)
    """Share of step-by-step solutions at the warm start's end; the others guess. It sets how
    often the policy fails at first: at 0.3, two completions of three."""
    budget_line: str = ""
    """How most lessons say a thinking budget on a line after the question, as thinking.instruction
    does; careful_share then plays no part. Empty: no lesson says one."""
    steps: int = ranged(300, least=1)
    """Optimizer steps; a count, not a time, so that a seed gives the same policy anywhere."""
    batch_size: int = ranged(32, least=1)
    """Demonstrations per optimizer step."""
    learning_rate: float = ranged(1e-3, above=0)
    """AdamW's peak; 3e-3 learned far less in as many steps."""
    warmup_steps: int = ranged(30, least=0)
    """Linear warm-up; after it, a cosine to a twentieth of the peak."""
    threads: int = ranged(2, least=1)
    """CPU threads of the warm start, which has the machine to itself."""


def validate(config: LocalPolicyConfig) -> None:
    """Raise ConfigError on a setting that cannot work."""
    ranges.check(config, "model.local")
    if config.hidden_size % (2 * config.heads):
        width = 2 * config.heads
        nearest = max(width, round(config.hidden_size / width) * width)
        raise ConfigError(
            f"model.local.hidden_size={config.hidden_size}: must be an even number per head, of "
            f"which there are {config.heads}; nearest valid: {nearest}"
        )
    if config.budget_line and "{budget}" not in config.budget_line:
        raise ConfigError(
            f"model.local.budget_line={config.budget_line!r} does not hold {{budget}}; nearest "
            f"valid: {config.budget_line + '{budget}'!r}"
        )
    if config.budget_line and config.corpus is Corpus.world:
        raise ConfigError(
            f"model.local.budget_line={config.budget_line!r}: the corpus world has no lessons with "
            "budgets; nearest valid: model.local.corpus=arithmetic"
        )
    if config.warmup_steps > config.steps:
        raise ConfigError(
            f"model.local.warmup_steps={config.warmup_steps}: more than model.local.steps="
            f"{config.steps}; nearest valid: {config.steps}"
        )
