"""The plan of a reward model: preference pairs as token ids, and those that are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from rlsys.config.run import RunConfig
from rlsys.data.batches import Batches
from rlsys.data.generated import generated_pairs
from rlsys.data.pairs import Pair, TokenPairs, read_pairs, to_batch, tokenized
from rlsys.data.read import left_out, require_readable
from rlsys.data.vocabulary import check_vocabulary
from rlsys.errors import ConfigError, DataError
from rlsys.local_policy.resolve import tokenizer_of
from rlsys.observe.next_steps import policy_of, reward_model_commands
from rlsys.pretrained import loading
from rlsys.run.checkpointer import Checkpointer
from rlsys.schema import list_column
from rlsys.stages.base import Stage, Surroundings
from rlsys.stages.inputs import require_fitting
from rlsys.stages.length import resolve_length
from rlsys.stages.plan import Plan
from rlsys.stages.reward_model import RewardModelling
from rlsys.stages.sft import LearnedRows
from rlsys.stages.sft_plan import MOST_HELD_OUT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass
class PairsPlan(Plan):
    """Of a run of `rlsys reward-model`; nobody is asked for anything."""

    train: pa.RecordBatch = field(kw_only=True)
    """A `pairs` batch."""
    held_out: pa.RecordBatch = field(kw_only=True)

    @property
    def longest(self) -> Sequence[int]:
        """A prompt and the longer one of its two sides."""
        prompts, *sides = (list_column(self.train, name) for name in self.train.schema.names)
        lengths = [[len(p) + len(s) for p, s in zip(prompts, side, strict=True)] for side in sides]
        longest = max(range(2), key=lambda i: max(lengths[i]))
        row = lengths[longest].index(max(lengths[longest]))
        return [*prompts[row], *sides[longest][row]]

    def outputs(self, folder: Path) -> dict[str, Path]:
        """The model of the newest checkpoint."""
        model = policy_of(folder)
        return {} if model is None else {"reward_model": model}

    def next_commands(self, folder: Path, steps: int, resume_by: str) -> list[str]:
        """It is a verifier now."""
        return reward_model_commands(folder) if policy_of(folder) else []

    def stage(
        self, name: str, model_path: str, checkpointer: Checkpointer, around: Surroundings
    ) -> Stage:
        """A reward model of these pairs."""
        config = self.config
        batches = Batches.of_run(config, self.train.num_rows, config.reward_model.pairs_per_step)
        rows = LearnedRows(self.train, self.held_out, batches)
        return RewardModelling(config, name, model_path, rows, self.prompts, checkpointer, around)


def sources(config: RunConfig) -> list[str]:
    """Which data files a run reads."""
    return [config.reward_model.train, config.reward_model.test]


def read(config: RunConfig, resume: bool, progress: Callable[[str], None]) -> PairsPlan:
    """The plan of a run.

    Raises:
        DataError: pairs that cannot be learned from, unless data.skip_unreadable_rows leaves them
            out; or none is left to train on.
        ConfigError: the model has no tokenizer, no room for one of the tokens, no classifier of
            its type, or weights that do not fit its config.
    """
    path = config.model.path
    require_fitting(path, "model.path")
    require_classifier(path)
    tokenizer = tokenizer_of(config.model)
    progress("reading the pairs")
    train, held_out, notes = _pairs(config)
    progress("tokenizing the pairs")
    learned = _tokenized(train, config, tokenizer, notes)
    measured = _tokenized(held_out, config, tokenizer, notes)
    if not learned.rows:
        raise DataError(
            f"reward_model.train={config.reward_model.train!r}: no pair is left to train on: "
            f"{len(train)} pairs, {learned.num_too_long} over model.max_context="
            f"{config.model.max_context} tokens"
        )
    if path:
        uses = [
            ("a pair", [max(map(max, (r.prompt, r.chosen, r.rejected)))])
            for r in (*learned.rows, *measured.rows)
        ]
        check_vocabulary("model.path", path, tokenizer, [], uses)
    config, length = resolve_length(config, len(learned.rows), resume)
    if too_long := learned.num_too_long + measured.num_too_long:
        notes.append(
            f"{too_long} pairs left out: a side over model.max_context="
            f"{config.model.max_context} tokens"
        )
    if not measured.rows:
        notes.append("no held-out pairs: the held-out loss and accuracy are not measured")
    return PairsPlan(
        config, length, (), notes, train=to_batch(learned.rows), held_out=to_batch(measured.rows)
    )


def require_classifier(path: str) -> None:
    """Raise ConfigError when transformers has no sequence classifier of a model's type."""
    if not path:
        return
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    with loading(path, f"model.path={path!r}: its config cannot be loaded"):
        config = AutoConfig.from_pretrained(path)
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise ConfigError(
            f"model.path={path!r}: transformers has no sequence classifier of the type "
            f"{config.model_type}, so there can be no reward model of it; nearest valid: qwen2"
        )


def split(pairs: Sequence[Pair], count: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs to train on, and those of `count` held-out prompts, at most a tenth of them: the ones
    with the smallest hashes."""
    keys = [pair.key for pair in pairs]
    distinct = sorted(set(keys))
    chosen = set(distinct[: min(count, len(distinct) // MOST_HELD_OUT)])
    parts: tuple[list[Pair], list[Pair]] = ([], [])
    for pair, key in zip(pairs, keys, strict=True):
        parts[key in chosen].append(pair)
    return parts


def _pairs(config: RunConfig) -> tuple[list[Pair], list[Pair], list[str]]:
    """Pairs to train on, held-out ones, and notes of what was left out."""
    own = config.reward_model
    if not own.train:
        return *split(generated_pairs(config.run.seed), own.holdout), []
    read = read_pairs(own.train, config.data)
    notes = read.notes(own.train)
    if not own.test:
        return *split(read.rows, own.holdout), notes
    test = read_pairs(own.test, config.data)
    asked = {pair.key for pair in test.rows}
    train = [pair for pair in read.rows if pair.key not in asked]
    notes += test.notes(own.test)
    if not train:
        raise DataError(
            f"reward_model.train={own.train!r}: the prompt of each of its {len(read.rows)} pairs "
            f"is also in reward_model.test={own.test!r}; without reward_model.test, "
            "reward_model.holdout prompts of it are held out"
        )
    if overlap := len(read.rows) - len(train):
        notes.append(f"{overlap} pairs left out: their prompts are held out")
    return train, test.rows, notes


def _tokenized(
    pairs: Sequence[Pair],
    config: RunConfig,
    tokenizer: PreTrainedTokenizerBase,
    notes: list[str],
) -> TokenPairs:
    """With a note of pairs that rendering leaves nothing to learn from, if they may be left out."""
    found = tokenized(pairs, tokenizer, config.model.max_context)
    require_readable(found.unreadable, len(pairs) - len(found.unreadable), config.data)
    if found.unreadable:
        notes.append(left_out(found.unreadable))
    return found
