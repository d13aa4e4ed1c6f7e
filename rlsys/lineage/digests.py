"""What tells one state of a policy or of a data file from another: a digest of its bytes.

    file     sha256 of its bytes
    folder   sha256 over its files, by their sorted names: config, weights and tokenizer of a
             policy, the files of a data set; not what describes it (README.md, manifests) or goes
             on from it (optimizer, random states)
    hub id   the commit that the hub's cache holds of it, which stands for the bytes of its files
    URL      nothing: a server does not say which weights it holds
    world:   sha256 of the bytes of a part of the tiny world, as it is generated

A large file is read once: its digest is kept in the user's cache under path, length, times and
inode. That only saves time: a file of which any of these has changed is read again, and one that
was written a moment ago, when a second change might leave the same times, is not kept at all.
"""

import contextlib
import hashlib
import json
import re
import time
from pathlib import Path

from rlsys.data.world.parts import is_part, world_file
from rlsys.disk import replace_text
from rlsys.errors import DiskError, LineageError, instead

CACHE = Path("~/.cache/rlsys/digests.json")
_LARGE = 2**20
"""Bytes from which on a file's digest is kept; smaller ones are read in a millisecond."""
_SETTLED_NS = 2 * 10**9
_LEFT_OUT = re.compile(
    r"README\.md|(.+\.)?manifest\.json|\..*"  # what describes it, and hidden files
    r"|optimizer.*\.(pt|bin)|scheduler\.pt|rng_state.*\.pth|global_step\d+"
    r"|trainer_state\.json|training_args\.bin"
)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+){0,2}")


def digest_of(path: str | Path) -> str:
    """`sha256:...` of a file, a folder or a part of the world, `commit:...` of a hub id, nothing of
    a served model.

    Raises:
        LineageError: nothing is there, or the folder holds no file that counts.
    """
    if is_served(str(path)):
        return ""
    where = world_file(path) if is_part(path) else Path(path).expanduser()
    if where.is_file():
        return f"sha256:{_of_file(where.resolve())}"
    if where.is_dir():
        return f"sha256:{_of_folder(where.resolve())}"
    if is_hub_id(str(path)) and (commit := cached_commit(str(path))):
        return commit
    raise LineageError(f"no digest of {path}: {_missing(where)}")


def files_of(folder: Path) -> list[Path]:
    """The files of a folder that its digest is over, by their sorted names."""
    inside = [path for path in folder.rglob("*") if path.is_file()]
    counted = [p for p in inside if not any(map(_LEFT_OUT.fullmatch, p.relative_to(folder).parts))]
    return sorted(counted, key=lambda path: path.relative_to(folder).as_posix())


def _of_folder(folder: Path) -> str:
    files = files_of(folder)
    if not files:
        raise LineageError(f"no digest of {folder}: no file in it is part of a policy or of data")
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(folder).as_posix()
        digest.update(f"{name}\0{_of_file(file.resolve())}\n".encode())
    return digest.hexdigest()


def _of_file(path: Path) -> str:
    before = path.stat()
    key = f"{path} {before.st_size} {before.st_mtime_ns} {before.st_ctime_ns} {before.st_ino}"
    if before.st_size >= _LARGE and (known := _kept().get(key)):
        return known
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    newest = max(before.st_mtime_ns, before.st_ctime_ns)
    if before.st_size >= _LARGE and time.time_ns() - newest > _SETTLED_NS:
        _keep(key, str(path), digest)
    return digest


def _kept() -> dict[str, str]:
    """Digests by path, length, times and inode; a cache that cannot be read holds none."""
    try:
        kept = json.loads(CACHE.expanduser().read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _keep(key: str, path: str, digest: str) -> None:
    """One digest more; of a path, and of files that are gone, those of before go."""
    others = {k: v for k, v in _kept().items() if (p := _path_in(k)) != path and Path(p).is_file()}
    with contextlib.suppress(DiskError, OSError):  # without a cache it is read again next time
        CACHE.expanduser().parent.mkdir(parents=True, exist_ok=True)
        replace_text(CACHE.expanduser(), json.dumps(others | {key: digest}, indent=1) + "\n")


def _path_in(key: str) -> str:
    return key.rsplit(" ", 4)[0]


def is_served(name: str) -> bool:
    """Whether a policy is a served model, `URL#MODEL`."""
    return name.startswith(("http://", "https://"))


def is_hub_id(name: str) -> bool:
    """Whether a path that is not there may be an id of the hub: ORG/NAME, a data set's with CONFIG
    and SPLIT behind colons. What is missing from a folder that is there is none."""
    return bool(_HUB_ID.fullmatch(name)) and name[0] != "." and not Path(name).parent.is_dir()


def cached_commit(name: str) -> str:
    """The commit of a model or a data set in the hub's cache, as `commit:...`; empty: there is
    none."""
    from huggingface_hub.constants import HF_HUB_CACHE

    repository = name.partition(":")[0].replace("/", "--")
    refs = (
        Path(HF_HUB_CACHE) / f"models--{repository}" / "refs" / "main",
        Path(HF_HUB_CACHE) / f"datasets--{repository}" / "refs" / "refs" / "convert" / "parquet",
    )
    return next((f"commit:{ref.read_text().strip()}" for ref in refs if ref.is_file()), "")


def _missing(path: Path) -> str:
    """Where the path breaks off, and what has nearly that name there."""
    here = next((parent for parent in path.parents if parent.is_dir()), Path())
    wanted = path.relative_to(here).parts[0]
    there = [one.name for one in here.iterdir() if not one.name.startswith(".")][:1000]
    return f"{here} holds no {wanted!r}{instead(wanted, there)}"
