"""The files that a job sees: the interpreter's library, a few devices, and nothing else.

At level strong they are bound read-only into a new root; below it, Landlock allows reading them.
"""

import contextlib
import os
import sys
from dataclasses import dataclass

from verifiers.sandbox import kernel, packages

DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
ROOT_SIZE_KB = 1024
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64"),
    *("/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime"),
)
_STAGE = "/tmp"
"""Where the new root is put together, inside the zygote's own mount namespace: any folder would
do, and nothing of it shows outside."""


@dataclass(frozen=True)
class View:
    """What there is to show; looked up before rights are given up, as some may be root's alone."""

    readable: tuple[str, ...]
    """Real paths that a job may read, none inside another."""
    hidden: tuple[str, ...]
    """Folders of installed packages below them: somebody's package may hold the tests or the
    answers that a program is graded by."""
    packages: tuple[str, ...]
    """Installed packages that may be read all the same (packages.py)."""


def of_this_interpreter(shown_packages: tuple[str, ...] = ()) -> View:
    """The system's libraries and this interpreter's own."""
    library = os.path.dirname(os.__file__)
    libraries = [os.path.join(sys.base_prefix, name) for name in ("lib", "lib64")]
    wanted = (*_SYSTEM, *libraries, library, *(p for p in sys.path if os.path.isdir(p)))
    found = sorted({os.path.realpath(path) for path in wanted if os.path.exists(path)})
    readable = [p for p in found if not any(p.startswith(other + "/") for other in found)]
    above = {os.path.dirname(library), "/usr/lib", "/usr/lib64", *libraries}
    candidates = [
        os.path.join(folder, python, packages)
        for folder in above
        for python in (os.path.basename(library), "python3")
        for packages in ("site-packages", "dist-packages")
    ]
    hidden = sorted({os.path.realpath(path) for path in candidates if os.path.isdir(path)})
    return View(tuple(readable), tuple(hidden), shown_packages)


def enter_new_root(view: View) -> None:
    """Make a root of the readable paths alone the root of this mount namespace (pivot_root(2)).

    Raises:
        OSError: a mount is refused, or the interpreter lies where /tmp will be.
    """
    covered = [path for path in view.readable if path.startswith("/tmp/")]
    if covered:
        raise OSError(0, f"the interpreter's {covered[0]} lies under /tmp, which is a job's own")
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    sources = {path: path for path in (*view.readable, *DEVICES)}
    for path in view.packages:
        sources[os.path.join(packages.FOLDER, os.path.basename(path))] = path
    trees = {target: kernel.clone_tree(path) for target, path in sources.items()}
    is_folder = {target: os.path.isdir(path) for target, path in sources.items()}
    links = {p: os.readlink(p) for p in ("/lib", "/lib64") if os.path.islink(p)}
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("root", _STAGE, "tmpfs", flags, f"mode=755,size={ROOT_SIZE_KB}k")
    for target, tree in trees.items():
        _attach(tree, target, is_folder[target])
    for path, target in links.items():
        os.symlink(target, _STAGE + path)
    for path in view.hidden:
        kernel.mount("empty", _STAGE + path, "tmpfs", flags | kernel.MS_RDONLY, "mode=555,size=4k")
    _link_interpreter()
    os.mkdir(f"{_STAGE}/tmp")
    os.chdir(_STAGE)
    kernel.pivot_root_here()
    kernel.make_read_only("/")


def _attach(tree: int, path: str, is_folder: bool) -> None:
    target = _STAGE + path
    os.makedirs(target if is_folder else os.path.dirname(target), mode=0o755, exist_ok=True)
    if not is_folder:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.attach_tree(tree, target)
    os.close(tree)


def _link_interpreter() -> None:
    """The library by the name that sys.path has for it, where that leads over a link."""
    for name in {sys.base_prefix, sys.base_exec_prefix}:
        real = os.path.realpath(name)
        if real != name and not os.path.lexists(_STAGE + name):
            os.makedirs(os.path.dirname(_STAGE + name), mode=0o755, exist_ok=True)
            os.symlink(real, _STAGE + name)


def landlock_rules(view: View, is_root: bool, version: int) -> int:
    """A ruleset for the jobs; its descriptor. is_root: the view is a root of its own, where all
    that is there may be read, and /tmp is the job's."""
    ruleset = kernel.landlock_ruleset(version)
    read = kernel.LANDLOCK_READ_FILE | kernel.LANDLOCK_READ_DIR
    for device in DEVICES:
        kernel.landlock_allow(
            ruleset, device, kernel.LANDLOCK_READ_FILE | kernel.LANDLOCK_WRITE_FILE
        )
    if is_root:
        kernel.landlock_allow(ruleset, "/", read)
        kernel.landlock_allow(ruleset, "/tmp", kernel.landlock_writing(version))
        return ruleset
    for path in view.readable:
        _allow_except(ruleset, path, view.hidden)
    for path in view.packages:
        files = kernel.LANDLOCK_READ_FILE
        folders = kernel.LANDLOCK_READ_DIR * os.path.isdir(path)
        # One out of this user's reach is found missing by the pool's proof, which names it.
        with contextlib.suppress(PermissionError):
            kernel.landlock_allow(ruleset, path, files | folders)
    return ruleset


def _allow_except(ruleset: int, path: str, hidden: tuple[str, ...]) -> None:
    """Allow reading path, but not what is hidden below it: Landlock cannot take away."""
    if path in hidden:
        return
    is_folder = os.path.isdir(path)
    if not any(other.startswith(path + "/") for other in hidden):
        files = kernel.LANDLOCK_READ_FILE
        kernel.landlock_allow(ruleset, path, files | kernel.LANDLOCK_READ_DIR * is_folder)
        return
    kernel.landlock_allow(ruleset, path, kernel.LANDLOCK_READ_DIR)
    for entry in os.scandir(path):
        if not entry.is_symlink():
            _allow_except(ruleset, entry.path, hidden)
