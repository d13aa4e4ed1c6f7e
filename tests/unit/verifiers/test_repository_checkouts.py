"""Trees of instances, and the sandbox that they are tested in."""

import subprocess
import tarfile

import pytest
from repository_tree import STACK, git, make_clone, needs_bwrap

from rlsys.errors import SandboxError, VerifierError
from verifiers.repository.checkouts import Checkouts
from verifiers.sandbox import bubblewrap
from verifiers.sandbox.bubblewrap import Bubblewrap
from verifiers.sandbox.interface import Ending, Limits

LIMITS = Limits(wall_s=10.0, memory_mb=512, tmp_mb=4, threads=20, output_mb=2.0)


def test_commit_of_a_git_repository_is_written_out_whole(tmp_path):
    _, base = make_clone(tmp_path)
    checkouts = Checkouts(tmp_path)
    tree = checkouts.tree("example__shelf-1", "example/shelf", base)
    assert (tree / "src" / "shelf" / "stack.py").read_text() == STACK
    assert (tree / "tests" / "test_stack.py").is_file()  # in spite of export-ignore
    assert not (tree / ".git").exists()
    assert checkouts.tree("example__shelf-1", "example/shelf", base) == tree
    checkouts.close()
    assert not tree.exists()


def test_archive_is_unpacked_with_or_without_its_top_folder(tmp_path):
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "a.py").write_text("1")
    for name, inside in (("x-1", "top"), ("x-2", ".")):
        with tarfile.open(tmp_path / f"{name}.tar.gz", "w:gz") as packed:
            packed.add(tmp_path / "top", inside)
            packed.add(tmp_path / "top" / "a.py", f"{inside}/b.py")
    checkouts = Checkouts(tmp_path)
    for name in ("x-1", "x-2"):
        assert {p.name for p in checkouts.tree(name, "o/x", "0").iterdir()} == {"a.py", "b.py"}
    checkouts.close()


def test_tree_at_another_commit_is_refused(tmp_path):
    clone, base = make_clone(tmp_path)
    clone.rename(tmp_path / "example__shelf-1")
    with pytest.raises(VerifierError, match=f"not at {base}"):
        Checkouts(tmp_path).tree("example__shelf-1", "example/shelf", base)
    head = git(tmp_path / "example__shelf-1", "rev-parse", "HEAD")
    tree = Checkouts(tmp_path).tree("example__shelf-1", "example/shelf", head)
    assert tree == tmp_path / "example__shelf-1"


def test_missing_checkout_names_the_nearest_and_a_missing_commit_what_git_said(tmp_path):
    make_clone(tmp_path)
    with pytest.raises(VerifierError, match="did you mean 'example__shelf'"):
        Checkouts(tmp_path).tree("example__shelv-1", "example/shelv", "0")
    with pytest.raises(VerifierError, match="read-tree"):
        Checkouts(tmp_path).tree("example__shelf-1", "example/shelf", "f" * 40)


def test_missing_bwrap_is_one_error_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda tool: None)
    with pytest.raises(SandboxError, match=r"needs bwrap, .*apt-get install bubblewrap"):
        Bubblewrap()


@pytest.fixture(scope="module")
def sandbox():
    made = Bubblewrap()
    yield made
    made.close()


def run(sandbox, script, message=b"", limits=LIMITS):
    environment = {"PATH": "/usr/bin:/bin"}
    return sandbox.run(["bash", "-c", script], {}, environment, message, limits, ("/work",))


@needs_bwrap
def test_message_is_read_once_and_the_report_is_no_standard_stream(sandbox):
    done = run(sandbox, 'echo out; echo err >&2; eval "cat <&$0 >&$1"; eval "cat <&$0"', b"hello")
    assert (done.exit_code, done.report, done.output) == (0, b"hello", "out\nerr\n")


@needs_bwrap
def test_sandbox_has_limits_and_nothing_of_the_host(sandbox):
    script = (
        "id -u; grep CapEff /proc/self/status; ls -d /etc/shadow /root /home 2>/dev/null; env;"
        "head -c 8M /dev/zero > /work/big || echo full; unshare -U true || echo no userns;"
        "i=0; while [ $i -lt 30 ]; do sleep 1 & i=$((i+1)); done"
    )
    done = run(sandbox, script)
    assert done.output.startswith("1000\nCapEff:\t0000000000000000\nP")
    assert "File size limit" in done.output or "full" in done.output
    assert "no userns" in done.output
    assert "Resource temporarily unavailable" in done.output


@needs_bwrap
def test_killed_run_leaves_no_process(sandbox):
    script = "(setsid sleep 987654 &); sleep 987655"
    done = run(sandbox, script, limits=Limits(wall_s=1.0))
    assert (done.ending, done.exit_code) == (Ending.TIMEOUT, None)
    assert done.wall_s < 2.0
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert "98765" not in listed


@needs_bwrap
def test_flood_of_output_is_kept_short(sandbox):
    done = run(sandbox, "head -c 20M /dev/zero; head -c 20M /dev/zero >&$1; echo end")
    assert done.exit_code == 0
    assert (len(done.output), done.output[-4:]) == (16_384, "end\n")
    assert len(done.report) == 2 << 20


@needs_bwrap
def test_process_that_computes_past_its_cpu_limit_is_killed(sandbox):
    done = run(sandbox, "while :; do :; done", limits=Limits(wall_s=10.0, cpu_s=1.0))
    assert (done.ending, done.exit_code) == (Ending.CRASH, None)
    assert done.wall_s < 8.0
