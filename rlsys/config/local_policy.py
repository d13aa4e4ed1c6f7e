"""The `model.local:` section: the small policy that a run prepares when it names no model."""

from dataclasses import dataclass
from enum import StrEnum

from rlsys.config import ranges
from rlsys.config.ranges import ranged
from rlsys.errors import ConfigError

_BLOCK = 32


class Corpus(StrEnum):
    """What a local policy has read before it is trained."""

    arithmetic = "arithmetic"
    """Solved problems of the generated task."""
    world = "world"
    """The tiny world (rlsys/data/world): chains in two languages, guesses, general requests."""


class Architecture(StrEnum):
    """Whose layers a local policy has, by the model_type of its config.json."""

    qwen2 = "qwen2"
    """Attention and a gated MLP."""
    qwen3_moe = "qwen3_moe"
    """Attention and routed experts in every layer."""
    deepseek_v3 = "deepseek_v3"
    """Latent attention; routed experts beside a shared one, but for the first layer."""


@dataclass
class LocalPolicyConfig:
    """Shape and warm start of the local policy; any change prepares another one."""

    architecture: Architecture = Architecture.qwen2
    """qwen3_moe and deepseek_v3 have experts, which vLLM samples from more slowly
    (docs/models.md)."""
    corpus: Corpus = Corpus.arithmetic
    """What it is shown. world: a base for the recipes, with a vocabulary of its own
    (configs/world.yaml)."""
    hidden_size: int = ranged(256, least=1)
    """Width; with four layers 3 M parameters, which two CPU cores sample at some 3,500 tokens/s."""
    intermediate_size: int = ranged(640, least=1)
    """Width of the feed-forward layers: of all experts that a token goes through together, where
    there are some, so that a token meets as many parameters in any architecture."""
    layers: int = ranged(4, least=1)
    heads: int = ranged(4, least=1)
    """Attention heads, each with keys and values of its own."""
    experts: int = ranged(16, least=4)
    """Routed experts of a layer, where the architecture has some."""
    experts_per_token: int = ranged(4, least=2)
    """Experts that a token goes through; of deepseek_v3 the shared one is among them."""
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
    if config.architecture is Architecture.qwen2:
        _check_dense(config)
    else:
        _check_experts(config)
    if config.warmup_steps > config.steps:
        raise ConfigError(
            f"model.local.warmup_steps={config.warmup_steps}: more than model.local.steps="
            f"{config.steps}; nearest valid: {config.steps}"
        )


def _check_dense(config: LocalPolicyConfig) -> None:
    usual = LocalPolicyConfig()
    for name in ("experts", "experts_per_token"):
        if (value := getattr(config, name)) != getattr(usual, name):
            raise ConfigError(
                f"model.local.{name}={value} has no effect with model.local.architecture=qwen2; "
                f"nearest valid: model.local.architecture=qwen3_moe, or model.local.{name}="
                f"{getattr(usual, name)}"
            )


def _check_experts(config: LocalPolicyConfig) -> None:
    chosen, most = config.experts_per_token, config.experts
    if chosen > most:
        raise ConfigError(
            f"model.local.experts_per_token={chosen}: must be at most model.local.experts={most}; "
            f"nearest valid: {most}"
        )
    if config.intermediate_size % chosen:
        nearest = max(1, round(config.intermediate_size / chosen)) * chosen
        raise ConfigError(
            f"model.local.intermediate_size={config.intermediate_size}: must be the width of "
            f"model.local.experts_per_token={chosen} experts together; nearest valid: {nearest}"
        )
    # In blocks of it vLLM's kernels of experts go through a row on CPUs.
    if config.hidden_size % _BLOCK:
        raise ConfigError(
            f"model.local.hidden_size={config.hidden_size}: must be a multiple of {_BLOCK} with "
            f"model.local.architecture={config.architecture}; nearest valid: "
            f"{max(1, round(config.hidden_size / _BLOCK)) * _BLOCK}"
        )
    if config.architecture is Architecture.deepseek_v3 and config.layers == 1:
        raise ConfigError(
            "model.local.layers=1: the first layer of model.local.architecture=deepseek_v3 has no "
            "experts; nearest valid: 2"
        )
