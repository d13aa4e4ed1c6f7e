"""Levels: as an ordinary user, and where namespaces are refused, in children that arrange it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlsys.errors import SandboxError
from tests.helpers.places import ROOT
from verifiers.sandbox import levels, view
from verifiers.sandbox.interface import Level

NOBODY = 65534
REFUSE_NAMESPACES = "echo 0 > /proc/sys/user/max_user_namespaces && exec "


def report(*command, user=None):
    """Last line of `python -m verifiers.sandbox` by an interpreter that anybody may start."""
    return subprocess.run(
        [*command],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        cwd="/",
        check=False,
    )


# Loads a filter under which neither namespaces nor Landlock can be had, and becomes nobody.
REFUSE_ALL = f"""
import errno, os, sys
import pyseccomp
rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
for name in ("unshare", "setns", "mount", "landlock_create_ruleset"):
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), name)
rules.load()
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
os.execv(sys.argv[1], sys.argv[1:])
"""
USE_WEAK = """
from rlsys.config.sandbox import SandboxConfig
from rlsys.errors import SandboxError
from verifiers.sandbox.interface import Limits
from verifiers.sandbox.pool import open_sandbox
try:
    open_sandbox(SandboxConfig(zygotes=1))
except SandboxError as error:
    print("refused" if "sandbox.allow_weak_isolation=true" in str(error) else error)
with open_sandbox(SandboxConfig(zygotes=1, allow_weak_isolation=True)) as sandbox:
    print(sandbox.level, len(sandbox.missing))
    for program in ("print(input()[::-1])", "import os; os.fork()",
                    "import socket; socket.socket()", "while True: pass"):
        outcome = sandbox.run_program(program, b"abc", Limits(wall_s=2.0, cpu_s=0.5))
        last = outcome.stderr.decode().strip().rpartition(chr(10))[2].partition(":")[0]
        print(outcome.ending, outcome.stdout.decode().strip() + last)
"""


def public_python():
    """An interpreter outside every private folder."""
    path = Path("/usr/bin/python3")
    if not path.exists() or not os.access(ROOT, os.R_OK | os.X_OK):
        pytest.skip("no interpreter that every user may start")
    version = subprocess.run(
        [path, "-c", "import sys; print(sys.version_info >= (3, 11))"],
        capture_output=True,
        text=True,
        check=True,
    )
    if version.stdout != "True\n":
        pytest.skip("the interpreter that every user may start is too old")
    return str(path)


def can_make_namespaces():
    done = subprocess.run(["unshare", "-U", "-r", "true"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_ordinary_user_gets_the_level_that_root_gets(sandbox):
    done = report(public_python(), "-m", "verifiers.sandbox", user=NOBODY)
    assert done.stdout.splitlines()[0] == f"level {sandbox.level}", done.stderr


@pytest.mark.skipif(not can_make_namespaces(), reason="needs a user namespace to refuse more in")
def test_without_namespaces_the_level_is_restricted_and_says_why():
    command = REFUSE_NAMESPACES + f"{sys.executable} -m verifiers.sandbox"
    done = report("unshare", "-U", "-r", "sh", "-c", command)
    lines = done.stdout.splitlines()
    assert lines[0] == "level restricted", done.stderr
    assert "user.max_user_namespaces" in lines[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_weak_level_has_to_be_allowed_and_still_refuses_processes_and_sockets():
    pytest.importorskip("pyseccomp", exc_type=(ImportError, RuntimeError))
    done = report(sys.executable, "-c", REFUSE_ALL, public_python(), "-c", USE_WEAK)
    assert done.stdout.splitlines() == [
        "refused",
        "weak 2",
        "exited cba",
        "exited PermissionError",
        "exited PermissionError",
        "timeout ",
    ], done.stderr


def test_no_level_is_an_error_that_names_what_each_one_lacks(monkeypatch):
    monkeypatch.setattr(levels, "_CANARY", "def look(file, folder): return {}")
    with pytest.raises(SandboxError) as caught:
        levels.find_level(False, [])
    assert "strong: the canary job found first_process None, not True" in str(caught.value)
    assert "restricted: " in str(caught.value)
    assert "sandbox.allow_weak_isolation=true" in str(caught.value)


def test_a_library_that_does_not_import_is_no_level(monkeypatch):
    with pytest.raises(SandboxError, match="No module named 'nosuch_module'"):
        levels.find_level(True, ["nosuch_module"])


def test_a_canary_that_sees_too_much_is_refused(monkeypatch):
    expected = {**levels._EXPECTED[Level.STRONG], "threads": False}
    monkeypatch.setitem(levels._EXPECTED, Level.STRONG, expected)
    with pytest.raises(SandboxError, match="threads True, not False"):
        levels.start_zygote(Level.STRONG, [])


def test_an_interpreter_under_tmp_cannot_be_shown_and_the_reason_says_so():
    shown = view.View(("/tmp/python/lib", "/usr/lib"), (), ())
    with pytest.raises(OSError, match="/tmp/python/lib lies under /tmp"):
        view.enter_new_root(shown)
