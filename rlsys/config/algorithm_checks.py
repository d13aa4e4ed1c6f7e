"""Which choices of the `algorithm:` section go together."""

from enum import Enum
from itertools import pairwise

from rlsys import entry_points
from rlsys.config.algorithm import (
    BEYOND_GROUPS,
    ESTIMATOR_GROUP,
    ESTIMATORS,
    LOSS_GROUP,
    LOSSES,
    AlgorithmConfig,
    KlEstimator,
    KlPlacement,
    OffPolicy,
    Ratio,
    WeightLevel,
    WeightRule,
    is_per_token,
)
from rlsys.errors import ConfigError, instead


def validate(config: AlgorithmConfig) -> None:
    """Raise ConfigError on the first pair of settings that does not fit together.

    What plug-in files bring is not known here, and of packages no more than the names;
    rlsys/algorithms/settings.py checks it.
    """
    _check_names(config)
    _check_clip(config)
    _check_kl(config)
    _check_weights(config)
    _check_advantage(config)


def fail(name: str, value: object, reason: str, nearest: str) -> None:
    """Raise the ConfigError of a setting, by its path below `algorithm`."""
    shown = value.name if isinstance(value, Enum) else value
    raise ConfigError(f"algorithm.{name}={shown}: {reason}; nearest valid: {nearest}")


def _check_names(config: AlgorithmConfig) -> None:
    if config.plugins:
        return
    for path, kind, name, built_in, group in (
        ("loss.name", "loss", config.loss.name, LOSSES, LOSS_GROUP),
        (
            "advantage.estimator",
            "estimator",
            config.advantage.estimator,
            ESTIMATORS,
            ESTIMATOR_GROUP,
        ),
    ):
        if name in built_in:
            continue
        names = [*built_in, *entry_points.names_in(group)]
        if name not in names:
            raise ConfigError(f"algorithm.{path}: no {kind} {name!r}{instead(name, names)}")


def _check_clip(config: AlgorithmConfig) -> None:
    loss, clip = config.loss, config.clip
    high = 1 + clip.high
    if loss.name == "dppo_mask":
        if loss.ratio is Ratio.sequence:
            reason = "loss.name=dppo_mask compares probabilities token by token"
            fail("loss.ratio", loss.ratio, reason, "token")
        for name, value in (("clip.low", clip.low), ("clip.high", clip.high)):
            if value > 1:
                fail(name, value, "a probability moves by 1 at most", "0.15")
    if clip.dual:
        if loss.name != "ppo_clip":
            reason = f"only loss.name=ppo_clip has a dual clip, not {loss.name}"
            fail("clip.dual", clip.dual, reason, "0")
        if clip.dual <= high:
            reason = f"must lie above the upper clip bound {high:g}"
            fail("clip.dual", clip.dual, reason, f"{max(3.0, high + 1):g}")


def _check_kl(config: AlgorithmConfig) -> None:
    kl = config.kl
    if kl.target and not kl.coefficient:
        reason = "an adaptive coefficient needs algorithm.kl.coefficient above 0 to start from"
        fail("kl.target", kl.target, reason, "0, or kl.coefficient=0.001")
    per_token = is_per_token(config.advantage.estimator)
    if kl.target and kl.placement is KlPlacement.reward and not per_token:
        reason = "an adaptive penalty in the reward needs advantages per token"
        fail("kl.target", kl.target, reason, "0, or advantage.estimator=token_returns")
    if not kl.coefficient:
        return
    unbiased = kl.estimator.name.endswith("_unbiased")
    if kl.placement is KlPlacement.loss and kl.estimator is KlEstimator.k1:
        reason = "as a loss its gradient does not depend on the reference (it averages to zero)"
        fail("kl.estimator", kl.estimator, reason, "k1_unbiased, k2 or k3")
    if kl.placement is KlPlacement.reward and unbiased:
        reason = "a reward has no gradient to correct"
        fail("kl.estimator", kl.estimator, reason, kl.estimator.name.removesuffix("_unbiased"))


def _check_weights(config: AlgorithmConfig) -> None:
    loss, off_policy = config.loss, config.off_policy
    rule, level, cap = off_policy.weight_rule, off_policy.weight_level, off_policy.weight_cap
    truncates = rule in (WeightRule.truncate, WeightRule.both)
    if rule is WeightRule.both and off_policy.weight_mask_high <= cap:
        reason = f"weights above it are masked, so weight_cap={cap:g} would never act"
        fail("off_policy.weight_mask_high", off_policy.weight_mask_high, reason, f"{2 * cap:g}")
    if off_policy.mode is not OffPolicy.bypass or rule is WeightRule.metrics_only:
        return
    # With bypass the ratio itself is the importance weight, so both bounds act on one number.
    if loss.ratio is Ratio.sequence and level is WeightLevel.token:
        reason = "with off_policy.mode=bypass and loss.ratio=sequence it is the completion's ratio"
        fail("off_policy.weight_level", level, reason, "geometric")
    same_level = loss.ratio is Ratio.token and level is WeightLevel.token
    if not (truncates and same_level):
        return
    high = 1 + config.clip.high
    if loss.name in ("ppo_clip", "cispo") and cap <= high:
        reason = f"ratios are truncated before the upper clip bound {high:g}, which never acts"
        nearest = f"{high + 1:g}, or off_policy.weight_rule=metrics_only"
        fail("off_policy.weight_cap", cap, reason, nearest)
    dual = config.clip.dual
    if dual >= cap:
        reason = f"ratios are truncated before clip.dual={dual:g}, which never acts"
        fail("off_policy.weight_cap", cap, reason, f"{dual + 1:g}, or clip.dual=0")


def _check_advantage(config: AlgorithmConfig) -> None:
    estimator = config.advantage.estimator
    if config.drop_no_signal and estimator in BEYOND_GROUPS:
        reason = f"under advantage.estimator={estimator} a group of equal rewards carries a signal"
        fail("drop_no_signal", config.drop_no_signal, reason, "false")
    edges = config.advantage.difficulty_edges
    if any(b <= a for a, b in pairwise(edges)):
        fail("advantage.difficulty_edges", edges, "must increase", str(sorted(set(edges))))
