"""What a run needs before its fleet: the policy's path, and tokenized prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlsys.config.schema import RunConfig
from rlsys.data.generated import generated_rows
from rlsys.data.load import RunRows, load_rows
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt, Tokenized, tokenize
from rlsys.errors import ConfigError
from rlsys.grading.expected import require_gradable
from rlsys.thinking.budgets import Budgets, equip, instruct, predictor_for, question_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Prepared:
    """A run's inputs."""

    model_path: str
    train: list[Prompt]
    held_out: list[Prompt]
    notes: list[str]
    """What the user should know of: rows that were left out."""


def prepare(config: RunConfig, rows: RunRows, progress: Callable[[str], None]) -> Prepared:
    """Find or make the policy, then tokenize the rows of `read_rows`.

    Raises:
        ConfigError: the model has no tokenizer, or there are too few held-out prompts.
        DataError: no prompt is short enough.
    """
    model_path = config.model.path
    if not model_path:
        from rlsys.recipes.local_policy import prepare_local_policy

        cache = Path(config.model.cache).expanduser()
        model_path = str(prepare_local_policy(config.model.local, cache, config.run.seed, progress))
    progress("tokenizing the prompts")
    tokenizer = _tokenizer(model_path)
    predictor = predictor_for(config.thinking, model_path, [*rows.train, *rows.held_out])
    budgets = Budgets(config.thinking, config.run.seed, predictor)
    train = _with_budgets(rows.train, config, tokenizer, budgets)
    held_out = _with_budgets(rows.held_out, config, tokenizer, budgets)
    if len(held_out.prompts) < config.evaluation.final_prompts:
        raise ConfigError(
            f"evaluation.final_prompts={config.evaluation.final_prompts}: there are only "
            f"{len(held_out.prompts)} held-out prompts; nearest valid: {len(held_out.prompts)}"
        )
    notes = list(rows.notes)
    too_long = train.num_too_long + held_out.num_too_long
    if too_long:
        notes.append(
            f"{too_long} prompts of over {config.data.max_prompt_tokens} tokens are left out "
            "(data.max_prompt_tokens)"
        )
    return Prepared(model_path, train.prompts, held_out.prompts, notes)


def _with_budgets(
    rows: Sequence[Row], config: RunConfig, tokenizer: PreTrainedTokenizerBase, budgets: Budgets
) -> Tokenized:
    """Tokenized prompts that know their thinking budgets, and say them where they should."""
    thinking = config.thinking
    most = {row.prompt_id: budgets.of(row.prompt_id, question_of(row)) for row in rows}
    told = [instruct(row, most[row.prompt_id], thinking) for row in rows]
    tokenized = tokenize(told, config.data, tokenizer)
    equipped = [equip(p, most[p.prompt_id], thinking) for p in tokenized.prompts]
    return replace(tokenized, prompts=equipped)


def read_rows(config: RunConfig) -> RunRows:
    """The run's training and held-out rows; no tokenizer, no model and no cluster needed.

    Raises:
        DataError, ConfigError: as rlsys.data.load.load_rows and
            rlsys.grading.expected.require_gradable.
    """
    if config.data.train:
        return require_gradable(load_rows(config.data), config)
    return generated_rows(config.data.holdout, config.run.seed)


def _tokenizer(model_path: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(model_path)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"model.path={model_path!r}: no tokenizer could be loaded from this directory or hub "
            f"id: {reason}"
        ) from error
