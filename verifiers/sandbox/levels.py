"""Which level a machine gives: found by starting a zygote and looking from inside a canary job.

Settings of the kernel are not asked: some let unshare(2) succeed and take the rights away after.
"""

import os
import sys
import tempfile
from collections.abc import Sequence

from rlsys.errors import SandboxError
from verifiers.sandbox import protocol
from verifiers.sandbox.client import Zygote
from verifiers.sandbox.interface import JobEnded, Level, Limits, RemoteError
from verifiers.sandbox.session import FunctionSession

_LIMITS = Limits(wall_s=30.0, cpu_s=10.0)
_CANARY = """
import os, socket, threading

def works(action):
    try:
        action()
    except Exception:
        return False
    return True

def touch(folder):
    open(os.path.join(folder, "canary"), "w").close()

def imports():
    import ctypes, dataclasses, datetime, decimal, hashlib, json, statistics

def look(file, folder):
    thread = threading.Thread(target=len, args=("",))
    return {
        "first_process": os.getpid() == 1,
        "library": works(imports),
        "threads": works(thread.start),
        "own_tmp": works(lambda: touch("/tmp")),
        "reads_outside": works(lambda: open(file, "rb").read(1)),
        "writes_outside": works(lambda: touch(folder)),
        "sees_processes": works(lambda: os.listdir("/proc")),
        "network": works(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        "forks": works(os.fork),
    }
"""
_STRONG = {
    "first_process": True,
    "library": True,
    "threads": True,
    "own_tmp": True,
    "reads_outside": False,
    "writes_outside": False,
    "sees_processes": False,
    "network": False,
    "forks": False,
}
_EXPECTED = {
    Level.STRONG: _STRONG,
    Level.RESTRICTED: _STRONG | {"first_process": False, "own_tmp": False},
    Level.WEAK: {name: _STRONG[name] for name in ("library", "threads", "network", "forks")},
}
_HINTS = {
    Level.STRONG: (
        "needs Linux 5.13 and user namespaces: sysctl user.max_user_namespaces above 0, "
        "kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0 "
        "where they exist; in Docker --security-opt seccomp=unconfined --security-opt "
        "apparmor=unconfined --security-opt systempaths=unconfined"
    ),
    Level.RESTRICTED: (
        "needs Linux 6.2 with landlock among lsm= of the kernel's command line, and a standard "
        "library that every user may read"
    ),
    Level.WEAK: "needs Linux with seccomp, and a standard library that every user may read",
}


def find_level(
    allow_weak: bool, preload: Sequence[str] = (), packages: str = ""
) -> tuple[Level, list[str], Zygote]:
    """The strongest level that works here, why not a stronger one, and a zygote of it.

    Args:
        packages: as packages.parse takes them.

    Raises:
        SandboxError: no level that is allowed works; says what each one lacks.
    """
    if sys.platform != "linux":
        raise SandboxError(f"programs cannot be confined on {sys.platform}: it takes Linux")
    missing: list[str] = []
    for level in Level:
        if level is Level.WEAK and not allow_weak:
            continue
        try:
            return level, missing, start_zygote(level, preload, packages)
        except SandboxError as error:
            missing.append(f"{level}: {error}; {_HINTS[level]}")
    advice = "" if allow_weak else "; sandbox.allow_weak_isolation=true would run them unprotected"
    raise SandboxError(f"no safe place for programs: {'. '.join(missing)}{advice}")


def start_zygote(level: Level, preload: Sequence[str] = (), packages: str = "") -> Zygote:
    """A zygote whose canary saw what the level promises.

    Raises:
        SandboxError: it cannot be set up, or lacks something, by name.
    """
    zygote = Zygote(level, preload, packages)
    try:
        found = _send_canary(zygote)
    except (JobEnded, RemoteError) as error:
        zygote.close()
        raise SandboxError(f"the canary job failed: {error}") from error
    wrong = [name for name, value in _EXPECTED[level].items() if found.get(name) is not value]
    if wrong:
        zygote.close()
        raise SandboxError(
            "the canary job found "
            + ", ".join(f"{name} {found.get(name)}, not {_EXPECTED[level][name]}" for name in wrong)
        )
    return zygote


def _send_canary(zygote: Zygote) -> dict[str, object]:
    """What a job sees; the file to read and the folder to write are open to everyone outside."""
    payload = protocol.pack_program(_CANARY, "look")
    with tempfile.TemporaryDirectory(prefix="rlsys-canary-") as folder:
        os.chmod(folder, 0o777)
        session = FunctionSession(zygote, payload, _LIMITS)
        try:
            return dict(session.call((_readable_file(), folder), {}))
        finally:
            session.close()


def _readable_file() -> str:
    """A file outside a job's view that anybody may read: the interpreter's own, mostly."""
    return next(
        (path for path in ("/etc/passwd", "/etc/group") if os.path.exists(path)), sys.executable
    )
