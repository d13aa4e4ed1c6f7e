"""What leaves a learner: every weight, in buckets, with proofs, and the canary."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from rlsys.config.lora import LoraConfig
from rlsys.config.precision import COMPUTED
from rlsys.config.run import LearnerConfig, Precision
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.weights_out import WeightsOut
from rlsys.sampling.latent_prefill import LatentPrefill
from rlsys.weights.bundle import unpack
from tests.helpers.learners import learner_of, one_rank, saved

pytestmark = pytest.mark.slow

CANARY = list(range(12))


@pytest.fixture
def folder(model: PreTrainedModel, tmp_path: Path) -> Iterator[Path]:
    threads = torch.get_num_threads()
    yield saved(model, tmp_path)
    torch.set_num_threads(threads)


def weights_out(folder: Path, config: LearnerConfig) -> WeightsOut:
    learner = learner_of(folder, CrossEntropy(), one_rank(config))
    return WeightsOut(learner.policy, learner.ranks)


def joined(pieces: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(pieces) if pieces else np.empty(0, np.uint8)


@pytest.mark.parametrize("precision", COMPUTED)
def test_every_weight_is_published_in_the_learners_precision(
    folder: Path, model: PreTrainedModel, precision: Precision
) -> None:
    out = weights_out(folder, LearnerConfig(dtype=precision))
    published = out.publish(7, 4096, joined)
    assert published is not None
    manifest, buckets = published
    assert manifest.version == 7
    assert len(buckets) > 1
    found = dict(unpack(manifest, buckets))
    assert found.keys() == out.shapes().keys()
    assert {tensor.dtype for tensor in found.values()} == {out.dtype}
    for name, parameter in model.named_parameters():
        assert torch.equal(found[name], parameter.detach().to(out.dtype)), name


@pytest.mark.parametrize("lora", [None, LoraConfig(rank=4)], ids=["whole", "adapter"])
def test_a_copy_is_published_as_the_weights_were_though_they_have_changed(
    folder: Path, lora: LoraConfig | None
) -> None:
    out = weights_out(folder, LearnerConfig(dtype=Precision.bfloat16, lora=lora))
    expected = out.publish(1, 4096, joined)
    assert expected is not None
    out.copy(1, 4096)
    with torch.no_grad():
        for parameter in out.policy.model.parameters():
            parameter.add_(1)
    changed = out.publish(1, 4096, joined)
    assert changed is not None
    (manifest, buckets), (wanted, _) = out.publish_copy(1, joined), expected
    assert manifest == wanted != changed[0]
    assert all(map(np.array_equal, buckets, expected[1]))


def test_no_bucket_is_larger_than_its_bound_or_one_parameter(folder: Path) -> None:
    out = weights_out(folder, LearnerConfig())
    for bucket in out.buckets(4096):
        assert len(bucket) == 1 or sum(tensor.nbytes for _, tensor in bucket) <= 4096


def test_the_canary_is_taken_at_temperature_1_whatever_the_policys_own(folder: Path) -> None:
    out = weights_out(folder, LearnerConfig())
    expected = out.canary(CANARY)
    out.policy.temperature = 0.5
    found = out.canary(CANARY)
    assert found.logprobs == expected.logprobs
    assert len(found.logprobs) == len(CANARY) - 1
    assert out.policy.temperature == 0.5


def test_a_policy_with_latents_brings_those_of_the_canary_and_its_logprobs_without(
    folder: Path,
) -> None:
    plain = weights_out(folder, LearnerConfig()).canary(CANARY)
    learner = learner_of(folder, CrossEntropy(3), one_rank(LearnerConfig()))
    found = WeightsOut(learner.policy, learner.ranks).canary(CANARY)
    assert plain.latents == []
    assert found.logprobs == plain.logprobs
    (expected,) = LatentPrefill(str(folder), Precision.float32, 3).think([found.latent_prompt])
    torch.testing.assert_close(torch.tensor(found.latents), expected.latents, atol=1e-5, rtol=1e-4)
    assert learner.policy.latents == 3
