"""PPO's critic in the memory plan."""

import pytest

from rlsys.config.memory import Memory
from rlsys.config.memory_fit import require_fit
from rlsys.config.memory_plan import Room
from rlsys.config.model_shape import shape_of
from tests.helpers.known_models import QWEN_7B, demand
from tests.unit.config.test_memory_advice import advice
from tests.unit.config.test_memory_plan import plan, shipped


def test_a_critic_is_a_second_network_that_is_trained_without_its_head() -> None:
    def learner(*overrides: str) -> Memory:
        return plan(shipped("one_node", *overrides), QWEN_7B).gpus[0][0].memory

    alone, both = learner(), learner("algorithm=ppo")
    head = 152064 * 3584
    shape = shape_of(QWEN_7B)
    assert shape is not None
    critic = shape.parameters - head
    # Of four ranks with ZeRO-3: weights, gradients in float32, masters and moments.
    assert both.weights - alone.weights == pytest.approx(2 * critic / 4)
    assert both.gradients - alone.gradients == pytest.approx(4 * critic / 4)
    assert both.optimizer - alone.optimizer == pytest.approx(12 * critic / 4)
    assert (both.logits, both.activations) == (alone.logits, alone.activations)
    rank = ("learner.lora.rank=8", "algorithm=ppo")
    adapter = 8 * 28 * sum(rows + columns for _, rows, columns in shape.linear)
    assert learner(*rank).optimizer == pytest.approx(12 * 2 * adapter / 4)
    assert learner(*rank).weights == pytest.approx(
        2 * (shape.parameters + critic + 2 * adapter) / 4
    )


def test_a_critic_is_advised_room() -> None:
    config = shipped("one_node", "algorithm=ppo")
    advised = advice(config, QWEN_7B, 80.0).partition(", or ")[0]
    changed = shipped("one_node", "algorithm=ppo", *advised.split())
    require_fit(demand(changed, QWEN_7B, Room(80.0)))
