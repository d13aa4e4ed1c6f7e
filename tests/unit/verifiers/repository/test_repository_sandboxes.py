"""The sandboxes for repositories, bubblewrap's and gVisor's: what both have to keep."""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rlsys.errors import SandboxError
from tests.helpers.repository_tree import ISOLATIONS, needs_bwrap, needs_runsc
from verifiers.sandbox.interface import Ending, Limits
from verifiers.sandbox.repositories import gvisor, interface
from verifiers.sandbox.repositories.bubblewrap import Bubblewrap
from verifiers.sandbox.repositories.gvisor import Gvisor

LIMITS = Limits(wall_s=20.0, memory_mb=512, tmp_mb=4, threads=20, output_mb=2.0)
SANDBOXES = {"bubblewrap": Bubblewrap, "gvisor": Gvisor}


@pytest.mark.parametrize(("tool", "made"), [("bwrap", Bubblewrap), ("runsc", Gvisor)])
def test_missing_program_is_one_error_that_says_how_to_get_it(monkeypatch, tool, made):
    package = {"bwrap": "bubblewrap", "runsc": "runsc"}[tool]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(interface.shutil, "which", lambda tool: None)
    with pytest.raises(SandboxError, match=rf"needs {tool}, .*apt-get install {package}"):
        made()


def test_gvisor_for_an_ordinary_user_is_one_error_that_says_what_else_there_is(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SandboxError, match=r"needs root, .*isolation=bubblewrap"):
        Gvisor()


@needs_runsc
def test_gvisor_that_cannot_start_anything_says_so_with_what_it_needs(monkeypatch):
    monkeypatch.setattr(gvisor, "_PLATFORMS", ("no-such-platform",))
    with pytest.raises(
        SandboxError, match=r"cannot start a process: .*no-such-platform.*SYS_ADMIN"
    ):
        Gvisor()


@needs_runsc
def test_container_that_does_not_start_is_no_run(tmp_path):
    with pytest.raises(SandboxError, match=r"gVisor failed.*no such file"):
        Gvisor().run(["true"], {"/x": str(tmp_path / "none")}, {}, b"", LIMITS)


@needs_runsc
def test_program_that_fails_before_the_container_begins_is_no_run(monkeypatch):
    made = Gvisor()
    failing = ("sh", "-c", "echo fork failed >&2; exit 1", "sh")
    monkeypatch.setattr(gvisor, "_IN_NAMESPACE", failing)
    with pytest.raises(SandboxError, match=r"gVisor failed .*: fork failed"):
        made.run(["true"], {}, {}, b"", LIMITS)


@pytest.fixture(scope="module", params=ISOLATIONS)
def sandbox(request):
    made = SANDBOXES[request.param]()
    yield made
    made.close()


def run(sandbox, script, message=b"", limits=LIMITS):
    environment = {"PATH": "/usr/bin:/bin"}
    return sandbox.run(["bash", "-c", script], {}, environment, message, limits, ("/work",))


def test_message_is_read_once_and_the_report_is_no_standard_stream(sandbox):
    done = run(sandbox, 'echo out; echo err >&2; eval "cat <&$0 >&$1"; eval "cat <&$0"', b"hello")
    assert (done.exit_code, done.report, done.output) == (0, b"hello", "out\nerr\n")


def test_sandbox_has_limits_and_nothing_of_the_host(sandbox):
    script = (
        "id -u; grep CapEff /proc/self/status; ls -d /etc/shadow /home 2>/dev/null;"
        "env | grep -v ^HOME=;"
        "head -c 8M /dev/zero > /work/big || echo full; touch /usr/x /x 2>/dev/null && echo wrote;"
        "(exec 9<>/dev/tcp/192.0.2.1/80) 2>/dev/null && echo connected;"
        "i=0; while [ $i -lt 30 ]; do sleep 1 & i=$((i+1)); done"
    )
    done = run(sandbox, script)
    assert done.output.startswith("1000\nCapEff:\t0000000000000000\nP")
    assert "File size limit" in done.output or "full" in done.output
    assert "wrote" not in done.output
    assert "connected" not in done.output
    assert "Resource temporarily unavailable" in done.output


def test_writable_folders_are_limited_in_sum(sandbox):
    done = run(sandbox, "for i in 1 2 3; do head -c 2M /dev/zero > /work/$i || exit 7; done")
    assert done.exit_code == 7


@needs_bwrap
def test_bubblewrap_makes_no_further_user_namespaces():
    made = Bubblewrap()
    assert "no userns" in run(made, "unshare -U true || echo no userns").output
    made.close()


@needs_runsc
def test_gvisor_runs_another_kernel_than_the_host():
    assert run(Gvisor(), "uname -v").output.strip() != os.uname().version


def test_killed_run_leaves_no_process(sandbox):
    script = "(setsid sleep 987654 &); echo begun; sleep 987655"
    others, seen = descendants(), set()  # other tests' workers live on
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run, sandbox, script, limits=Limits(wall_s=5.0, memory_mb=512))
        while not running.done():
            seen |= descendants() - others
            time.sleep(0.2)
    done = running.result()
    assert (done.ending, done.exit_code, done.output) == (Ending.TIMEOUT, None, "begun\n")
    assert done.wall_s < 5.0 + 2.0
    assert len(seen) >= 4  # the two programs, and what runs them
    assert not seen & {pid for pid, _ in processes()}


def processes():
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended by now
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            found.append((int(status.parent.name), parent))
    return found


def descendants():
    """Of this process, by its children's children."""
    found, parents = set(), {os.getpid()}
    there = processes()
    while parents:
        parents = {pid for pid, parent in there if parent in parents}
        found |= parents
    return found


def test_flood_of_output_is_kept_short(sandbox):
    done = run(sandbox, "head -c 20M /dev/zero; head -c 20M /dev/zero >&$1; echo end")
    assert done.exit_code == 0
    assert (len(done.output), done.output[-4:]) == (16_384, "end\n")
    assert len(done.report) == 2 << 20


def test_program_that_a_signal_ends_has_crashed(sandbox):
    done = run(sandbox, "kill -SEGV $$")
    assert (done.ending, done.exit_code) == (Ending.CRASH, None)


@needs_bwrap
def test_process_that_computes_past_its_cpu_limit_is_killed_by_bubblewrap():
    made = Bubblewrap()
    done = run(made, "while :; do :; done", limits=Limits(wall_s=10.0, cpu_s=1.0))
    assert (done.ending, done.exit_code) == (Ending.CRASH, None)
    assert done.wall_s < 8.0
    made.close()
