"""What a run needs before its fleet: tokenized prompts, then the policy's path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlsys.config.model_names import find_model
from rlsys.config.run import RunConfig
from rlsys.config.thinking import BudgetRule
from rlsys.config.weight_files import require_weights
from rlsys.data.generated import generated_rows
from rlsys.data.load import RunRows, load_rows, split
from rlsys.data.rates import within_pass_rate
from rlsys.data.repeats import prompt_key
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt, Tokenized, tokenize, unheard_warning
from rlsys.data.vocabulary import check_vocabulary
from rlsys.errors import ConfigError, DataError
from rlsys.grading.expected import require_gradable
from rlsys.imports import imports
from rlsys.local_policy.resolve import tokenizer_of
from rlsys.pretrained import load_tokenizer
from rlsys.thinking.budgets import (
    Budgets,
    predictor_for,
    question_of,
    with_budget,
    with_instruction,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Prepared:
    """A run's prompts."""

    train: list[Prompt]
    held_out: list[Prompt]
    notes: list[str]
    """What the user should know of, such as rows that were left out."""


def prepare(config: RunConfig, rows: RunRows, progress: Callable[[str], None]) -> Prepared:
    """Tokenize the rows of `read_rows`, as the policy will be asked them. No cluster is needed, and
    no weights, unless thinking budgets are read off the policy's embeddings.

    Raises:
        ConfigError: the model has no tokenizer, no room for one of the tokens, or weights that do
            not fit its config.
        DataError: no prompt is short enough.
    """
    path = config.model.path
    if config.thinking.budgets is BudgetRule.regressor:
        path = find_policy(config, progress)
    require_fitting(path, "model.path")
    progress("tokenizing the prompts")
    tokenizer = tokenizer_of(config.model)
    predictor = predictor_for(config.thinking, path, [*rows.train, *rows.held_out])
    budgets = Budgets(config.thinking, config.run.seed, predictor)
    if config.data.train and not config.data.test:
        both = with_budgets([*rows.held_out, *rows.train], config, tokenizer, budgets)
        train, held_out = _held_out_again(both, rows.held_out)
        parts = [both]
    else:
        parts = [
            with_budgets(part, config, tokenizer, budgets) for part in (rows.train, rows.held_out)
        ]
        train, held_out = (part.prompts for part in parts)
    too_long = sum(part.num_too_long for part in parts)
    if not train:
        raise DataError(
            f"data.train={config.data.train!r}: no prompt is left to train on: {too_long} are too "
            f"long (data.max_prompt_tokens={config.data.max_prompt_tokens}), {len(held_out)} are "
            "held out"
        )
    if path:
        check_vocabulary("model.path", path, tokenizer, [*train, *held_out])
    if teacher := config.teacher.path:
        find_model(teacher, f"teacher.path={teacher!r}", config.run.directory)
        _require_teacher(teacher, path, tokenizer)
        require_weights(teacher, f"teacher.path={teacher!r}")
        require_fitting(teacher, "teacher.path")
        check_vocabulary("teacher.path", teacher, tokenizer, [*train, *held_out])
    notes = list(rows.notes)
    if too_long:
        notes.append(
            f"{too_long} prompts of over {config.data.max_prompt_tokens} tokens are left out "
            "(data.max_prompt_tokens)"
        )
    if warning := unheard_warning(parts, config.data, tokenizer):
        notes.append(warning)
    return Prepared(train, held_out, notes)


def find_policy(config: RunConfig, progress: Callable[[str], None]) -> str:
    """Directory or hub id of the policy to train; without one, the local policy is made."""
    if config.model.path:
        return config.model.path
    from rlsys.local_policy.policy import prepare_local_policy

    cache = Path(config.model.cache).expanduser()
    return str(prepare_local_policy(config.model.local, cache, config.run.seed, progress))


def _held_out_again(both: Tokenized, chosen: Sequence[Row]) -> tuple[list[Prompt], list[Prompt]]:
    """Training and held-out prompts of a file that holds both. In the place of the chosen rows that
    were too long, the next ones are held out, by the same rule, which looks at the prompts alone;
    at least half of the other prompts stay in training."""
    first = {prompt_key(row) for row in chosen}
    keys = [prompt_key(row) for row in both.rows]
    others = sorted(set(keys) - first)
    missing = len(first - set(keys))
    held = first | set(others[: min(missing, len(others) // 2)])
    return split(both.prompts, keys, held)


def held_out_notes(config: RunConfig, there: int) -> list[str]:
    """What pass@1 is measured on, where that is not what was asked for."""
    checks = config.evaluation
    if not there or not checks.final_prompts:
        why = "evaluation.final_prompts=0" if there else "no held-out prompts"
        return [f"{why}: pass@1 is not measured before and after training"]
    asked = {"final_prompts": checks.final_prompts, "prompts": checks.prompts}
    more = [f"evaluation.{name}={count}" for name, count in asked.items() if count > there]
    if not more:
        return []
    return [f"pass@1 is measured on {there} held-out prompts, all there are ({', '.join(more)})"]


def with_budgets(
    rows: Sequence[Row], config: RunConfig, tokenizer: PreTrainedTokenizerBase, budgets: Budgets
) -> Tokenized:
    """Tokenized prompts that know their thinking budgets, and say them where they should."""
    thinking = config.thinking
    most = {row.prompt_id: budgets.of(row.prompt_id, question_of(row)) for row in rows}
    told = [with_instruction(row, most[row.prompt_id], thinking) for row in rows]
    tokenized = tokenize(told, config.data, tokenizer)
    budgeted = [with_budget(p, most[p.prompt_id], thinking) for p in tokenized.prompts]
    return replace(tokenized, prompts=budgeted)


def read_rows(config: RunConfig) -> RunRows:
    """The run's training and held-out rows; no tokenizer, no model and no cluster needed.

    Raises:
        DataError, ConfigError: as rlsys.data.load.load_rows, rlsys.data.rates.within_pass_rate and
            rlsys.grading.expected.require_gradable.
    """
    if config.data.train:
        rows = load_rows(config.data)
    else:
        rows = generated_rows(config.data.holdout, config.run.seed)
    return require_gradable(within_pass_rate(rows, config.data), config)


def require_fitting(path: str, setting: str) -> None:
    """Raise ConfigError when a model's weights are not those of its config."""
    if path:
        with imports():
            from rlsys.weights import fit
        fit.require_fitting(path, f"{setting}={path!r}")


def _require_teacher(path: str, student: str, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise ConfigError unless the teacher is another policy that reads the policy's tokens."""
    if student and Path(path).expanduser().resolve() == Path(student).expanduser().resolve():
        raise ConfigError(
            f"teacher.path={path!r}: is the policy that is trained (model.path); there is nothing "
            "to learn from it"
        )
    own, other = tokenizer.get_vocab(), load_tokenizer(path, f"teacher.path={path!r}").get_vocab()
    unlike = sorted(t for t in own.keys() | other.keys() if own.get(t) != other.get(t))
    if unlike:
        first = unlike[0]
        raise ConfigError(
            f"teacher.path={path!r}: its tokenizer is another than the policy's: {len(unlike):,} "
            f"tokens differ, such as {first!r} with the id {other.get(first)} there and "
            f"{own.get(first)} here; a teacher scores the policy's own tokens, so take one of the "
            "same family"
        )
