"""A whole file in figures: how long its prompts are, what they expect, what repeats or is odd."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rlsys.config.data import DataConfig
from rlsys.data.inspection.kinds import kind_of
from rlsys.data.inspection.oddities import SHOWN_SIGHTS, Oddity, cut, find_oddities
from rlsys.data.raw import RowError
from rlsys.data.read import Reading
from rlsys.data.repeats import Repeats, find_repeats
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt, Tokenized, Tokenizer, tokenize, unheard

_ANY_LENGTH = 2**31
_QUANTILES = (0.0, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Survey:
    """All rows of a file, or of the files of a folder."""

    files: tuple[str, ...]
    formats: tuple[str, ...]
    num_rows: int
    """Those that were read."""
    unreadable: tuple[RowError, ...]
    sources: Counter[str]
    kinds: Counter[str]
    """Of the expected answers."""
    prompt_tokens: tuple[int, ...]
    """Shortest, median, 90 %, 99 % and longest, of all that were read."""
    max_prompt_tokens: int
    too_long: list[Row]
    rows: list[Row]
    """Those whose prompt is not too long."""
    prompts: list[Prompt]
    """Of these rows."""
    repeats: Repeats
    oddities: list[Oddity]


def survey(reading: Reading[Row], config: DataConfig, tokenizer: Tokenizer) -> Survey:
    """Render and tokenize all rows, and look through them.

    Raises:
        ConfigError, DataError: as `rlsys.data.templates.render`.
    """
    tokenized = tokenize(reading.rows, replace(config, max_prompt_tokens=_ANY_LENGTH), tokenizer)
    pairs = list(zip(tokenized.rows, tokenized.prompts, strict=True))
    unheard = _without_system(tokenized, config, tokenizer)
    fits = [len(prompt.token_ids) <= config.max_prompt_tokens for _, prompt in pairs]
    return Survey(
        files=reading.files,
        formats=tuple(dict.fromkeys(reading.formats)),
        num_rows=len(reading.rows),
        unreadable=reading.unreadable,
        sources=Counter(row.source for row in reading.rows),
        kinds=Counter(map(kind_of, reading.rows)),
        prompt_tokens=quantiles([len(prompt.token_ids) for _, prompt in pairs]),
        max_prompt_tokens=config.max_prompt_tokens,
        too_long=[row for (row, _), fit in zip(pairs, fits, strict=True) if not fit],
        rows=[row for (row, _), fit in zip(pairs, fits, strict=True) if fit],
        prompts=[prompt for (_, prompt), fit in zip(pairs, fits, strict=True) if fit],
        repeats=find_repeats(reading.rows),
        oddities=[*find_oddities(reading.rows), *unheard],
    )


def _without_system(tokenized: Tokenized, config: DataConfig, tokenizer: Tokenizer) -> list[Oddity]:
    """Rows whose system message the chat template left out of their prompt."""
    seen = unheard(tokenized, config, tokenizer)
    if not seen:
        return []
    sights = list(dict.fromkeys(repr(text) for _, text in seen))
    name = "system messages that the model's chat template leaves out"
    rows = [row for row, _ in seen]
    return [Oddity(name, rows, tuple(map(cut, sights[:SHOWN_SIGHTS])), len(sights))]


def quantiles(lengths: Sequence[int]) -> tuple[int, ...]:
    """Shortest, median, 90 %, 99 %, longest."""
    ordered = sorted(lengths)
    last = len(ordered) - 1
    return tuple(ordered[round(share * last)] for share in _QUANTILES)
