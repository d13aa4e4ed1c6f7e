"""Truncated sampling in the real vLLM: the learner's logprobs are the sampler's."""

import asyncio

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM

from rlsys import schema
from rlsys.config.run import SamplingConfig
from rlsys.data.kept_tokens import kept_column
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.reference import score_sequences
from rlsys.sampling.sampler import Sampler
from rlsys.schema import list_column

pytestmark = pytest.mark.slow

CUTS = {
    "all": SamplingConfig(max_tokens=24),
    "top_k": SamplingConfig(max_tokens=24, temperature=0.8, top_k=4),
    "top_p": SamplingConfig(max_tokens=24, top_k=512, top_p=0.8),
    "min_p": SamplingConfig(max_tokens=24, top_k=512, min_p=0.5),
    "together": SamplingConfig(max_tokens=24, temperature=1.3, top_k=20, top_p=0.9, min_p=0.1),
}


@pytest.fixture(scope="module")
def sampled(sampler: Sampler, event_loop: asyncio.Runner) -> dict[str, pa.RecordBatch]:
    """A group of completions for each way to cut."""

    async def scenario() -> dict[str, pa.RecordBatch]:
        row = {name: [None] for name in schema.PROMPTS.names}
        row |= {"text": ["1+2=?"], "token_ids": [sampler.tokenizer.encode("1+2=?")]}
        prompts = schema.build(schema.PROMPTS, row)
        batches = await asyncio.gather(*(sampler.sample(prompts, [0], 8, c) for c in CUTS.values()))
        return dict(zip(CUTS, batches, strict=True))

    return event_loop.run(scenario())


@pytest.mark.parametrize("cut", CUTS)
def test_sampler_and_learner_agree_whatever_is_cut_off(
    sampled: dict[str, pa.RecordBatch], tiny_policy: str, cut: str
) -> None:
    batch, sampling = sampled[cut], CUTS[cut]
    kept = kept_column(batch)
    assert (kept is None) is (cut == "all")
    ratios = np.exp(_logprobs(tiny_policy, batch, sampling, True) - _sampler(batch))
    assert np.abs(ratios - 1).max() < 1e-3
    if kept is None:
        return
    # Over the whole vocabulary each ratio is the mass that was kept, which is well below 1.
    whole = np.exp(_logprobs(tiny_policy, batch, sampling, False) - _sampler(batch))
    listed = [ids for row in kept for ids in np.split(row.token_ids, np.cumsum(row.counts)[:-1])]
    distributions = _distributions(tiny_policy, batch, sampling)
    masses = [p[ids].sum() for p, ids in zip(distributions, listed, strict=True)]
    assert np.abs(whole - masses).max() < 1e-3
    assert np.mean(masses) < 0.9
    for probabilities, ids in zip(distributions, listed, strict=True):
        least, most = (_cut(probabilities, sampling, margin) for margin in (1e-4, -1e-4))
        assert least <= set(ids.tolist()) <= most


def _distributions(path: str, batch: pa.RecordBatch, sampling: SamplingConfig) -> list[np.ndarray]:
    """[V] per answer token: the policy's at the temperature, by one plain forward pass a row."""
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    found: list[np.ndarray] = []
    columns = (list_column(batch, name) for name in ("prompt_token_ids", "token_ids"))
    for prompt, answer in zip(*columns, strict=True):
        token_ids = torch.tensor([[*prompt, *answer]])
        with torch.no_grad():
            logits = model(token_ids).logits[0, len(prompt) - 1 : -1] / sampling.temperature
        found += list(torch.softmax(logits, -1).numpy())
    return found


def _cut(probabilities: np.ndarray, sampling: SamplingConfig, margin: float) -> set[int]:
    """The tokens that min-p, then top-k, then top-p keep, each with a margin for rounding: the
    likeliest alone is always kept."""
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    keep = ranked >= sampling.min_p * ranked[0] * (1 + margin)
    keep &= ranked >= ranked[min(sampling.top_k, len(ranked)) - 1] * (1 + margin)
    rest = np.where(keep, ranked, 0.0)
    before = (np.cumsum(rest) - rest) / rest.sum()
    keep &= before < sampling.top_p - margin
    return {int(order[0]), *order[keep].tolist()}


def _sampler(batch: pa.RecordBatch) -> np.ndarray:
    return np.concatenate(list_column(batch, "rollout_logprobs"))


def _logprobs(
    path: str, batch: pa.RecordBatch, sampling: SamplingConfig, over_kept: bool
) -> np.ndarray:
    policy = PolicyModel(load_causal_lm(path, torch.float32), sampling.temperature, 64).eval()
    prompts, answers = (list_column(batch, n) for n in ("prompt_token_ids", "token_ids"))
    kept = kept_column(batch) if over_kept else None
    return np.concatenate(
        score_sequences(policy, prompts, answers, [0] * len(answers), True, 1024, kept)
    )
