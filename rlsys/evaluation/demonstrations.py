"""What a run of `rlsys sample` writes: demonstrations.jsonl, and rates.jsonl.

A demonstration is told as it was asked and answered: as messages, where every prompt of the run is
a conversation that the policy heard through its chat template; else as the prompt's text and what
followed it. `rlsys sft` reads both. A rate is of a prompt, and has its row beside it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlsys.data.rows import ChatMessage, Row
from rlsys.data.templates import Prompt
from rlsys.evaluation.rejection import Candidate
from rlsys.markup import THINK

DEMONSTRATIONS = "demonstrations.jsonl"
_DIGITS = 6
"""Of rewards, which are float32 on their way: 0.3, and not 0.30000001192092896."""


@dataclass(frozen=True)
class Asked:
    """One prompt of the run."""

    prompt: Prompt
    row: Row
    """As it was read."""
    messages: Sequence[ChatMessage] | None
    """The conversation that the policy heard; None: a text that it continued."""


def demonstration(asked: Asked, kept: Candidate, as_messages: bool, seed: int) -> str:
    """A line of demonstrations.jsonl."""
    told: dict[str, Any]
    if as_messages:
        assert asked.messages is not None
        # What the template has opened belongs to the answer, in whatever template it is learned.
        opened = THINK if asked.prompt.text.rstrip().endswith(THINK) else ""
        said = ChatMessage(role="assistant", content=opened + kept.text)
        told = {"messages": [*asked.messages, said]}
    else:
        told = {"prompt_text": asked.prompt.text, "text": kept.text}
    return _line(
        told
        | {
            "source": kept.source,
            "prompt_id": kept.prompt_id,
            "sample_index": kept.sample_index,
            "reward": _rounded(kept.reward),
            "components": {name: _rounded(mark) for name, mark in kept.components.items()},
            "tokens": kept.tokens,
            "seed": seed,
        }
    )


def rate(asked: Asked, completions: Sequence[Candidate]) -> str:
    """A line of rates.jsonl."""
    graded = [one for one in completions if one.is_graded]
    right = sum(one.is_right for one in graded)
    row = asked.row
    return _line(
        {
            "prompt_id": row.prompt_id,
            "n": len(graded),
            "right": right,
            "pass_rate": right / len(graded) if graded else None,
            "mean_tokens": round(sum(one.tokens for one in completions) / len(completions), 2),
            "row": {
                "source": row.source,
                "messages": list(row.messages),
                "expected": row.expected,
                "info": row.info,
                "difficulty": row.difficulty,
                "file": row.file,
                "number": row.number,
            },
        }
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"
