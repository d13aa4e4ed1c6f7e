"""Graded completions for the tests of rejection sampling: on a table, and as parts on the disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlsys import schema
from rlsys.data.rows import ChatMessage, PromptKind, Row
from rlsys.data.templates import Prompt
from rlsys.evaluation.demonstrations import Asked
from rlsys.evaluation.rejection import Candidate
from rlsys.evaluation.samples import Samples

TASK = "train"


def candidate(index: int = 0, **more: Any) -> Candidate:
    """A right completion that ended by itself."""
    values: dict[str, Any] = {
        "prompt_id": "p0",
        "sample_index": index,
        "source": "sums",
        "text": f"answer {index}",
        "tokens": 10,
        "finish_reason": "stop",
        "status": "correct",
        "reward": 1.0,
        "components": {"accuracy": 1.0},
    }
    return Candidate(**values | more)


def asked(number: int, text: str = "", messages: bool = True) -> Asked:
    """The prompt p0, p1, ... with its row and its conversation."""
    question = [ChatMessage(role="user", content=f"{number}+1=?")]
    row = Row(
        f"p{number}",
        "sums",
        PromptKind.CONVERSATION,
        tuple(question),
        None,
        str(number + 1),
        {},
        None,
        "sums.jsonl",
        number + 1,
    )
    prompt = Prompt(row.prompt_id, row.source, text or f"{number}+1=?\n", [1], '"1"', "{}")
    return Asked(prompt, row, question if messages else None)


def write_part(samples: Samples, first: int, rows: Sequence[Candidate]) -> None:
    """One part on the disk, as a driver leaves it."""
    n = len(rows)
    rollouts = {
        "prompt_id": [row.prompt_id for row in rows],
        "group_id": [first] * n,
        "sample_index": [row.sample_index for row in rows],
        "source": [row.source for row in rows],
        "prompt_text": ["what?"] * n,
        "expected": ['"1"'] * n,
        "info": ["{}"] * n,
        "difficulty": [None] * n,
        "prompt_token_ids": [[1]] * n,
        "token_ids": [[1] * row.tokens for row in rows],
        "rollout_logprobs": [[0.0] * row.tokens for row in rows],
        "kept_token_ids": [None] * n,
        "policy_versions": [[0] * row.tokens for row in rows],
        "latent_version": [None] * n,
        "forced": [[False] * row.tokens for row in rows],
        "finish_reason": [row.finish_reason for row in rows],
        "text": [row.text for row in rows],
        "reasoning_tokens": [0] * n,
        "answer_tokens": [row.tokens for row in rows],
        "worker": ["rollout-0"] * n,
        "sampled_s": [0.1] * n,
    }
    grades = {
        "group_id": [first] * n,
        "sample_index": [row.sample_index for row in rows],
        "reward": [row.reward for row in rows],
        "components": [list(row.components.items()) for row in rows],
        "status": [row.status for row in rows],
        "reason": [""] * n,
        "seconds": [0.0] * n,
        "level": [""] * n,
    }
    samples.write(
        TASK, first, schema.build(schema.ROLLOUTS, rollouts), schema.build(schema.GRADES, grades)
    )


def samples_in(folder: Path) -> Samples:
    return Samples(folder / "samples")
