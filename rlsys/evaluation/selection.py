"""From the completions on disk to demonstrations and rates: what a run of `rlsys sample` comes to.

Nothing but the completions, the rules and the order of the prompts is read, so the files have the
same bytes however the sampling went, and other rules need no other sampling.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rlsys.data.rates import FILE as RATES
from rlsys.disk import replace_text
from rlsys.errors import DataError
from rlsys.evaluation.demonstrations import DEMONSTRATIONS, Asked, demonstration, rate
from rlsys.evaluation.estimators import Interval, by_k, ladder_of, pass_at_k
from rlsys.evaluation.rejection import Candidate, Rules
from rlsys.evaluation.samples import Samples

_COLUMNS = (
    *("prompt_id", "sample_index", "source", "text", "reasoning_tokens", "answer_tokens"),
    *("finish_reason", "status", "reward", "components"),
)


@dataclass
class Selection:
    """The figures of a policy on its prompts, and what became of its completions."""

    prompts: int = 0
    completions: int = 0
    tokens: int = 0
    cut_off: int = 0
    """Completions that did not end by themselves."""
    never_right: int = 0
    """Prompts with verdicts, none of them right; so far, no reinforcement learns from them."""
    always_right: int = 0
    ungraded: int = 0
    """Prompts without any verdict; not known to be right never, at times or always."""
    kept: int = 0
    kept_tokens: int = 0
    kept_prompts: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    """Kept completions by source."""
    thrown: dict[str, int] = field(default_factory=dict)
    """By rule, in the order of the rules; those in force that threw nothing away are there, too."""
    pass_at: dict[int, Interval] = field(default_factory=dict)
    """Pass@k by k."""

    def sampled(self) -> str:
        """What there was to choose from, and why it was not chosen: for one line."""
        thrown = ", ".join(f"{count:,} by {rule}" for rule, count in self.thrown.items() if count)
        return f"{self.completions:,} completions to {self.prompts:,} prompts: thrown away {thrown}"


def select(
    samples: Samples, task: str, asked: Sequence[Asked], rules: Rules, seed: int, folder: Path
) -> Selection:
    """Choose, and write both files into the run's folder.

    Args:
        asked: every prompt of the task, in its order; all of them are sampled.
        seed: of the run, which each demonstration names.
    Raises:
        DataError: the rules leave nothing; says what each of them threw away. The rates are
            written all the same, and no demonstrations.
    """
    known = {one.prompt.prompt_id: one for one in asked}
    found = Selection(prompts=len(asked))
    kept_of: dict[str, list[Candidate]] = {}
    rates: dict[str, str] = {}
    counts: dict[str, tuple[int, int]] = {}
    thrown: Counter[str] = Counter()
    for prompt_id, completions in _by_prompt(samples, task):
        choice = rules.of_prompt(completions)
        kept_of[prompt_id] = choice.kept
        thrown += choice.thrown
        rates[prompt_id] = rate(known[prompt_id], completions)
        graded = [one for one in completions if one.is_graded]
        counts[prompt_id] = len(graded), sum(one.is_right for one in graded)
        found.completions += len(completions)
        found.tokens += sum(one.tokens for one in completions)
        found.cut_off += sum(one.finish_reason == "length" for one in completions)
    last = rules.of_sources([one for ask in asked for one in kept_of[ask.prompt.prompt_id]])
    thrown += last.thrown
    found.thrown = {name: thrown[name] for name in rules.names()}
    found.never_right = sum(n > 0 and not right for n, right in counts.values())
    found.always_right = sum(0 < n == right for n, right in counts.values())
    found.ungraded = sum(not n for n, _ in counts.values())
    found.pass_at = _pass_at([counts[ask.prompt.prompt_id] for ask in asked])
    found.kept, found.kept_tokens = len(last.kept), sum(one.tokens for one in last.kept)
    found.kept_prompts = len({one.prompt_id for one in last.kept})
    found.sources = Counter(one.source for one in last.kept)
    replace_text(folder / RATES, "".join(rates[ask.prompt.prompt_id] for ask in asked))
    if not last.kept:
        (folder / DEMONSTRATIONS).unlink(missing_ok=True)
        raise DataError(
            f"the rules of `sample:` leave none of {found.sampled()}. The completions are kept: "
            f"`rlsys sample --resume {folder} sample.RULE=VALUE` chooses anew among them"
        )
    as_messages = all(one.messages is not None for one in asked)
    lines = [demonstration(known[one.prompt_id], one, as_messages, seed) for one in last.kept]
    replace_text(folder / DEMONSTRATIONS, "".join(lines))
    return found


def _by_prompt(samples: Samples, task: str) -> Iterator[tuple[str, list[Candidate]]]:
    """The completions of each prompt, in the order of their numbers; prompts as they came."""
    for table in samples.tables(task, _COLUMNS):
        groups: dict[str, list[Candidate]] = {}
        for row in table.to_pylist():
            groups.setdefault(row["prompt_id"], []).append(_candidate(row))
        for prompt_id, group in groups.items():
            yield prompt_id, sorted(group, key=lambda one: one.sample_index)


def _candidate(row: dict[str, Any]) -> Candidate:
    return Candidate(
        prompt_id=row["prompt_id"],
        sample_index=row["sample_index"],
        source=row["source"],
        text=row["text"],
        tokens=row["reasoning_tokens"] + row["answer_tokens"],
        finish_reason=row["finish_reason"],
        status=row["status"],
        reward=row["reward"],
        components=dict(row["components"]),
    )


def _pass_at(counts: Sequence[tuple[int, int]]) -> dict[int, Interval]:
    """Of the prompts that have a verdict, by graded and right completions."""
    graded, right = np.array([one for one in counts if one[0]], dtype=int).reshape(-1, 2).T
    if not len(graded):
        return {}
    return by_k(ladder_of(int(graded.max())), lambda k: pass_at_k(graded, right, k))
