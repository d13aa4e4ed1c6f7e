"""`rlsys inspect FILE`: the whole file in figures, then rows as they will be prompted and graded.

Starts no Ray and loads no model; the tokenizer is the run's.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsys.errors import DataError

if TYPE_CHECKING:
    from rlsys.config.data import DataConfig
    from rlsys.config.run import RunConfig
    from rlsys.config.verifiers import RewardConfig
    from rlsys.data.inspection.gold_check import GoldCheck, Grade
    from rlsys.data.inspection.rows import InspectedRow
    from rlsys.data.inspection.survey import Survey
    from rlsys.data.rows import Row
    from rlsys.data.templates import Tokenizer

_GRADING_S = 8.0
"""Seconds for gold answers without --all: GSM8K's 7,473 numbers take one, programs minutes."""


def inspect(
    file: Annotated[str, typer.Argument(help="A data file, or a folder of them.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, as in data.template=plain")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The run's YAML file; without it, templates and verifiers are chosen."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Directory or hub id of the model whose tokenizer is used.")
    ] = "",
    rows: Annotated[int, typer.Option(min=0, help="How many rows to show.")] = 3,
    grade_all: Annotated[
        bool,
        typer.Option(
            "--all", help="Grade every gold answer, however long it takes, and name every row."
        ),
    ] = False,
) -> None:
    """Show a whole file in figures, and rows as they will be prompted and graded.

    The figures: lengths, sources, kinds of answers, how many of the data's own answers their
    verifier accepts, repeated prompts, what is odd. Exit status: 0, 1 when a run would stop at
    rows that cannot be read, 2 when no row is of use: none can be read, every prompt is too long,
    or no puzzle has a solution.
    """
    from rlsys.algorithms.settings import check_algorithm
    from rlsys.config.load import CONFIGS, load
    from rlsys.config.run import StageKind
    from verifiers.settings import check_rewards

    console = Console()
    overrides = [*(overrides or ()), *([f"model.path={model}"] if model else ())]
    settings = load(config or CONFIGS / "base.yaml", overrides, check_rewards, check_algorithm)
    if settings.run.stage is StageKind.sft:
        _show_demonstrations(file, settings, rows, grade_all, console)
    elif settings.run.stage is StageKind.reward_model:
        _show_pairs(file, settings, rows, grade_all, console)
    else:
        _show_tasks(file, settings, rows, grade_all, None if config else overrides, console)


def _show_tasks(
    file: str,
    settings: "RunConfig",
    num_rows: int,
    grade_all: bool,
    chosen_beside: Sequence[str] | None,
    console: Console,
) -> None:
    """As `rlsys train` with these settings would learn from the file.

    Args:
        chosen_beside: overrides beside which limit and verifiers are chosen by the rows; None: the
            settings say them.
    """
    from rlsys.data.inspection.rows import render_row
    from rlsys.data.inspection.show import render_survey
    from rlsys.data.inspection.survey import survey
    from rlsys.data.read import read_rows
    from rlsys.local_policy.resolve import tokenizer_of

    with console.status("reading the rows"):
        reading = read_rows(file, _lenient(settings))
    if chosen_beside is not None:
        settings = _fitted(settings, reading.rows, chosen_beside)
    with console.status("tokenizing the prompts"):
        tokenizer = tokenizer_of(settings.model)
        found = survey(reading, settings.data, tokenizer)
    limit_s = math.inf if grade_all else _GRADING_S
    gold, shown = _graded(settings, found, num_rows, limit_s, tokenizer, console)
    names = ", ".join(reward.name or reward.verifier for reward in settings.verifiers.rewards)
    verifiers = names or "no verifier fits such rows"
    console.print(render_survey(found, gold, verifiers, every_row=grade_all))
    for row in shown:
        console.print(render_row(row))
    if chosen_beside is not None:
        _print_choices(names, settings.model.path, console)
    _require_use(file, found, gold)
    if found.unreadable and not settings.data.skip_unreadable_rows:
        raise typer.Exit(1)


def _require_use(file: str, found: "Survey", gold: "GoldCheck | None") -> None:
    """Raise DataError where every row that can be read teaches nothing, whoever samples it."""
    if not found.rows:
        longest = found.prompt_tokens[-1]
        raise DataError(
            f"{file}: all {found.num_rows:,} prompts are over data.max_prompt_tokens="
            f"{found.max_prompt_tokens}; nearest valid: data.max_prompt_tokens="
            f"{found.prompt_tokens[0]} for the shortest, {longest} for all"
        )
    if gold and gold.num_rows == len(found.rows) and len(gold.unsolvable) == gold.looked_at:
        raise DataError(
            f"{file}: none of the {gold.looked_at:,} puzzles that were looked at has a solution, "
            "so no completion can be paid; make the puzzles from an expression that solves them"
        )


def _graded(
    settings: "RunConfig",
    found: "Survey",
    num_rows: int,
    limit_s: float,
    tokenizer: "Tokenizer",
    console: Console,
) -> "tuple[GoldCheck | None, list[InspectedRow]]":
    """The data's own answers, graded until the time is up, and the first rows as they are shown."""
    from rlsys.data.inspection.rows import inspect_row

    with _Graders(settings, found.rows) as graders:
        gold = _check_gold(found, graders, limit_s, console)
        pairs = zip(found.rows[:num_rows], found.prompts[:num_rows], strict=True)
        shown = [
            inspect_row(row, prompt, settings.data, tokenizer, graders.of(row))
            for row, prompt in pairs
        ]
    return gold, shown


