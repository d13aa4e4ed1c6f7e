"""What a row's data set is called, where nothing but its file says so."""

import re
from pathlib import Path

from rlsys.data.raw import RawRow

_SHARD = re.compile(r"-\d{4,6}-of-\d{4,6}$")
_NAMELESS = re.compile(r"data|dataset|\d*|train|test|validation|default|main")
_HUB = re.compile(r"datasets--[^/]*?--([^/]+)/snapshots/")


def source_of(raw: RawRow, column: str) -> str:
    """The row's own source, in `column`; else the name that its file shows.

    `gsm8k.jsonl` is gsm8k, `data/gsm8k/train/0000.parquet` and `gsm8k/data-00000-of-00001.arrow`
    too; of the hub's files it is the data set's name.
    """
    value = raw.values.get(column)
    return value if isinstance(value, str) and value else name_of(raw.file)


def name_of(file: str) -> str:
    """The name of the data set that a file belongs to."""
    path = Path(file)
    if hub := _HUB.search(path.as_posix()):
        return hub[1]
    own = path.name.split(".")[0]
    if not own.isdigit() and not _SHARD.search(own):
        return own
    names = (_SHARD.sub("", own), *(part.name for part in path.parents))
    return next((name for name in names if not _NAMELESS.fullmatch(name)), own)
