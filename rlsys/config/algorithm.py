"""The `algorithm:` section: orthogonal choices from which each named algorithm is put together.

A preset (configs/algorithms/NAME.yaml) holds the few settings in which an algorithm differs from
the defaults here, which are GRPO's. docs/algorithms.md has the equations and the papers.
"""

from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from rlsys.config.ranges import KEY, Range, ranged
from rlsys.errors import ConfigError


class Advantage(Enum):
    """How rewards become advantages."""

    group_zscore = "group_zscore"
    group_mean = "group_mean"
    leave_one_out = "leave_one_out"
    batch_norm = "batch_norm"
    batch_norm_group_baseline = "batch_norm_group_baseline"
    difficulty = "difficulty"
    pass_at_k = "pass_at_k"
    max_rl = "max_rl"
    token_returns = "token_returns"
    gae = "gae"


BEYOND_GROUPS = (
    Advantage.batch_norm,
    Advantage.difficulty,
    Advantage.token_returns,
    Advantage.gae,
)
"""Estimators that compare a group's completions with other groups', too: a group of equal rewards
then carries a signal."""


class DifficultySource(Enum):
    """What a row's difficulty is read from."""

    solve_rate = "solve_rate"
    data = "data"


class Aggregation(Enum):
    """What the sum of token losses is divided by."""

    sequence_mean = "sequence_mean"
    token_mean = "token_mean"
    group_token_mean = "group_token_mean"
    token_sum_over_group = "token_sum_over_group"
    constant = "constant"


class Ratio(Enum):
    """Whether each token has its own importance ratio or all tokens of a completion share one."""

    token = "token"
    sequence = "sequence"


class Clip(Enum):
    """What keeps the policy near the one that sampled."""

    ppo_clip = "ppo_clip"
    cispo = "cispo"
    dppo_mask = "dppo_mask"
    sapo = "sapo"
    none = "none"


class KlEstimator(Enum):
    """Estimator of KL(policy || reference) from one sampled token."""

    k1 = "k1"
    k2 = "k2"
    k3 = "k3"
    k1_unbiased = "k1_unbiased"
    k2_unbiased = "k2_unbiased"
    k3_unbiased = "k3_unbiased"


class KlPlacement(Enum):
    """Where the KL penalty acts."""

    loss = "loss"
    reward = "reward"


class OffPolicy(Enum):
    """Which policy the ratio is taken to, when data come from an older one."""

    bypass = "bypass"
    decoupled_recompute = "decoupled_recompute"
    decoupled_interpolate = "decoupled_interpolate"


class WeightLevel(Enum):
    """Over what an importance weight is taken."""

    token = "token"
    sequence = "sequence"
    geometric = "geometric"


class WeightRule(Enum):
    """What happens to importance weights that are too large or too small."""

    truncate = "truncate"
    mask = "mask"
    both = "both"
    metrics_only = "metrics_only"


class LengthPenalty(Enum):
    """Reward shaping by completion length."""

    none = "none"
    group_relative = "group_relative"
    difficulty_aware = "difficulty_aware"


