"""Settings that a doc once showed under another name: an old one is an error that names the new."""

from collections.abc import Mapping
from types import MappingProxyType

_ALGORITHM: Mapping[str, str] = MappingProxyType(
    {
        "aggregation": "loss.aggregation",
        "ratio": "loss.ratio",
        "entropy_coefficient": "loss.entropy_coefficient",
        "clip_low": "clip.low",
        "clip_high": "clip.high",
        "dual_clip": "clip.dual",
        "sapo_tau_positive": "clip.tau_positive",
        "sapo_tau_negative": "clip.tau_negative",
        "std_floor": "advantage.std_floor",
        "pass_k": "advantage.k",
        "difficulty_source": "advantage.difficulty_source",
        "difficulty_edges": "advantage.difficulty_edges",
        "whiten_advantages": "advantage.whiten",
        "gamma": "advantage.gamma",
        "gae_lambda": "advantage.gae_lambda",
        "kl_coefficient": "kl.coefficient",
        "kl_estimator": "kl.estimator",
        "kl_placement": "kl.placement",
        "kl_target": "kl.target",
        "weight_level": "off_policy.weight_level",
        "weight_rule": "off_policy.weight_rule",
        "weight_cap": "off_policy.weight_cap",
        "weight_mask_low": "off_policy.weight_mask_low",
        "weight_mask_high": "off_policy.weight_mask_high",
        "overlong_mask": "length.overlong_mask",
        "overlong_penalty": "length.overlong_penalty",
        "overlong_buffer": "length.overlong_buffer",
        "length_penalty": "length.penalty",
        "length_penalty_coefficient": "length.penalty_coefficient",
        "value_clip": "critic.value_clip",
        "critic_learning_rate": "critic.learning_rate",
    }
)

RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "loop.groups_per_message": "loop.groups_per_call",
        "loop.adaptive_staleness": "loop.max_staleness",
    }
    | {f"algorithm.{old}": f"algorithm.{new}" for old, new in _ALGORITHM.items()}
)
"""By the old path of a setting, the new one."""

RENAMED_VALUES: Mapping[str, str] = MappingProxyType({"algorithm.loss.name=none": "unclipped"})
"""By a setting with its old value, the new one."""
