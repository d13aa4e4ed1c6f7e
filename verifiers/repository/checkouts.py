"""The tree of a repository at an instance's base commit, from what lies on this machine."""

import os
import subprocess
import tarfile
import tempfile
from collections import OrderedDict
from pathlib import Path

from rlsys.errors import VerifierError, instead

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_KEPT_TREES = 16
_GIT_S = 300.0


class Checkouts:
    """Trees below one folder, which holds for each instance one of these, looked for in this order:

    - `INSTANCE_ID/`: a tree at the base commit, with what was built in it
    - `INSTANCE_ID.tar`, `.tar.gz`, `.tgz`, `.tar.xz` or `.tar.bz2`: the same, packed
    - `OWNER__NAME/` or `OWNER__NAME.git/`: a git repository that has the commit

    What is unpacked lies in a folder of this object, the last 16 trees at most.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unpacked: OrderedDict[str, tempfile.TemporaryDirectory[str]] = OrderedDict()

    def tree(self, instance_id: str, repo: str, base_commit: str) -> Path:
        """A folder with the tree, not to be changed.

        Raises:
            VerifierError: there is none, or it is not at the base commit.
        """
        plain = self._folder / instance_id
        if plain.is_dir():
            _require_commit(plain, base_commit)
            return plain
        key = f"{instance_id} {base_commit}"
        if key not in self._unpacked:
            made = tempfile.TemporaryDirectory(prefix="rlsys-tree-")
            os.chmod(made.name, 0o755)
            self._unpacked[key] = made
            self._unpack(instance_id, repo, base_commit, Path(made.name))
            while len(self._unpacked) > _KEPT_TREES:
                self._unpacked.popitem(last=False)[1].cleanup()
        self._unpacked.move_to_end(key)
        return _top(Path(self._unpacked[key].name))

    def close(self) -> None:
        """Remove what was unpacked."""
        while self._unpacked:
            self._unpacked.popitem()[1].cleanup()

    def _unpack(self, instance_id: str, repo: str, base_commit: str, into: Path) -> None:
        for suffix in _ARCHIVES:
            archive = self._folder / f"{instance_id}{suffix}"
            if archive.is_file():
                with tarfile.open(archive) as packed:
                    packed.extractall(into, filter="data")
                return
        name = repo.replace("/", "__")
        for clone in (self._folder / name, self._folder / f"{name}.git"):
            if clone.is_dir():
                _check_out(clone, base_commit, into)
                return
        there = [path.name for path in self._folder.iterdir()] if self._folder.is_dir() else []
        raise VerifierError(
            f"repository: {self._folder} has no checkout of {instance_id} (its folder or archive, "
            f"or a git repository {name}){instead(instance_id, there)}"
        )


def _top(folder: Path) -> Path:
    """Archives often hold one folder, and the tree in it."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _require_commit(tree: Path, base_commit: str) -> None:
    if not (tree / ".git").exists():
        return
    head = _git(tree, "rev-parse", "HEAD")
    if head != base_commit:
        raise VerifierError(f"repository: {tree} is at {head}, not at {base_commit}")


def _check_out(clone: Path, base_commit: str, into: Path) -> None:
    """Write a commit's files, attributes such as export-ignore notwithstanding."""
    index = into.parent / f"{into.name}.index"
    try:
        _git(clone, "read-tree", base_commit, index=index)
        _git(clone, "checkout-index", "--all", "--force", f"--prefix={into}/", index=index)
    finally:
        index.unlink(missing_ok=True)


def _git(folder: Path, *arguments: str, index: Path | None = None) -> str:
    environment = dict(os.environ) | ({"GIT_INDEX_FILE": str(index)} if index else {})
    # The clone may belong to another user; only its objects are read.
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=_GIT_S
        )
    except FileNotFoundError as error:
        raise VerifierError("repository: git is not on PATH (apt-get install git)") from error
    if done.returncode:
        raise VerifierError(f"repository: {' '.join(command)}: {done.stderr.strip()[:300]}")
    return done.stdout.strip()