@dataclass
class AlgorithmConfig:
    """What is learned from a batch, and how. The defaults are GRPO."""

    preset: str = "grpo"
    """Name of a file in configs/algorithms, applied before the run's own settings."""

    advantage: Advantage = Advantage.group_zscore
    """Estimator of the advantages; gae starts a critic."""
    std_floor: float = ranged(1e-4, least=1e-12, most=1)
    """Reward units. Divisors smaller than this are replaced by it, so that differences by
    rounding alone do not become advantages; verdicts in [0, 1] never come near it."""
    pass_k: int = ranged(4, least=1)
    """k of advantage=pass_at_k; at most the group size."""
    difficulty_source: DifficultySource = DifficultySource.solve_rate
    """For advantage=difficulty: the group's mean reward, which every data set has, or the data's
    difficulty column."""
    difficulty_edges: list[float] = field(
        default_factory=lambda: [0.25, 0.5, 0.75], metadata={KEY: Range()}
    )
    """Inner edges of the buckets, increasing, in the source's unit; quarters of a solve rate."""
    whiten_advantages: bool = True
    """Only for advantage=gae and token_returns: mean 0 and standard deviation 1 over the batch's
    tokens."""

    aggregation: Aggregation = Aggregation.sequence_mean
    """Denominator of the loss."""

    ratio: Ratio = Ratio.token
    """Level of the importance ratio; sequence is GSPO's."""
    clip: Clip = Clip.ppo_clip
    """Trust region; clip_low and clip_high are its bounds."""
    clip_low: float = ranged(0.2, least=0)
    """ppo_clip, cispo: ratios below 1 - clip_low are clipped (1 or more: none are).
    dppo_mask: largest fall of a token's probability."""
    clip_high: float = ranged(0.2, least=0)
    """ppo_clip, cispo: ratios above 1 + clip_high are clipped.
    dppo_mask: largest rise of a token's probability."""
    dual_clip: float = ranged(0.0, least=0)
    """Ratio beyond which tokens of negative advantage get no gradient; 0: off. 3.0 is usual."""
    sapo_tau_positive: float = ranged(1.0, least=1e-3)
    """Temperature of SAPO's gate for positive advantages."""
    sapo_tau_negative: float = ranged(1.05, least=1e-3)
    """The same for negative ones; larger, so that they fade sooner, as in the paper."""

    kl_estimator: KlEstimator = KlEstimator.k3
    """Of KL(policy || reference)."""
    kl_coefficient: float = ranged(0.001, least=0)
    """Per nat; 0: no KL term, and no reference worker is started. DeepSeek-R1's value."""
    kl_placement: KlPlacement = KlPlacement.loss
    """A term of the loss, or subtracted from the reward before the advantages."""
    kl_target: float = ranged(0.0, least=0)
    """Mean nats per token that an adaptive coefficient steers to; 0: the coefficient is fixed."""

    off_policy: OffPolicy = OffPolicy.bypass
    """bypass: the ratio is taken to the sampler's own logprobs, which costs nothing. decoupled_*:
    to a proximal policy, recomputed or interpolated, with importance weights on top."""
    weight_level: WeightLevel = WeightLevel.token
    """Importance weight per token, product over the completion, or geometric mean over it."""
    weight_rule: WeightRule = WeightRule.truncate
    """metrics_only measures and reports the weights without using them."""
    weight_cap: float = ranged(2.0, least=1)
    """Weights are truncated here (truncate, both): bounds the variance at little bias."""
    weight_mask_low: float = ranged(0.5, least=0, most=1)
    """Tokens or completions of a smaller weight are masked (mask, both)."""
    weight_mask_high: float = ranged(5.0, least=1)
    """Tokens or completions of a larger weight are masked (mask, both)."""

    drop_no_signal: bool = False
    """Replace groups whose rewards are all equal by fresh ones (dynamic sampling)."""
    overlong_mask: bool = False
    """Completions cut off at the token limit take no part in the loss."""
    overlong_penalty: float = ranged(0.0, least=0)
    """Reward units taken from a completion that reaches the token limit; 0: off."""
    overlong_buffer: float = ranged(0.2, least=1e-6, most=1)
    """Share of the token limit, at its end, over which that penalty grows from 0 to full."""
    length_penalty: LengthPenalty = LengthPenalty.none
    """Shaping by length among a prompt's completions."""
    length_penalty_coefficient: float = ranged(0.1, least=0)
    """Reward units of the full length penalty: small beside a verdict."""

    entropy_coefficient: float = ranged(0.0, least=0)
    """Weight of the entropy bonus, per nat; needs gradients through the entropy when not 0."""

    gamma: float = ranged(1.0, least=0, most=1)
    """Discount per token; the reward comes at the end, so 1 keeps it whole."""
    gae_lambda: float = ranged(1.0, least=0, most=1)
    """1: Monte Carlo returns less the value, which keeps a long completion's reward undecayed."""
    value_clip: float = ranged(0.2, least=0)
    """How far a value may move in one step before its loss is clipped; 0: no clipping."""
    critic_learning_rate: float = ranged(1e-5, least=0)
    """Ten times a usual policy learning rate: the critic's head starts from nothing."""


def validate(config: AlgorithmConfig) -> None:
    """Raise ConfigError on the first pair of settings that does not fit together."""
    _check_clip(config)
    _check_kl(config)
    _check_weights(config)
    _check_advantage(config)


def _fail(name: str, value: object, reason: str, nearest: str) -> None:
    shown = value.name if isinstance(value, Enum) else value
    raise ConfigError(f"algorithm.{name}={shown}: {reason}; nearest valid: {nearest}")


