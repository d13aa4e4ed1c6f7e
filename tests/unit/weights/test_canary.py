"""How far a sampler's logprobs may be off is what it showed with the weights from disk."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rlsys.config.precision import COMPUTED
from rlsys.config.run import ModelConfig, Precision, RolloutConfig, WeightsConfig
from rlsys.errors import WeightSyncError
from rlsys.sampling.sampler import Sampler
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary

CANARY = Canary([1, 2], [-1.0], Precision.float32)
FIRST = Manifest(1, (), ())


class Update:
    """What prove_model and prove_weights ask of WeightUpdate."""

    def __init__(self, changed: list[str], not_held: list[str]) -> None:
        self.changed, self.not_held = changed, not_held

    async def changed_by_reloading(self) -> list[str]:
        return self.changed

    async def differing(self, manifest: Manifest, buckets: list[Any]) -> list[str]:
        return self.not_held


def sampler_that_shows(
    errors: list[float],
    changed: tuple[str, ...] = (),
    not_held: tuple[str, ...] = (),
    dtype: Precision = Precision.float32,
) -> Sampler:
    """Its canary is off by one of `errors` after the other."""
    shape = RolloutConfig(dtype=dtype)
    sampler = Sampler("rollout-0", "some/path", ModelConfig(), shape, WeightsConfig(), 0)
    sampler.vllm = SimpleNamespace(model_config=SimpleNamespace(architectures=["SomeForCausalLM"]))
    sampler.update = Update(list(changed), list(not_held))
    left = iter(errors)

    async def canary_error(canary: Canary) -> float:
        return next(left)

    sampler.canary_error = canary_error
    return sampler


def proved(sampler: Sampler) -> float:
    """From disk, then after an update."""

    async def run() -> float:
        await sampler.prove_model(CANARY)
        return await sampler.prove_weights(FIRST, CANARY, [])

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("errors", "dtype"),
    [
        ([1e-6, 9e-4], Precision.float32),
        ([5e-3, 4e-2], Precision.float32),  # ten times what it showed
        ([0.02, 0.2], Precision.bfloat16),
        ([0.1, 0.9], Precision.bfloat16),
    ],
)
def test_rounding_as_it_was_shown_from_disk_passes(errors: list[float], dtype: Precision) -> None:
    assert proved(sampler_that_shows(errors, dtype=dtype)) == errors[1]


@pytest.mark.parametrize("error", [2e-3, 0.067, float("nan")])
def test_an_update_that_is_off_by_more_is_an_error_with_the_tensors(error: float) -> None:
    sampler = sampler_that_shows([1e-6, error], not_held=("model.experts.0",))
    with pytest.raises(WeightSyncError) as caught:
        proved(sampler)
    message = str(caught.value)
    assert message.startswith("rollout-0, version 1: the sampler does not sample the policy")
    assert "by 1e-06 with the weights from disk" in message
    assert "['model.experts.0'] (1 in all)" in message
    assert "tolerance" not in message


@pytest.mark.parametrize("error", [0.02, float("nan")])
def test_another_model_than_the_learners_is_refused_by_name(error: float) -> None:
    with pytest.raises(WeightSyncError) as caught:
        proved(sampler_that_shows([error]))
    message = str(caught.value)
    assert "do not compute the same model from SomeForCausalLM (model.path=some/path)" in message
    assert f"differ by {error:.4g} nats, where float32 explains 0.01" in message


def test_a_model_that_an_update_packs_otherwise_is_refused_with_the_tensors() -> None:
    with pytest.raises(WeightSyncError, match=r"cannot take new weights of SomeForCausalLM") as e:
        proved(sampler_that_shows([1e-6], ("experts.w13", "experts.w2")))
    assert "leave ['experts.w13', 'experts.w2'] other than loading from disk" in str(e.value)


@pytest.mark.parametrize("own", COMPUTED)
def test_the_coarser_precision_of_the_two_counts(own: Precision) -> None:
    learner = Canary([1, 2], [-1.0], Precision.bfloat16)
    assert learner.rounding(own) == CANARY.rounding(Precision.bfloat16) == 0.25


def test_a_few_tokens_may_be_far_off_and_most_may_not() -> None:
    canary = Canary(list(range(21)), [-1.0] * 20, Precision.bfloat16)
    few, many = np.array(canary.logprobs), np.array(canary.logprobs)
    few[[3, 11]] += (-0.5, 0.4)
    many[::2] += 0.3
    assert canary.error(few.tolist()) < 0.05
    assert canary.error(many.tolist()) == pytest.approx(0.3)
    assert canary.error(canary.logprobs) == 0.0


def test_logprobs_that_are_no_numbers_are_never_near() -> None:
    found = sampler_that_shows([Canary([1, 2], [-1.0], Precision.float32).error([float("nan")])])
    with pytest.raises(WeightSyncError, match="do not compute the same model"):
        asyncio.run(found.prove_model(CANARY))
