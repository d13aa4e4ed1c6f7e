"""The `algorithm:` section: a choice a part, from which each named algorithm is put together.

    advantage    how rewards become advantages
    loss, clip   what a token's loss is, what divides the sum, and what bounds a step
    kl           the pull to the reference
    off_policy   what is done about data of an older policy
    length       which completions take part, and what their length costs
    critic       the value model of advantage.estimator=gae

A preset (configs/algorithms/NAME.yaml) holds the few settings in which an algorithm differs from
the defaults here, which are GRPO's. docs/algorithms.md has the equations and the papers. A loss or
an estimator may be a user's own: `plugins` names the files, an installed package has entry points
(rlsys/algorithms/registry.py).
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from rlsys.config.ranges import KEY, Range, ranged

TOKEN_ESTIMATORS = ("gae", "token_returns")
"""Those with an advantage for each token, which the learner makes (learning/token_advantages.py);
so is their KL penalty in the reward."""
ESTIMATORS = (
    "batch_norm",
    "batch_norm_group_baseline",
    "difficulty",
    "group_mean",
    "group_zscore",
    "leave_one_out",
    "max_rl",
    "pass_at_k",
    *TOKEN_ESTIMATORS,
)
"""Built in; algorithms/advantages.py has the functions."""
BEYOND_GROUPS = ("batch_norm", "difficulty", *TOKEN_ESTIMATORS)
"""Those that compare a group's completions with other groups', too: a group of equal rewards then
carries a signal."""
LOSSES = ("cispo", "dppo_mask", "ppo_clip", "sapo", "unclipped")
"""Built in; algorithms/clipping.py has the functions."""
LOSS_GROUP, ESTIMATOR_GROUP = "rlsys.losses", "rlsys.advantages"
"""The entry points by which installed packages bring others."""


def is_per_token(estimator: str) -> bool:
    """Whether the advantages of an estimator differ from token to token of one completion."""
    return estimator in TOKEN_ESTIMATORS


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
class AdvantageConfig:
    """How rewards become advantages."""

    estimator: str = "group_zscore"
    """`rlsys algorithms list` has them, those of plug-in files too; gae starts a critic."""
    options: dict[str, Any] = field(default_factory=dict)
    """Of an estimator from a plug-in file: its keyword-only parameters."""
    std_floor: float = ranged(1e-4, least=1e-12, most=1)
    """Reward units. Divisors smaller than this are replaced by it, so that differences by
    rounding alone do not become advantages; verdicts in [0, 1] never come near it."""
    k: int = ranged(4, least=1)
    """Of estimator=pass_at_k; at most the group size."""
    difficulty_source: DifficultySource = DifficultySource.solve_rate
    """For estimator=difficulty: the group's mean reward, which every data set has, or the data's
    difficulty column."""
    difficulty_edges: list[float] = field(
        default_factory=lambda: [0.25, 0.5, 0.75], metadata={KEY: Range()}
    )
    """Inner edges of the buckets, increasing, in the source's unit; quarters of a solve rate."""
    whiten: bool = True
    """Only for estimator=gae and token_returns: mean 0 and standard deviation 1 over the batch's
    tokens."""
    gamma: float = ranged(1.0, least=0, most=1)
    """Discount per token, of the same; the reward comes at the end, so 1 keeps it whole."""
    gae_lambda: float = ranged(1.0, least=0, most=1)
    """1: Monte Carlo returns less the value, which keeps a long completion's reward undecayed."""


@dataclass
class LossConfig:
    """What a token's loss is, and what the sum of them is divided by."""

    name: str = "ppo_clip"
    """`rlsys algorithms list` has them, those of plug-in files too; `clip` has their bounds."""
    options: dict[str, Any] = field(default_factory=dict)
    """Of a loss from a plug-in file: its keyword-only parameters."""
    ratio: Ratio = Ratio.token
    """Level of the importance ratio; sequence is GSPO's."""
    aggregation: Aggregation = Aggregation.sequence_mean
    """Denominator of the loss."""
    entropy_coefficient: float = ranged(0.0, least=0)
    """Weight of the entropy bonus, per nat; needs gradients through the entropy when not 0."""


