"""From vLLM's finished completions to rows of the `rollouts` contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rlsys.config.run import SamplingConfig
from rlsys.config.thinking import BudgetRule, ThinkingConfig
from rlsys.data.kept_tokens import sampled_from
from rlsys.errors import WeightSyncError
from rlsys.markup import opens_thinking
from rlsys.thinking.limits import Limits
from rlsys.thinking.track import Tags, tally

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase
    from vllm.outputs import CompletionOutput, WeightVersionSpan

    from rlsys.sampling.engine_prompt import Thought


@dataclass(frozen=True)
class SampleRequest:
    """One prompt as it was sampled from."""

    prompt: dict[str, Any]
    """A row of the `prompts` contract."""
    group_id: int
    limits: Limits
    opened: bool
    """Whether the prompt ends inside a block of thinking."""
    thought: Thought | None = None
    """The latents between prompt and completion."""

    @classmethod
    def of(
        cls,
        prompt: dict[str, Any],
        group_id: int,
        sampling: SamplingConfig,
        thought: Thought | None = None,
    ) -> SampleRequest:
        """A prompt's own thinking budget comes before the run's."""
        budget = prompt["token_budget"]
        most = sampling.max_reasoning_tokens if budget is None else budget
        least = sampling.min_reasoning_tokens
        limits = Limits(most, least if most is None else min(least, most))
        return cls(prompt, group_id, limits, opens_thinking(prompt["text"]), thought)


def may_limit(sampling: SamplingConfig, thinking: ThinkingConfig, prompts: pa.RecordBatch) -> bool:
    """Whether any of a run's prompts can have a limit of thinking.

    Args:
        prompts: a `prompts` batch of them all.
    """
    of_all = sampling.max_reasoning_tokens is not None or sampling.min_reasoning_tokens > 0
    budgets = prompts.column("token_budget")
    return (
        of_all or thinking.budgets is not BudgetRule.none or budgets.null_count < prompts.num_rows
    )


def rollout_row(
    request: SampleRequest,
    completion: CompletionOutput,
    tokenizer: PreTrainedTokenizerBase,
    tags: Tags,
) -> dict[str, Any]:
    """One completion as a row of the `rollouts` contract, but for worker and time."""
    from vllm.logprobs import FlatLogprobs

    assert isinstance(completion.logprobs, FlatLogprobs)
    logprobs, kept = sampled_from(completion.logprobs)
    token_ids = list(completion.token_ids)
    ended_by_itself = completion.finish_reason == "stop" and not completion.stop_reason
    counted = tally(tags, request.limits, request.opened, token_ids)
    prompt = request.prompt
    return {
        "prompt_id": prompt["prompt_id"],
        "group_id": request.group_id,
        "sample_index": completion.index,
        "source": prompt["source"],
        "prompt_text": prompt["text"],
        "expected": prompt["expected"],
        "info": prompt["info"],
        "difficulty": prompt["difficulty"],
        "prompt_token_ids": prompt["token_ids"],
        "token_ids": token_ids,
        "rollout_logprobs": logprobs,
        "kept_token_ids": kept,
        "policy_versions": token_versions(completion.weight_versions, len(token_ids)),
        "latent_version": request.thought and request.thought.version,
        "forced": counted.forced,
        "finish_reason": completion.finish_reason,
        "text": tokenizer.decode(
            token_ids[:-1] if ended_by_itself else token_ids, skip_special_tokens=False
        ),
        "reasoning_tokens": counted.thinking_tokens,
        "answer_tokens": counted.answer_tokens,
    }


def token_versions(spans: list[WeightVersionSpan] | None, num_tokens: int) -> np.ndarray:
    """[T] policy version of each token from vLLM's weight version spans.

    Raises:
        WeightSyncError: a token has none.
    """
    versions = np.full(num_tokens, -1, dtype=np.int32)
    for span in spans or ():
        versions[span.start : span.end] = int(span.version)
    if (versions < 0).any():
        raise WeightSyncError(
            f"vLLM gave no weight version for some of {num_tokens} tokens: {spans}"
        )
    return versions