def _show_demonstrations(
    file: str, settings: "RunConfig", rows: int, every_row: bool, console: Console
) -> None:
    """As `rlsys sft` with these settings would learn from the file."""
    from rlsys.data.demonstrations import read_lessons
    from rlsys.data.inspection.demonstrations import render_demonstrations
    from rlsys.local_policy.resolve import tokenizer_of

    reading = read_lessons(file, _lenient(settings), settings.sft.all_turns)
    tokenizer = tokenizer_of(settings.model)
    limit = settings.model.max_context
    for part in render_demonstrations(reading, settings.data, tokenizer, limit, rows, every_row):
        console.print(part)
    if reading.unreadable and not settings.data.skip_unreadable_rows:
        raise typer.Exit(1)


def _show_pairs(
    file: str, settings: "RunConfig", rows: int, every_row: bool, console: Console
) -> None:
    """As `rlsys reward-model` with these settings would learn from the file."""
    from rlsys.data.inspection.pairs import render_pairs
    from rlsys.data.pairs import read_pairs, tokenized
    from rlsys.local_policy.resolve import tokenizer_of

    reading = read_pairs(file, _lenient(settings))
    tokenizer, limit = tokenizer_of(settings.model), settings.model.max_context
    made = tokenized(reading.rows, tokenizer, limit)
    for part in render_pairs(reading, made, tokenizer, limit, rows, every_row):
        console.print(part)
    if (reading.unreadable or made.unreadable) and not settings.data.skip_unreadable_rows:
        raise typer.Exit(1)


def _lenient(settings: "RunConfig") -> "DataConfig":
    """Every row that cannot be read is told, whatever a run would do with it."""
    return replace(settings.data, skip_unreadable_rows=True)


def _print_choices(verifiers: str, model: str, console: Console) -> None:
    """What was chosen without a config."""
    told = (
        "without --config, as rlsys train reads it: prompts of any length; verifier: "
        f"{verifiers or 'none'}"
    )
    if not model:
        told += "; tokens as the local policy counts them (--model names another tokenizer)"
    console.print(told, highlight=False)
    others = "demonstrations: --config configs/sft.yaml; pairs: --config configs/reward_model.yaml"
    console.print(others, highlight=False)


class _Graders:
    """The settings' verifiers, made only where there are rows for them; a context manager."""

    def __init__(self, settings: "RunConfig", rows: Sequence["Row"]) -> None:
        from verifiers.compose import Composite
        from verifiers.sandbox.shared import SharedSandbox

        self._rewards = settings.verifiers.rewards
        self._sandbox = SharedSandbox(settings.sandbox)
        needed = any(map(self._is_graded, rows))
        self._all = Composite(settings.verifiers, sandbox=self._sandbox) if needed else None

    def __enter__(self) -> "_Graders":
        return self

    def __exit__(self, *error: object) -> None:
        if self._all is not None:
            self._all.close()
        self._sandbox.close()

    def of(self, row: "Row") -> "Grade | None":
        """What grades a row; None where nothing does."""
        return self._all.grade if self._all is not None and self._is_graded(row) else None

    def _is_graded(self, row: "Row") -> bool:
        return any(not reward.sources or row.source in reward.sources for reward in self._rewards)


def _check_gold(
    found: "Survey", graders: _Graders, limit_s: float, console: Console
) -> "GoldCheck | None":
    from rlsys.data.inspection.gold_check import check_gold

    pairs = [
        (row, prompt)
        for row, prompt in zip(found.rows, found.prompts, strict=True)
        if graders.of(row)
    ]
    grade = graders.of(pairs[0][0]) if pairs else None
    if grade is None:
        return None
    with console.status("grading gold answers") as status:
        return check_gold(
            [row for row, _ in pairs],
            [prompt for _, prompt in pairs],
            grade,
            limit_s,
            lambda done: status.update(f"grading gold answers: {done:,} of {len(pairs):,}"),
        )


def _fitted(settings: "RunConfig", rows: Sequence["Row"], overrides: Sequence[str]) -> "RunConfig":
    """Without a config: no limit of length, and the verifiers that such rows need; what is named
    on the command line stays."""
    from rlsys.data.inspection.show import NO_LIMIT

    if not any(override.startswith("data.max_prompt_tokens=") for override in overrides):
        settings = replace(settings, data=replace(settings.data, max_prompt_tokens=NO_LIMIT))
    if not any(override.startswith("verifiers.") for override in overrides):
        verifiers = replace(settings.verifiers, rewards=fitting_rewards(rows))
        settings = replace(settings, verifiers=verifiers)
    return settings


def fitting_rewards(rows: Sequence["Row"]) -> list["RewardConfig"]:
    """The built-in verifier for the rows of each source; none for patches, which need a checkout,
    and for rows without answers."""
    from rlsys.config.verifiers import RewardConfig

    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row)
    sources_of: dict[str, list[str]] = {}
    for source, its_rows in by_source.items():
        sources_of.setdefault(_fitting_verifier(its_rows), []).append(source)
    if len(sources_of) == 1:
        return [RewardConfig(name) for name in sources_of if name]
    return [RewardConfig(name, sources=sources) for name, sources in sources_of.items() if name]


def _fitting_verifier(rows: Sequence["Row"]) -> str:
    from rlsys.data.countdown import read_puzzle
    from rlsys.data.rows import PromptKind

    if any(row.kind is PromptKind.PATCH for row in rows):
        return ""
    if any(row.kind is PromptKind.PROGRAM for row in rows):
        has_input = all("tests" in row.info for row in rows)
        return "code_programs" if has_input else "code_functions"
    if all(row.expected is None for row in rows):
        return ""
    if all("options" in row.info for row in rows):
        return "choice"
    is_countdown = all(read_puzzle(row.expected) is not None for row in rows)
    return "countdown" if is_countdown else "math"
