"""How often a policy was right on each prompt, as `rlsys sample` measured it: rates.jsonl.

    {"prompt_id": "5f...", "n": 16, "right": 3, "pass_rate": 0.1875, ...}

A prompt's id is a hash of source, prompt and expected answer, so rates fit the same rows in any
file and any order, and none that was edited since.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rlsys.config.data import DataConfig
from rlsys.data.files import find_files, read_file
from rlsys.data.load import RunRows
from rlsys.data.raw import RawRow, shown
from rlsys.errors import DataError

FILE = "rates.jsonl"


def within_pass_rate(rows: RunRows, config: DataConfig) -> RunRows:
    """The training rows whose rate is within data.pass_rate; held-out rows all stay, so that
    pass@1 is comparable with that of a run without a limit.

    Raises:
        DataError: there are no such rates, or no row is left.
    """
    if not config.pass_rate:
        return rows
    least, most = config.pass_rate
    rates = read_rates(config.rates)
    found = [rates.get(row.prompt_id) for row in rows.train]
    low = sum(rate is not None and rate < least for rate in found)
    high = sum(rate is not None and rate > most for rate in found)
    unknown = sum(rate is None for rate in found)
    kept = [
        row
        for row, rate in zip(rows.train, found, strict=True)
        if rate is not None and least <= rate <= most
    ]
    limits = f"data.pass_rate=[{least:g},{most:g}]"
    counts = f"{low:,} below, {high:,} above, {unknown:,} without a rate in {config.rates}"
    if not kept:
        others = ""
        if unknown == len(found):
            others = (
                f", whose {len(rates):,} rates are of other prompts: it must be of the same rows, "
                "with the same data.source"
            )
        raise DataError(f"{limits} leaves none of {len(found):,} training rows: {counts}{others}")
    note = f"{limits}: {len(kept):,} of {len(found):,} training rows are left: {counts}"
    return replace(rows, train=kept, notes=(*rows.notes, note))


def read_rates(path: str) -> Mapping[str, float]:
    """Share of right completions by prompt_id; prompts of which none got a verdict are not there.

    Raises:
        DataError: the file is none of `rlsys sample`; names row, column and what was expected.
    """
    folder = Path(path).expanduser()
    if (folder / FILE).is_file():
        raise DataError(f"data.rates={path!r} is a folder; nearest valid: {folder / FILE}")
    (file,) = find_files(path)[:1]
    raw = read_file(file)
    if raw.broken:
        raise raw.broken[0]
    rates: dict[str, float] = {}
    for row in raw.rows:
        prompt_id, rate = row.text("prompt_id"), _rate(row)
        if rate is not None:
            rates[prompt_id] = rate
    return rates


def _rate(row: RawRow) -> float | None:
    expected = "a share from 0 to 1, or null, as `rlsys sample` writes it"
    if "pass_rate" not in row.values:
        raise row.error("pass_rate", expected, f"no such column among {', '.join(row.values)}")
    value = row.values["pass_rate"]
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise row.error("pass_rate", expected, shown(value))
    return float(value)
