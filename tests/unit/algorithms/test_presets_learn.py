"""Every preset, put together from its YAML, raises the reward of a tabular policy on stale data."""

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from rlsys.algorithms.advantages import sequence_advantages
from rlsys.algorithms.aggregation import sequence_weights
from rlsys.algorithms.gae import gae, moments, token_rewards, whiten
from rlsys.algorithms.losses import LossInputs, policy_loss
from rlsys.algorithms.registry import Registry
from rlsys.algorithms.shaping import kl_in_reward, shaped_rewards
from rlsys.config.algorithm import AlgorithmConfig, KlPlacement, is_per_token
from tests.helpers.places import CONFIGS

PRESETS = CONFIGS / "algorithms"
LONGEST, VOCABULARY, GROUPS, SIZE, STALENESS = 4, 5, 4, 8, 2


def load(path):
    section = OmegaConf.load(path).algorithm
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(AlgorithmConfig), section))


def sample(logits, generator):
    """Answers end with token 0; the reward is the share of tokens that are 1."""
    num = GROUPS * SIZE
    probabilities = logits.softmax(-1).expand(num, -1, -1).reshape(-1, VOCABULARY)
    tokens = torch.multinomial(probabilities, 1, generator=generator).reshape(num, LONGEST)
    ended = (tokens == 0).int().cumsum(1) - (tokens == 0).int()
    mask = ended == 0
    rewards = ((tokens == 1) & mask).sum(1) / LONGEST
    return tokens, mask, rewards.double()


def logprobs_of(logits, tokens):
    return logits.log_softmax(-1).expand(len(tokens), -1, -1).gather(2, tokens[..., None])[..., 0]


def token_advantages(config, rewards, mask, kl, groups):
    if is_per_token(config.advantage.estimator):
        given = token_rewards(rewards, mask, kl, config.kl.coefficient)
        critic = config.advantage.estimator == "gae"
        values = torch.full_like(given, 0.2 if critic else 0.0)
        advantages, _ = gae(
            given, values, mask, config.advantage.gamma, config.advantage.gae_lambda
        )
        return whiten(advantages, mask, moments(advantages, mask), config.advantage.std_floor)
    numbers = rewards.numpy()
    lengths = mask.sum(1).numpy()
    numbers = shaped_rewards(numbers, numbers > 0.5, lengths, groups, 2 * LONGEST, config.length)
    if config.kl.placement is KlPlacement.reward:
        sums = torch.where(mask, kl, 0.0).sum(1).numpy()
        numbers = kl_in_reward(numbers, sums, config.kl.coefficient)
    columns = {"rewards": numbers, "groups": groups}
    per_answer = sequence_advantages(Registry().estimator_of(config), columns)
    return torch.from_numpy(per_answer)[:, None].expand(mask.shape)


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_reward_rises(path):
    config = load(path)
    loss = Registry().loss_of(config)
    generator = torch.Generator().manual_seed(0)
    logits = torch.zeros(LONGEST, VOCABULARY, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.03)
    groups = np.repeat(np.arange(GROUPS), SIZE)
    history = [logits.detach().clone()]
    for version in range(60):
        sampler = history[max(0, version - STALENESS)]
        tokens, mask, rewards = sample(sampler, generator)
        rollout = logprobs_of(sampler, tokens)
        reference = logprobs_of(history[0], tokens)
        policy = logprobs_of(logits, tokens)
        weights = sequence_weights(mask.sum(1).numpy(), groups, config.loss.aggregation, LONGEST)
        inputs = LossInputs(
            policy_logprobs=policy,
            rollout_logprobs=rollout,
            proximal_logprobs=policy.detach(),
            reference_logprobs=reference,
            advantages=token_advantages(config, rewards, mask, rollout - reference, groups),
            mask=mask,
            weights=torch.from_numpy(weights),
            entropy=None,
        )
        optimizer.zero_grad()
        policy_loss(inputs, loss, config).loss.backward()
        optimizer.step()
        history.append(logits.detach().clone())
    first, last = (sample(history[i], generator)[2].mean().item() for i in (0, -1))
    assert first < 0.25
    assert last > first + 0.25
