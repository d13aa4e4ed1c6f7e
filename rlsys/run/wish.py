"""Wishes, left as files in a run's folder: they reach a driver on any host that shares it.

rlsys checkpoint RUN --checkpoint.wanted--> the folder <--looks after each step--   the driver
rlsys stacks RUN     --stacks.wanted------> the folder <--looks once a second-- its lookout's thread
"""

from enum import Enum
from pathlib import Path


class Wish(Enum):
    """What may be wished for, and its file."""

    checkpoint = "checkpoint.wanted"
    stacks = "stacks.wanted"


def ask(folder: Path, what: Wish) -> None:
    """Leave a wish; one that is there already stays."""
    (folder / what.value).touch()


def is_open(folder: Path, what: Wish) -> bool:
    """Whether a wish waits to be granted."""
    return (folder / what.value).exists()


def close(folder: Path, what: Wish) -> None:
    """The wish has been granted, or nobody is there any more to grant it."""
    (folder / what.value).unlink(missing_ok=True)
