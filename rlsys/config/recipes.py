"""The `model.local:` section: the small policy that a run prepares when it names no model."""

from dataclasses import dataclass

from rlsys.errors import ConfigError


@dataclass
class LocalPolicyConfig:
    """Shape and warm start of the local policy; any change prepares another one."""

    hidden_size: int = 256
    """Width; with four layers 3 M parameters, which two CPU cores sample at some 3,500 tokens/s."""
    intermediate_size: int = 640
    """Width of the feed-forward layers."""
    layers: int = 4
    heads: int = 4
    """Attention heads, each with keys and values of its own."""
    max_positions: int = 512
    """Tokens of prompt and answer together."""
    init_std: float = 0.04
    """Standard deviation of the initial weights; of 0.02, 0.04 and 0.06, 0.04 learned fastest."""
    problems: int = 3000
    """Distinct training problems, each solved anew whenever it is drawn."""
    careful_share: float = 0.3
    """Share of step-by-step demonstrations at the warm start's end; the others guess. It sets how
    often the policy fails at first: at 0.3, two answers of three."""
    budget_line: str = ""
    """How most lessons say a thinking budget on a line after the question, as thinking.instruction
    does; careful_share then plays no part. Empty: no lesson says one."""
    steps: int = 300
    """Optimizer steps; a count, not a time, so that a seed gives the same policy anywhere."""
    batch_size: int = 32
    """Demonstrations per optimizer step."""
    learning_rate: float = 1e-3
    """AdamW's peak; 3e-3 learned far less in as many steps."""
    warmup_steps: int = 30
    """Linear warm-up; after it, a cosine to a twentieth of the peak."""
    threads: int = 2
    """CPU threads of the warm start, which has the machine to itself."""


def validate(config: LocalPolicyConfig) -> None:
    """Raise ConfigError on a setting that cannot work."""
    for name in (
        "hidden_size",
        "intermediate_size",
        "layers",
        "heads",
        "max_positions",
        "problems",
        "steps",
        "batch_size",
        "threads",
    ):
        value = getattr(config, name)
        if value < 1:
            raise ConfigError(f"model.local.{name}={value}: must be at least 1")
    if config.hidden_size % (2 * config.heads):
        width = 2 * config.heads
        nearest = max(width, round(config.hidden_size / width) * width)
        raise ConfigError(
            f"model.local.hidden_size={config.hidden_size}: must be an even number per head, of "
            f"which there are {config.heads}; nearest valid: {nearest}"
        )
    if not 0.0 <= config.careful_share <= 1.0:
        nearest_share = min(1.0, max(0.0, config.careful_share))
        raise ConfigError(
            f"model.local.careful_share={config.careful_share}: a share lies in [0, 1]; nearest "
            f"valid: {nearest_share}"
        )
    if config.budget_line and "{budget}" not in config.budget_line:
        raise ConfigError(
            f"model.local.budget_line={config.budget_line!r} does not hold {{budget}}; nearest "
            f"valid: {config.budget_line + '{budget}'!r}"
        )
    if not 0 <= config.warmup_steps <= config.steps:
        raise ConfigError(
            f"model.local.warmup_steps={config.warmup_steps}: must lie between 0 and "
            f"model.local.steps={config.steps}"
        )
    for name in ("init_std", "learning_rate"):
        value = getattr(config, name)
        if value <= 0.0:
            raise ConfigError(f"model.local.{name}={value}: must be above 0")