@dataclass
class ClipConfig:
    """The bounds of the loss: what keeps the policy near the one that sampled."""

    low: float = ranged(0.2, least=0)
    """ppo_clip, cispo: ratios below 1 - low are clipped (1 or more: none are).
    dppo_mask: largest fall of a token's probability."""
    high: float = ranged(0.2, least=0)
    """ppo_clip, cispo: ratios above 1 + high are clipped.
    dppo_mask: largest rise of a token's probability."""
    dual: float = ranged(0.0, least=0)
    """ppo_clip: ratio beyond which tokens of negative advantage get no gradient; 0: off. 3.0 is
    usual."""
    tau_positive: float = ranged(1.0, least=1e-3)
    """sapo: temperature of the gate for positive advantages."""
    tau_negative: float = ranged(1.05, least=1e-3)
    """The same for negative ones; larger, so that they fade sooner, as in the paper."""


@dataclass
class KlConfig:
    """The pull to the frozen reference."""

    coefficient: float = ranged(0.001, least=0)
    """Per nat; 0: no KL term, and no reference worker is started for it. DeepSeek-R1's value."""
    estimator: KlEstimator = KlEstimator.k3
    """Of KL(policy || reference)."""
    placement: KlPlacement = KlPlacement.loss
    """A term of the loss, or subtracted from the reward before the advantages."""
    target: float = ranged(0.0, least=0)
    """Mean nats per token that an adaptive coefficient steers to; 0: the coefficient is fixed."""


@dataclass
class OffPolicyConfig:
    """What is done about completions that an older policy, or another sampler, sampled."""

    mode: OffPolicy = OffPolicy.bypass
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


@dataclass
class LengthConfig:
    """Which completions take part, and what their length costs."""

    overlong_mask: bool = False
    """Completions cut off at the token limit take no part in the loss."""
    overlong_penalty: float = ranged(0.0, least=0)
    """Reward units taken from a completion that reaches the token limit; 0: off."""
    overlong_buffer: float = ranged(0.2, least=1e-6, most=1)
    """Share of the token limit, at its end, over which that penalty grows from 0 to full."""
    penalty: LengthPenalty = LengthPenalty.none
    """Shaping by length among a prompt's completions."""
    penalty_coefficient: float = ranged(0.1, least=0)
    """Reward units of the full length penalty: small beside a verdict."""


@dataclass
class CriticConfig:
    """The value model of advantage.estimator=gae."""

    learning_rate: float = ranged(1e-5, least=0)
    """Ten times a usual policy learning rate: the critic's head starts from nothing."""
    value_clip: float = ranged(0.2, least=0)
    """How far a value may move in one step before its loss is clipped; 0: no clipping."""


@dataclass
class AlgorithmConfig:
    """What is learned from a batch, and how. The defaults are GRPO."""

    preset: str = "grpo"
    """Name of a file in configs/algorithms, or the path of a YAML file of your own, applied before
    the run's own settings."""
    plugins: list[str] = field(default_factory=list)
    """Python files with losses and advantage estimators of your own, relative to the working
    directory of the command; their text is sent to every learner rank, on every node."""
    advantage: AdvantageConfig = field(default_factory=AdvantageConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    clip: ClipConfig = field(default_factory=ClipConfig)
    kl: KlConfig = field(default_factory=KlConfig)
    off_policy: OffPolicyConfig = field(default_factory=OffPolicyConfig)
    length: LengthConfig = field(default_factory=LengthConfig)
    critic: CriticConfig = field(default_factory=CriticConfig)
    drop_no_signal: bool = False
    """Replace groups whose rewards are all equal by fresh ones (dynamic sampling)."""
