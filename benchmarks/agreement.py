"""Agreement of rlsys/algorithms with verl's core_algos on one random batch, in float64.

    pip install --no-deps verl==0.9.1 tensordict pyvers hydra-core codetiming orjson
    PYTHONPATH=. python benchmarks/agreement.py

Prints the largest absolute difference of each value and gradient; the last line is one JSON object.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from verl.trainer.config import AlgoConfig
from verl.trainer.ppo import core_algos as verl
from verl.workers.config import ActorConfig

from rlsys.algorithms.advantages import sequence_advantages
from rlsys.algorithms.aggregation import sequence_weights
from rlsys.algorithms.gae import clipped_value_loss, gae, moments, whiten
from rlsys.algorithms.kl import kl_estimate
from rlsys.algorithms.losses import LossInputs, policy_loss
from rlsys.algorithms.registry import Registry
from rlsys.config.algorithm import (
    AdvantageConfig,
    Aggregation,
    AlgorithmConfig,
    ClipConfig,
    KlConfig,
    KlEstimator,
    LossConfig,
    OffPolicyConfig,
    Ratio,
    WeightRule,
)

GROUPS, SIZE, LONGEST = 6, 8, 40
ON_POLICY_KL_FREE = AlgorithmConfig(
    kl=KlConfig(coefficient=0.0), off_policy=OffPolicyConfig(weight_rule=WeightRule.metrics_only)
)
MODES = {
    Aggregation.sequence_mean: "seq-mean-token-mean",
    Aggregation.token_mean: "token-mean",
    Aggregation.constant: "seq-mean-token-sum-norm",
    Aggregation.token_sum_over_group: "seq-mean-token-sum",
}


class Batch:
    """Random logprobs, rewards and lengths, with some tokens far outside every clip."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        shape = (GROUPS * SIZE, LONGEST)
        self.groups = np.repeat(np.arange(GROUPS), SIZE)
        self.lengths = rng.integers(1, LONGEST + 1, shape[0])
        self.mask = torch.arange(LONGEST)[None, :] < torch.from_numpy(self.lengths)[:, None]
        self.rewards = rng.integers(0, 2, shape[0]).astype(np.float64)
        self.rollout = torch.from_numpy(-rng.exponential(1.0, shape))
        self.policy = (self.rollout + torch.from_numpy(rng.normal(0, 0.5, shape))).clamp(max=-1e-3)
        self.advantages = torch.from_numpy(rng.normal(size=(shape[0], 1))).expand(shape)
        self.values = torch.from_numpy(rng.normal(size=shape))


def surrogates() -> Iterator[tuple[str, AlgorithmConfig, float]]:
    """verl's name of a loss, our config of it, and verl's clip_ratio_c."""

    def ours(loss: LossConfig, clip: ClipConfig) -> AlgorithmConfig:
        return replace(ON_POLICY_KL_FREE, loss=loss, clip=clip)

    usual = ClipConfig(low=0.2, high=0.28)
    yield "vanilla", ours(LossConfig(), replace(usual, dual=3.0)), 3.0
    narrow = ClipConfig(low=0.02, high=0.03)
    yield "gspo", ours(LossConfig(ratio=Ratio.sequence), narrow), 3.0
    yield "cispo", ours(LossConfig("cispo"), usual), 3.0
    yield "sapo", ours(LossConfig("sapo"), usual), 3.0
    # verl truncates DPPO's ratio at clip_ratio_c as well; out of reach here.
    yield "dppo_tv", ours(LossConfig("dppo_mask"), ClipConfig(low=0.1, high=0.15)), 1e9


def compare_policy_losses(batch: Batch) -> dict[str, float]:
    """Largest difference of the losses and of their gradients, by surrogate and denominator."""
    out = {}
    for name, config, dual in surrogates():
        for aggregation, mode in MODES.items():
            # verl's GSPO and SAPO know one denominator only.
            if name in ("gspo", "sapo") and aggregation is not Aggregation.sequence_mean:
                continue
            own = replace(config, loss=replace(config.loss, aggregation=aggregation))
            out[f"{name}, {mode}"] = _policy_loss_difference(batch, name, own, mode, dual)
    return out