def _check_clip(config: AlgorithmConfig) -> None:
    high = 1 + config.clip_high
    if config.clip is Clip.dppo_mask:
        if config.ratio is Ratio.sequence:
            reason = "clip=dppo_mask compares probabilities token by token"
            _fail("ratio", config.ratio, reason, "token")
        for name, value in (("clip_low", config.clip_low), ("clip_high", config.clip_high)):
            if value > 1:
                _fail(name, value, "a probability moves by 1 at most", "0.15")
    if config.dual_clip:
        if config.clip is not Clip.ppo_clip:
            reason = f"only clip=ppo_clip has a dual clip, not {config.clip.name}"
            _fail("dual_clip", config.dual_clip, reason, "0")
        if config.dual_clip <= high:
            reason = f"must lie above the upper clip bound {high:g}"
            _fail("dual_clip", config.dual_clip, reason, f"{max(3.0, high + 1):g}")


def _check_kl(config: AlgorithmConfig) -> None:
    if config.kl_target and not config.kl_coefficient:
        reason = "an adaptive coefficient needs algorithm.kl_coefficient above 0 to start from"
        _fail("kl_target", config.kl_target, reason, "0, or kl_coefficient=0.001")
    per_token = config.advantage in (Advantage.gae, Advantage.token_returns)
    if config.kl_target and config.kl_placement is KlPlacement.reward and not per_token:
        reason = "an adaptive penalty in the reward needs advantages per token"
        _fail("kl_target", config.kl_target, reason, "0, or advantage=token_returns")
    if not config.kl_coefficient:
        return
    unbiased = config.kl_estimator.name.endswith("_unbiased")
    if config.kl_placement is KlPlacement.loss and config.kl_estimator is KlEstimator.k1:
        reason = "as a loss its gradient does not depend on the reference (it averages to zero)"
        _fail("kl_estimator", config.kl_estimator, reason, "k1_unbiased, k2 or k3")
    if config.kl_placement is KlPlacement.reward and unbiased:
        reason = "a reward has no gradient to correct"
        plain = config.kl_estimator.name.removesuffix("_unbiased")
        _fail("kl_estimator", config.kl_estimator, reason, plain)


def _check_weights(config: AlgorithmConfig) -> None:
    rule, cap = config.weight_rule, config.weight_cap
    truncates = rule in (WeightRule.truncate, WeightRule.both)
    if rule is WeightRule.both and config.weight_mask_high <= cap:
        reason = f"weights above it are masked, so weight_cap={cap:g} would never act"
        _fail("weight_mask_high", config.weight_mask_high, reason, f"{2 * cap:g}")
    if config.off_policy is not OffPolicy.bypass or rule is WeightRule.metrics_only:
        return
    # With bypass the ratio itself is the importance weight, so both bounds act on one number.
    if config.ratio is Ratio.sequence and config.weight_level is WeightLevel.token:
        reason = "with off_policy=bypass and ratio=sequence the weight is the completion's ratio"
        _fail("weight_level", config.weight_level, reason, "geometric")
    same_level = config.ratio is Ratio.token and config.weight_level is WeightLevel.token
    if not (truncates and same_level):
        return
    high = 1 + config.clip_high
    if config.clip in (Clip.ppo_clip, Clip.cispo) and cap <= high:
        reason = f"ratios are truncated before the upper clip bound {high:g}, which never acts"
        _fail("weight_cap", cap, reason, f"{high + 1:g}, or weight_rule=metrics_only")
    if config.dual_clip >= cap:
        reason = f"ratios are truncated before dual_clip={config.dual_clip:g}, which never acts"
        _fail("weight_cap", cap, reason, f"{config.dual_clip + 1:g}, or dual_clip=0")


def _check_advantage(config: AlgorithmConfig) -> None:
    if config.drop_no_signal and config.advantage in BEYOND_GROUPS:
        reason = (
            f"under advantage={config.advantage.name} a group of equal rewards carries a signal"
        )
        _fail("drop_no_signal", config.drop_no_signal, reason, "false")
    edges = config.difficulty_edges
    if any(b <= a for a, b in pairwise(edges)):
        _fail("difficulty_edges", edges, "must increase", str(sorted(set(edges))))
