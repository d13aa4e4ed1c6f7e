"""Which data files a run reads, and their content's hash: a resumed run must read the same."""

import hashlib
from pathlib import Path

from rlsys.config.data import DataConfig
from rlsys.data.files import find_files
from rlsys.errors import DataError

_CHANGED = "is not what the run began with"
_REMEDY = "bring it back, or start a new run from the checkpoint's weights"


def digests(config: DataConfig) -> dict[str, str]:
    """Absolute path of each file of data.train and data.test, to its length and blake2b hash.

    Empty for the generated task, which depends on settings alone.

    Raises:
        DataError: as find_files.
    """
    sources = [source for source in (config.train, config.test) if source]
    paths = [file for source in sources for file in find_files(source)]
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
