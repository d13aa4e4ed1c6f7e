"""A learner whose states lay elsewhere for a turn goes on as one that kept them, to the bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from rlsys.config.lora import LoraConfig
from rlsys.config.run import LearnerConfig, Offload
from rlsys.learning.critic import Critic
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.offloading import offload, reload
from rlsys.learning.ranks import Ranks
from rlsys.learning.weights_out import WeightsOut
from tests.helpers.learners import SAMPLING, in_float32, learner_of, on_ranks, one_rank, saved
from tests.unit.learning.test_shared_scoring import PPO, batch_of

pytestmark = pytest.mark.slow

CASES: list[dict[str, Any]] = [
    {"zero_stage": 1},
    {"zero_stage": 2},
    {"zero_stage": 2, "offload": Offload.optimizer},
    {"zero_stage": 2, "lora": LoraConfig(rank=4)},
]


def config_of(case: dict[str, Any]) -> LearnerConfig:
    return in_float32(LearnerConfig(minibatches=2, microbatch_tokens=24, **case))


def started(model: str, ranks: Ranks) -> Learner:
    torch.manual_seed(0)
    critic = Critic(model, ranks, PPO.critic)
    return learner_of(model, PolicyGradient(PPO, ranks.config, SAMPLING, critic), ranks)


def places(learner: Learner) -> list[int]:
    """Where the policy's trained weights lie."""
    return [p.data_ptr() for p in learner.policy.parameters() if p.requires_grad]


def stepped(model: str, ranks: Ranks, leaves: bool) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The losses of three steps and the weights after them, with turns of others in between."""
    learner = started(model, ranks)
    out = WeightsOut(learner.policy, ranks)
    losses = []
    for version in range(3):
        losses.append(learner.step(batch_of(4), version)["loss"])
        if leaves:
            before = places(learner)
            offload(learner)
            assert places(learner) != before
            reload(learner)
    (bucket,) = out.gathered(1 << 30)
    return losses, {name: tensor.clone() for name, tensor in bucket}


def both_on_ranks(
    rank: int, count: int, port: int, model: str, cases: list[dict[str, Any]]
) -> list[Any]:
    return [
        [
            stepped(model, Ranks(rank, count, "127.0.0.1", port, config_of(case)), leaves)
            for leaves in (False, True)
        ]
        for case in cases
    ]


def same(kept: Any, left: Any) -> bool:
    losses, tensors = zip(kept, left, strict=True)
    return losses[0] == losses[1] and all(
        torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0]
    )


def test_a_turn_of_others_changes_nothing_of_what_is_learned(
    model: PreTrainedModel, tmp_path: Path
) -> None:
    folder = str(saved(model, tmp_path / "policy"))
    for case in CASES:
        kept, left = (stepped(folder, one_rank(config_of(case)), on) for on in (False, True))
        assert same(kept, left), case
        assert kept[0][0] != kept[0][2]


def test_nor_on_several_ranks(model: PreTrainedModel, tmp_path: Path) -> None:
    folder = str(saved(model, tmp_path / "policy"))
    for kept, left in on_ranks(2, tmp_path, both_on_ranks, folder, CASES):
        assert same(kept, left)
