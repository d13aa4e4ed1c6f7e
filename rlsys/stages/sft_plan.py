"""The plan of supervised fine-tuning: demonstrations as token ids, those that are held out, and
prompts with expected answers where pass@1 is measured, too.

No demonstration is learned from whose prompt is asked for in a held-out check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from rlsys.config.run import RunConfig
from rlsys.config.sft import measures_answers
from rlsys.config.verifiers import require_sources
from rlsys.data.batches import Batches
from rlsys.data.demonstrations import Lesson, read_lessons, to_batch, tokenized
from rlsys.data.generated import generated_lessons, generated_rows
from rlsys.data.load import RunRows, load_rows, load_test
from rlsys.data.repeats import prompt_key
from rlsys.data.rows import Row
from rlsys.data.steps import without_first_steps
from rlsys.data.templates import Prompt, unheard_warning
from rlsys.data.vocabulary import check_vocabulary
from rlsys.errors import DataError
from rlsys.grading.expected import require_gradable
from rlsys.grading.tryout import try_plugins
from rlsys.local_policy.resolve import tokenizer_of
from rlsys.run.checkpointer import Checkpointer
from rlsys.schema import list_column
from rlsys.stages.base import Stage, Surroundings
from rlsys.stages.inputs import held_out_notes, require_fitting, with_budgets
from rlsys.stages.length import resolve_length
from rlsys.stages.plan import Plan
from rlsys.stages.sft import LearnedRows, Supervised
from rlsys.thinking.budgets import Budgets, predictor_for

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TOKENS = ("prompt_token_ids", "token_ids")
MOST_HELD_OUT = 10
"""At most one in so many demonstrations of a file is held out of it."""


@dataclass
class SupervisedPlan(Plan):
    """Of a run of `rlsys sft`; its prompts are those of the held-out checks."""

    train: pa.RecordBatch = field(kw_only=True)
    """A `demonstrations` batch."""
    held_out: pa.RecordBatch = field(kw_only=True)

    @property
    def longest(self) -> Sequence[int]:
        """A prompt and what is said to it."""
        prompts, said = (list_column(self.train, name) for name in _TOKENS)
        longest = max(range(len(said)), key=lambda i: len(prompts[i]) + len(said[i]))
        return [*prompts[longest], *said[longest]]

    def stage(
        self, name: str, model_path: str, checkpointer: Checkpointer, around: Surroundings
    ) -> Stage:
        """Supervised fine-tuning on these demonstrations."""
        config = self.config
        batches = Batches.of_run(config, self.train.num_rows, config.sft.rows_per_step)
        rows = LearnedRows(self.train, self.held_out, batches)
        return Supervised(config, name, model_path, rows, self.prompts, checkpointer, around)


def sources(config: RunConfig) -> list[str]:
    """Which data files a run reads."""
    return [config.sft.train, config.sft.test, config.data.train, config.data.test]


def read(config: RunConfig, resume: bool, progress: Callable[[str], None]) -> SupervisedPlan:
    """The plan of a run; plug-ins, where answers are graded, have graded a few.

    Raises:
        DataError: a row cannot be read, or none is left to train on.
        ConfigError: the model has no tokenizer, no room for one of the tokens, or weights that do
            not fit its config.
    """
    path = config.model.path
    require_fitting(path, "model.path")
    tokenizer = tokenizer_of(config.model)
    asked = _asked(config, tokenizer, progress)
    progress("reading the demonstrations")
    train, held_out, left_out = _lessons(config)
    progress("tokenizing the demonstrations")
    known = {prompt_key(row) for row in asked.rows}
    kept = [lesson for lesson in train if prompt_key(lesson.prompt) not in known]
    room = config.model.max_context - config.thinking.fed_back
    learned = tokenized(kept, config.data, tokenizer, room)
    measured = tokenized(held_out, config.data, tokenizer, room)
    # A prompt that is told as a text in the one and as messages in the other.
    prompts = {tuple(prompt.token_ids) for prompt in asked.prompts}
    rows = [row for row in learned.rows if row.prompt not in prompts]
    if not rows:
        raise DataError(
            f"sft.train={config.sft.train!r}: no demonstration is left to train on: {len(train)} "
            f"rows, {learned.num_too_long} too long, the others asked for in the held-out checks"
        )
    if path:
        said = ("a demonstration", [max(map(max, (row.prompt, row.completion))) for row in rows])
        check_vocabulary("model.path", path, tokenizer, asked.prompts, [said])
    config, length = resolve_length(config, len(rows), resume)
    overlap = len(train) - len(kept) + len(learned.rows) - len(rows)
    notes = _notes(config, overlap, learned.num_too_long + measured.num_too_long)
    if not measured.rows:
        notes.append("no held-out demonstrations: the held-out loss is not measured")
    return SupervisedPlan(
        config,
        length,
        asked.prompts,
        [*asked.notes, *left_out, *notes],
        train=to_batch(rows),
        held_out=to_batch(measured.rows),
    )


def _notes(config: RunConfig, overlap: int, num_too_long: int) -> list[str]:
    """What is not as a user may expect."""
    notes = []
    if overlap:
        notes.append(f"{overlap} demonstrations left out: their prompts are held out")
    if num_too_long:
        notes.append(
            f"{num_too_long} demonstrations left out: over model.max_context="
            f"{config.model.max_context} tokens, or their prompts over data.max_prompt_tokens="
            f"{config.data.max_prompt_tokens}"
        )
    if not measures_answers(config):
        named = config.data.train or config.data.test or not config.sft.train
        why = "no check is asked for (evaluation.final_prompts, loop.evaluate_every)"
        none = "data.test names no rows with expected answers to ask for"
        notes.append(f"pass@1 is not measured: {why if named else none}")
    return notes


@dataclass(frozen=True)
class _Asked:
    """What the held-out checks ask for."""

    rows: Sequence[Row] = ()
    prompts: Sequence[Prompt] = ()
    notes: Sequence[str] = ()


def _asked(
    config: RunConfig, tokenizer: PreTrainedTokenizerBase, progress: Callable[[str], None]
) -> _Asked:
    if not measures_answers(config):
        return _Asked()
    progress("reading the rows of the held-out checks")
    rows = require_gradable(_held_out_rows(config), config)
    require_sources(config.verifiers, {row.source for row in rows.held_out})
    predictor = predictor_for(config.thinking, config.model.path, rows.held_out)
    budgets = Budgets(config.thinking, config.run.seed, predictor)
    found = with_budgets(rows.held_out, config, tokenizer, budgets)
    try_plugins(config.verifiers, config.sandbox, rows.held_out, found.prompts, progress)
    notes = [*rows.notes, *held_out_notes(config, len(found.prompts))]
    if warning := unheard_warning([found], config.data, tokenizer):
        notes.append(warning)
    return _Asked(rows.held_out, found.prompts, notes)


def _held_out_rows(config: RunConfig) -> RunRows:
    """Without those that reinforcement would train on."""
    data = config.data
    if data.test and not data.train:
        return load_test(data)
    found = load_rows(data) if data.train else generated_rows(data.holdout, config.run.seed)
    return replace(found, train=[])


def _lessons(config: RunConfig) -> tuple[list[Lesson], list[Lesson], list[str]]:
    """Demonstrations to train on, held-out ones, and notes of what cannot be read."""
    sft = config.sft
    if not sft.train:
        train, notes = generated_lessons(config.run.seed), []
    else:
        read = read_lessons(sft.train, config.data, sft.all_turns)
        train, notes = read.rows, read.notes(sft.train)
    if sft.test:
        test = read_lessons(sft.test, config.data, sft.all_turns)
        held_out, notes = test.rows, [*notes, *test.notes(sft.test)]
        train, overlap = _apart(train, held_out, config)
        notes += overlap
    else:
        train, held_out = split(train, sft.holdout)
    train, held_out = (
        [without_first_steps(lesson, sft.dropped_steps) for lesson in part]
        for part in (train, held_out)
    )
    return train, held_out, notes


def _apart(
    train: list[Lesson], held_out: list[Lesson], config: RunConfig
) -> tuple[list[Lesson], list[str]]:
    """The demonstrations whose prompts are not those of sft.test, and a note of the others: the
    held-out loss is of what was not learned."""
    asked = {prompt_key(lesson.prompt) for lesson in held_out}
    apart = [lesson for lesson in train if prompt_key(lesson.prompt) not in asked]
    if not apart:
        raise DataError(
            f"sft.train={config.sft.train!r}: the prompt of each of its {len(train)} "
            f"demonstrations is also in sft.test={config.sft.test!r}; without sft.test, "
            "sft.holdout rows of it are held out"
        )
    if not (overlap := len(train) - len(apart)):
        return apart, []
    return apart, [f"{overlap} demonstrations left out: their prompts are in sft.test"]


def split(lessons: Sequence[Lesson], count: int) -> tuple[list[Lesson], list[Lesson]]:
    """Those to train on, and those of `count` held-out conversations, at most a tenth of them:
    the ones whose first prompt has the smallest hash. Conversations that begin alike are in one
    part, with all their turns."""
    first: dict[tuple[str, int], bytes] = {}
    for lesson in lessons:
        row = (lesson.prompt.file, lesson.prompt.number)
        if row not in first:
            first[row] = prompt_key(lesson.prompt)
    distinct = sorted(set(first.values()))
    chosen = set(distinct[: min(count, len(distinct) // MOST_HELD_OUT)])
    parts: tuple[list[Lesson], list[Lesson]] = ([], [])
    for lesson in lessons:
        is_held_out = first[lesson.prompt.file, lesson.prompt.number] in chosen
        parts[is_held_out].append(lesson)
    return parts
