"""Small Arrow batches for the tests of join and sequences."""

import pyarrow as pa

from rlsys import schema


def rollouts(
    group_id: int, answers: list[list[int]], prompt: list[int] | None = None
) -> pa.RecordBatch:
    n = len(answers)
    return schema.build(
        schema.ROLLOUTS,
        {
            "prompt_id": [f"p{group_id}"] * n,
            "group_id": [group_id] * n,
            "sample_index": list(range(n)),
            "source": ["test"] * n,
            "prompt_text": ["what?"] * n,
            "expected": ['"1"'] * n,
            "info": ["{}"] * n,
            "difficulty": [None] * n,
            "prompt_token_ids": [prompt or [1, 2]] * n,
            "token_ids": answers,
            "rollout_logprobs": [[-0.5] * len(a) for a in answers],
            "kept_token_ids": [None] * n,
            "policy_versions": [[3] * len(a) for a in answers],
            "latent_version": [None] * n,
            "forced": [[False] * len(a) for a in answers],
            "finish_reason": ["stop"] * n,
            "text": ["1"] * n,
            "reasoning_tokens": [0] * n,
            "answer_tokens": [len(a) for a in answers],
            "worker": ["rollout-0"] * n,
            "sampled_s": [0.1] * n,
        },
    )


def reference(group_id: int, lengths: list[int]) -> pa.RecordBatch:
    n = len(lengths)
    return schema.build(
        schema.REFERENCE,
        {
            "group_id": [group_id] * n,
            "sample_index": list(range(n)),
            "reference_logprobs": [[-1.0 - i] * length for i, length in enumerate(lengths)],
        },
    )


def grades(group_id: int, rewards: list[float | None]) -> pa.RecordBatch:
    n = len(rewards)
    return schema.build(
        schema.GRADES,
        {
            "group_id": [group_id] * n,
            "sample_index": list(range(n)),
            "reward": rewards,
            "components": [[("accuracy", 1.0)]] * n,
            "status": ["correct"] * n,
            "reason": [""] * n,
            "seconds": [0.01] * n,
            "level": [""] * n,
        },
    )
