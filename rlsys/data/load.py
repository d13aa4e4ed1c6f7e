"""The rows of a run: training rows, held-out rows, and what was left out of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rlsys.config.data import DataConfig
from rlsys.data.read import Reading, read_rows
from rlsys.data.repeats import find_repeats, prompt_key
from rlsys.data.rows import Row
from rlsys.errors import ConfigError, DataError

T = TypeVar("T")
_HELD_OUT_SHARE = 5
"""One in so many prompts is held out of a file that is too small for data.holdout."""


@dataclass(frozen=True)
class RunRows:
    """Disjoint training and held-out rows: no prompt is in both."""

    train: list[Row]
    held_out: list[Row]
    notes: tuple[str, ...]
    """What the user should know of: rows left out, by reason, and prompts that occur twice."""


def load_rows(config: DataConfig) -> RunRows:
    """Read data.train and data.test, or split held-out rows off data.train.

    Needs neither tokenizer nor model, so bad rows are found before any model loads. Training
    rows whose prompt is also held out are left out.

    Raises:
        DataError: as `read_rows`, or no training rows are left.
        ConfigError: data.train is empty.
    """
    if not config.train:
        raise ConfigError("data.train is empty: there is no file to read rows from")
    reading = read_rows(config.train, config)
    notes = _notes(config.train, reading)
    if not config.test:
        train, held_out = hold_out(reading.rows, config.holdout)
        if len(held_out) < config.holdout:
            notes += (
                f"{config.train}: {len(held_out) or 'none'} of its few prompts are held out, fewer "
                f"than data.holdout={config.holdout}",
            )
        return RunRows(train, held_out, notes)
    test = read_rows(config.test, config)
    notes += _notes(config.test, test)
    train = without(reading.rows, test.rows)
    overlap = len(reading.rows) - len(train)
    if not train:
        raise DataError(f"{config.train}: each of its {overlap} prompts is also in {config.test}")
    if overlap:
        notes += (f"{config.train}: {overlap} rows left out, also in {config.test}",)
    return RunRows(train, test.rows, notes)


def load_test(config: DataConfig) -> RunRows:
    """The rows of data.test alone, all of them held out.

    Raises:
        DataError: as `read_rows`.
    """
    reading = read_rows(config.test, config)
    return RunRows([], reading.rows, _notes(config.test, reading))


def hold_out(rows: Sequence[Row], count: int) -> tuple[list[Row], list[Row]]:
    """Split off `count` rows with distinct prompts: those whose prompt's hash is smallest.

    The choice depends on the prompts alone, not on their order or a seed, and one more row
    displaces at most one held-out row. Further rows with a held-out prompt are in neither part.
    Where `count` would leave no training row, a fifth of the prompts is held out.

    Returns: the training rows and the held-out rows, each in the order of the file.
    """
    keys = [prompt_key(row) for row in rows]
    distinct = sorted(set(keys))
    if count >= len(distinct):
        count = min(max(1, len(distinct) // _HELD_OUT_SHARE), len(distinct) - 1)
    return split(rows, keys, set(distinct[:count]))


def split(
    rows: Sequence[T], keys: Sequence[bytes], chosen: Collection[bytes]
) -> tuple[list[T], list[T]]:
    """The rows with other keys than the chosen ones, and the first row of each chosen key."""
    train: list[T] = []
    held_out: dict[bytes, T] = {}
    for key, row in zip(keys, rows, strict=True):
        if key in chosen:
            held_out.setdefault(key, row)
        else:
            train.append(row)
    return train, list(held_out.values())


def without(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """The rows whose prompt is not among those of the others."""
    taken = {prompt_key(row) for row in others}
    return [row for row in rows if prompt_key(row) not in taken]


def _notes(path: str, reading: Reading[Row]) -> tuple[str, ...]:
    repeats = find_repeats(reading.rows).notes()
    return (*reading.notes(path), *(f"{path}: {note}" for note in repeats))
