"""A patch applied outside the sandbox: what it changes, or why it is refused.

`git apply` runs in a folder that holds nothing but the files that the patch names, and what may not
change is judged by what did change there, not by what the patch says of itself.
"""

import configparser
import os
import re
import stat
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from rlsys.errors import VerifierError
from verifiers.extract import graded_scope

MAX_PATCH_BYTES = 400_000
_APPLY_S = 30.0
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_BEGIN = re.compile(r"^(?:diff --git |--- )", re.MULTILINE)
_HUNK = re.compile(r"^@@ |^(?:rename|copy) from |^new file mode |^deleted file mode ", re.MULTILINE)
_NAMED = re.compile(
    r"^(?:(?:---|\+\+\+) (?:[^/\n]+/)?(?P<side>[^\t\n]+)|(?:rename|copy) from (?P<old>[^\n]+))",
    re.MULTILINE,
)
_HARNESS = re.compile(
    r"^tests/runtests\.py$|(?:^|/)(?:conftest\.py|pytest\.ini|\.pytest\.ini|sitecustomize\.py"
    r"|usercustomize\.py|[^/]*\.pth|[^/]*\.pyc|[^/]*\.(?:egg|dist)-info/.*)$"
)
_SETTINGS = ("tox.ini", "setup.cfg", "pyproject.toml")

Changes = dict[str, bytes | None]
"""Contents by path inside the tree; None for a file that is gone."""


class Refused(Exception):
    """The patch is not applied, and says why.

    Args:
        malformed: it is no patch or does not fit the tree; else it changes what it must not.
    """

    def __init__(self, reason: str, malformed: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.malformed = malformed


def find_patch(text: str, prompt: str = "", truncated: bool = False) -> str | None:
    """The unified diff of a completion: the last fenced block with one, else what follows the first
    `diff --git` or `---` line; looked for in `<answer>` where there is one. None without any."""
    scope = graded_scope(text, prompt, truncated)
    blocks = [found[2] for found in _FENCE.finditer(scope)]
    bare = _BEGIN.search(scope)
    candidates = [*reversed(blocks), *([scope[bare.start() :]] if bare else [])]
    for candidate in candidates:
        begin = _BEGIN.search(candidate)
        if begin and _HUNK.search(candidate):
            return candidate[begin.start() :].rstrip("\n") + "\n"
    return None


def apply_patch(tree: Path, patch: str) -> Changes:
    """What a patch changes in a tree, which itself stays as it is.

    Raises:
        Refused: not a patch, does not fit, or reaches outside the tree or for a link.
        VerifierError: git cannot be run.
    """
    if len(patch.encode()) > MAX_PATCH_BYTES:
        raise Refused(f"the patch has more than {MAX_PATCH_BYTES} bytes", malformed=False)
    named = {part for found in _NAMED.finditer(patch) for part in _paths(found)}
    for path in named:
        if PurePosixPath(path).is_absolute() or {"..", ".git"} & set(path.split("/")):
            raise Refused(f"the patch reaches for {path!r}", malformed=False)
    with tempfile.TemporaryDirectory(prefix="rlsys-patch-") as folder:
        scratch = Path(folder)
        before: Changes = {}
        for path in named:
            content = _read_inside(tree, path)
            if content is not None:
                before[path] = content
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                (scratch / path).write_bytes(content)
        _git_apply(scratch, patch)
        after = _contents(scratch)
    changed = {path: content for path, content in after.items() if before.get(path) != content}
    return changed | {path: None for path in before if path not in after}


def refuse_protected(tree: Path, changes: Changes, tests: Iterable[str]) -> None:
    """Raise Refused when the changes reach for the tests or for what runs them.

    Args:
        tests: paths of the test files.
    """
    kept = set(tests)
    for path, content in changes.items():
        if path in kept:
            raise Refused(f"the patch changes the test file {path}", malformed=False)
        if _HARNESS.search(path):
            raise Refused(
                f"the patch changes {path}, which tells the test runner what to do", malformed=False
            )
        if PurePosixPath(path).name in _SETTINGS:
            before = _read_inside(tree, path) or b""
            if _pytest_settings(path, before) != _pytest_settings(path, content or b""):
                raise Refused(
                    f"the patch changes the settings of pytest in {path}", malformed=False
                )


def _paths(found: re.Match[str]) -> list[str]:
    if found["old"]:
        return [found["old"]]
    return [] if found["side"] == "/dev/null" else [found["side"].rstrip()]


def _read_inside(tree: Path, path: str) -> bytes | None:
    """A plain file's content; None for all else, and for what lies behind a link."""
    parts = [tree.joinpath(*path.split("/")[: i + 1]) for i in range(len(path.split("/")))]
    if any(part.is_symlink() for part in parts) or not parts[-1].is_file():
        return None
    return parts[-1].read_bytes()


def _git_apply(folder: Path, patch: str) -> None:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CEILING_DIRECTORIES": str(folder.parent.resolve()),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            cwd=folder,
            input=patch.encode(),
            capture_output=True,
            env=environment,
            timeout=_APPLY_S,
        )
    except FileNotFoundError as error:
        raise VerifierError("repository: git is not on PATH (apt-get install git)") from error
    except subprocess.TimeoutExpired:
        raise Refused(f"git apply took more than {_APPLY_S:g} s", malformed=False) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Refused(said[:300] or "git apply failed", malformed=True)


def _contents(folder: Path) -> dict[str, bytes]:
    contents = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            contents[path.relative_to(folder).as_posix()] = path.read_bytes()
        elif not stat.S_ISDIR(mode):
            name = path.relative_to(folder).as_posix()
            raise Refused(f"the patch makes {name}, which is no plain file", malformed=False)
    return contents


def _pytest_settings(path: str, content: bytes) -> Mapping[str, object] | str:
    """The part of a file that pytest reads; the whole file where it cannot be parsed."""
    text = content.decode(errors="replace")
    try:
        if path.endswith(".toml"):
            return dict(tomllib.loads(text).get("tool", {}).get("pytest", {}))
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text)
    except (tomllib.TOMLDecodeError, configparser.Error):
        return text
    sections = [name for name in parser.sections() if name in ("pytest", "tool:pytest")]
    return {name: dict(parser[name]) for name in sections}
