"""Which data files a run reads, and their content's hash: a resumed run must read the same."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from rlsys.data.files import find_files
from rlsys.errors import DataError

_CHANGED = "is not what the run began with"
_REMEDY = "bring it back, or start a new run from the checkpoint's weights"


def digests(sources: Sequence[str]) -> dict[str, str]:
    """Absolute path of each file of some sources, to its length and blake2b hash.

    Args:
        sources: as data.train; an empty one stands for generated rows, which depend on settings
            alone.
    Raises:
        DataError: as find_files.
    """
    paths = [file for source in sources if source for file in find_files(source)]
    return {str(path.resolve()): _digest(path) for path in paths}


def check_unchanged(then: dict[str, str], now: dict[str, str]) -> None:
    """Raise DataError naming the first file that was changed, added or taken away."""
    for path, digest in now.items():
        if path not in then:
            raise DataError(f"{path} {_CHANGED}: it was not there then; {_REMEDY}")
        if then[path] != digest:
            raise DataError(f"{path} {_CHANGED}: {then[path]} then, {digest} now; {_REMEDY}")
    for path in then:
        if path not in now:
            raise DataError(f"{path} {_CHANGED}: it is not read any more; {_REMEDY}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
    return f"{path.stat().st_size} bytes with hash {digest}"
