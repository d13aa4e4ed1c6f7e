"""A wish for a checkpoint, left in a run's folder: it reaches a driver on any host that shares it.

rlsys checkpoint RUN --file--> the folder <--looks after each step-- the driver
"""

from pathlib import Path

_FILE = "checkpoint.wanted"


def ask(folder: Path) -> None:
    """Leave a wish; one that is there already stays."""
    (folder / _FILE).touch()


def is_open(folder: Path) -> bool:
    """Whether a wish waits to be granted."""
    return (folder / _FILE).exists()


def close(folder: Path) -> None:
    """The wish has been granted, or nobody is there any more to grant it."""
    (folder / _FILE).unlink(missing_ok=True)
