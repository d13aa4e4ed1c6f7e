"""From graded samples to figures: one Result for each benchmark and setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from rlsys.errors import VerifierError
from rlsys.evaluation.benchmark import Benchmark
from rlsys.evaluation.estimators import (
    Interval,
    Votes,
    by_k,
    cons_at_k,
    ladder_of,
    mean_with_interval,
    pass_at_k,
)
from rlsys.evaluation.plan import EvalTask, Setting, problem_of
from rlsys.evaluation.votes import Equal, answer_of, count_votes
from rlsys.thinking.usage import Usage
from verifiers.base import Status

COLUMNS = (
    "prompt_id",
    "prompt_text",
    "text",
    "finish_reason",
    "status",
    "reason",
    "prompt_token_ids",
    "reasoning_tokens",
    "answer_tokens",
    "components",
)


@dataclass(frozen=True)
class Lengths:
    """Completion lengths in tokens, thinking included: [N] int arrays."""

    right: np.ndarray
    wrong: np.ndarray


@dataclass(frozen=True)
class Result:
    """One benchmark under one setting."""

    benchmark: str
    setting: Setting
    problems: int
    left_out: int
    pass_at: dict[int, Interval]
    """Pass@k by k; k = 1 is the mean accuracy, which is also average@n."""
    cons_at: dict[int, Interval]
    """Cons@k by k; empty where answers cannot be voted on."""
    truncated: float
    """Share of completions that were cut off at a token limit."""
    no_verdict: int
    """Completions that the verifier could not grade; they count neither as right nor as wrong."""
    usage: Usage
    lengths: Lengths
    rates: dict[str, float]
    """Share of right completions of each problem, by problem_of(prompt_id)."""
    marks: dict[str, Interval] = field(default_factory=dict)
    """The benchmark's own figures beside pass@k, means over problems."""

    @property
    def key(self) -> str:
        """As tables and file names have it."""
        return f"{self.benchmark}/{self.setting.name}"

    @property
    def mean_thinking(self) -> float:
        """Thinking tokens of a completion."""
        return self.usage.thinking_tokens / max(1, self.usage.requests)

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the lengths."""

        def intervals(values: dict[int, Interval]) -> dict[str, list[float]]:
            return {str(k): [v.mean, v.low, v.high] for k, v in values.items()}

        return {
            "benchmark": self.benchmark,
            "temperature": self.setting.temperature,
            "cut": asdict(self.setting.cut),
            "max_tokens": self.setting.max_tokens,
            "budget": self.setting.budget,
            "samples": self.setting.samples,
            "problems": self.problems,
            "left_out": self.left_out,
            "pass_at": intervals(self.pass_at),
            "cons_at": intervals(self.cons_at),
            "truncated": self.truncated,
            "no_verdict": self.no_verdict,
            "prompt_tokens": self.usage.prompt_tokens,
            "thinking_tokens": self.usage.thinking_tokens,
            "answer_tokens": self.usage.answer_tokens,
            "completions": self.usage.requests,
            "rates": self.rates,
            "marks": {name: [v.mean, v.low, v.high] for name, v in self.marks.items()},
        }


def result(eval_task: EvalTask, setting: Setting, samples: pa.Table, equal: Equal | None) -> Result:
    """Figures of one benchmark under one setting.

    Args:
        samples: COLUMNS of its samples.
        equal: whether two answers are the same; None where they cannot be voted on.

    Raises:
        VerifierError: no completion got a verdict.
    """
    rows = samples.to_pylist()
    by_problem: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_problem.setdefault(row["prompt_id"], []).append(row)
    graded = {
        problem: [row for row in group if row["status"] != Status.INFRASTRUCTURE]
        for problem, group in by_problem.items()
    }
    known = {problem: group for problem, group in graded.items() if group}
    if not known:
        reason = rows[0]["reason"] if rows else "there are no samples"
        raise VerifierError(
            f"{eval_task.benchmark.name}: no completion got a verdict; first: {reason}"
        )
    counts = np.array([len(group) for group in known.values()])
    right = np.array([sum(map(_is_right, group)) for group in known.values()])
    ladder = ladder_of(setting.samples)
    return Result(
        benchmark=eval_task.benchmark.name,
        setting=setting,
        problems=len(known),
        left_out=eval_task.left_out,
        pass_at=by_k(ladder, lambda k: pass_at_k(counts, right, k)),
        cons_at={} if equal is None else _consensus(list(known.values()), ladder, equal),
        truncated=float(np.mean([row["finish_reason"] == "length" for row in rows])),
        no_verdict=len(rows) - int(counts.sum()),
        usage=Usage(
            sum(len(row["prompt_token_ids"]) for row in rows),
            sum(row["reasoning_tokens"] for row in rows),
            sum(row["answer_tokens"] for row in rows),
            len(rows),
        ),
        lengths=_lengths([row for group in known.values() for row in group]),
        rates={
            problem_of(prompt_id, setting): float(c / n)
            for prompt_id, c, n in zip(known, right, counts, strict=True)
        },
        marks=_marks(eval_task.benchmark, list(known.values())),
    )


def _marks(benchmark: Benchmark, problems: Sequence[list[dict[str, Any]]]) -> dict[str, Interval]:
    """Of the completions that have them; those on the disk may be older than the mark."""
    found = {}
    for mark in benchmark.marks:
        column = benchmark.component(mark)
        values = [[dict(r["components"]).get(column) for r in group] for group in problems]
        marked = [[one for one in group if one is not None] for group in values]
        if means := [np.mean(group) for group in marked if group]:
            found[mark] = mean_with_interval(np.array(means))
    return found


def _consensus(
    problems: Sequence[list[dict[str, Any]]], ladder: list[int], equal: Equal
) -> dict[int, Interval]:
    votes = [_votes(group, equal) for group in problems]
    return by_k(ladder, lambda k: np.array([cons_at_k(v, k) for v in votes]))


def _votes(group: list[dict[str, Any]], equal: Equal) -> Votes:
    answers = [answer_of(r["text"], r["prompt_text"], r["finish_reason"]) for r in group]
    return count_votes(answers, [_is_right(row) for row in group], equal)


def _is_right(row: dict[str, Any]) -> bool:
    return bool(row["status"] == Status.CORRECT)


def _lengths(rows: list[dict[str, Any]]) -> Lengths:
    tokens = np.array([row["reasoning_tokens"] + row["answer_tokens"] for row in rows])
    right = np.array([_is_right(row) for row in rows])
    return Lengths(tokens[right], tokens[~right])