def _policy_loss_difference(
    batch: Batch, name: str, config: AlgorithmConfig, mode: str, dual: float
) -> float:
    ours, theirs = batch.policy.clone().requires_grad_(), batch.policy.clone().requires_grad_()
    weights = sequence_weights(batch.lengths, batch.groups, config.loss.aggregation, LONGEST)
    inputs = LossInputs(
        policy_logprobs=ours,
        rollout_logprobs=batch.rollout,
        proximal_logprobs=None,
        reference_logprobs=None,
        advantages=batch.advantages,
        mask=batch.mask,
        weights=torch.from_numpy(weights),
        entropy=None,
    )
    actor = ActorConfig(
        strategy="fsdp",
        rollout_n=SIZE,
        use_dynamic_bsz=True,
        clip_ratio_low=config.clip.low,
        clip_ratio_high=config.clip.high,
        clip_ratio_c=dual,
        tau_pos=config.clip.tau_positive,
        tau_neg=config.clip.tau_negative,
    )
    loss = policy_loss(inputs, Registry().loss_of(config), config).loss
    expected, _ = verl.get_policy_loss_fn(name)(
        batch.rollout, theirs, batch.advantages, batch.mask.double(), mode, actor
    )
    loss.backward()
    expected.backward()
    if config.loss.name == "dppo_mask":
        # verl writes sg(r) log pi where we write r: another value, the same gradient.
        expected = loss
    return max(_difference(loss, expected), _difference(ours.grad, theirs.grad))


def compare_advantages(batch: Batch) -> dict[str, float]:
    """Largest difference of the advantages, by estimator."""
    scores = torch.zeros_like(batch.rollout)
    scores[:, 0] = torch.from_numpy(batch.rewards)
    mask = batch.mask.double()

    def estimate(kind: str) -> Tensor:
        config = AlgorithmConfig(advantage=AdvantageConfig(kind, std_floor=1e-12))
        columns = {"rewards": batch.rewards, "groups": batch.groups}
        ours = sequence_advantages(Registry().estimator_of(config), columns)
        return torch.from_numpy(ours)[:, None] * mask

    def grpo(by_std: bool) -> Tensor:
        advantages: Tensor = verl.compute_grpo_outcome_advantage(
            scores, mask, batch.groups, epsilon=0.0, norm_adv_by_std_in_grpo=by_std
        )[0]
        return advantages

    rloo = verl.compute_rloo_outcome_advantage(scores, mask, batch.groups)[0]
    # verl whitens over tokens; over one token per answer that is our statistic over answers.
    first = torch.zeros_like(mask)
    first[:, 0] = 1.0
    normed = verl.compute_reinforce_plus_plus_baseline_outcome_advantage(
        scores.clone(), first, batch.groups
    )[0]
    rewards = torch.where(batch.mask, torch.randn_like(batch.values), 0.0)
    ours_gae = gae(rewards, batch.values, batch.mask, 0.99, 0.95)
    _, their_returns = verl.compute_gae_advantage_return(rewards, batch.values, mask, 0.99, 0.95)
    to_come = gae(rewards, torch.zeros_like(rewards), batch.mask, 0.99, 1.0)[0]
    whitened = whiten(to_come, batch.mask, moments(to_come, batch.mask), 1e-12)
    plus_plus = verl.compute_reinforce_plus_plus_outcome_advantage(
        rewards, mask, config=AlgoConfig(gamma=0.99)
    )[0]
    return {
        "token_returns, whitened": _difference(whitened, plus_plus * mask),
        "group_zscore": _difference(estimate("group_zscore"), grpo(True)),
        "group_mean": _difference(estimate("group_mean"), grpo(False)),
        "leave_one_out": _difference(estimate("leave_one_out"), rloo),
        "batch_norm_group_baseline": _difference(
            estimate("batch_norm_group_baseline")[:, 0], normed[:, 0]
        ),
        "gae returns": _difference(ours_gae[1] * mask, their_returns * mask),
    }


def compare_kl_and_values(batch: Batch) -> dict[str, float]:
    """Largest difference of the KL estimates and of the clipped value loss."""
    out = {
        name: _difference(
            kl_estimate(batch.policy, batch.rollout, KlEstimator[name]),
            verl.kl_penalty(batch.policy, batch.rollout, name),
        )
        for name in ("k1", "k2", "k3")
    }
    weights = torch.full((GROUPS * SIZE,), 1.0 / batch.lengths.sum(), dtype=torch.float64)
    returns = batch.values + 0.3 * batch.advantages
    ours = clipped_value_loss(batch.policy, batch.values, returns, batch.mask, weights, 0.2)
    theirs, _ = verl.compute_value_loss(batch.policy, returns, batch.values, batch.mask, 0.2)
    return {**out, "value loss": _difference(ours.loss, theirs)}


def _difference(ours: Tensor | None, theirs: Tensor | None) -> float:
    if ours is None or theirs is None:
        return float("inf")
    return float((ours - theirs).abs().max().detach())


def main() -> None:
    batch = Batch(seed=0)
    torch.manual_seed(0)
    parts: list[Callable[[Batch], dict[str, float]]] = [
        compare_advantages,
        compare_policy_losses,
        compare_kl_and_values,
    ]
    differences = {k: v for part in parts for k, v in part(batch).items()}
    for name, value in differences.items():
        print(f"{name:<36} {value:.1e}")
    print(json.dumps({"largest_difference": max(differences.values()), "cases": differences}))


if __name__ == "__main__":
    main()
