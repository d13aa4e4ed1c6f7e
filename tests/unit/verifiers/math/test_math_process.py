"""The process behind the maths verifier: limits, replacement, and its end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlsys.errors import VerifierError
from tests.helpers.places import ROOT
from verifiers import keeper
from verifiers.math import process as math_process
from verifiers.math.process import MathProcess, Outcome
from verifiers.math.tree import node, num

ROOT_2 = node("fn", "sqrt", num(2))
EQUAL = (ROOT_2, node("div", num(2), ROOT_2))
POLYNOMIAL = node("add", *(node("sym", letter) for letter in "abcde"))
ENDLESS = (ROOT_2, node("pow", POLYNOMIAL, num(90)))


@pytest.fixture(scope="module")
def process():
    """One for all tests, since a lost process is replaced with the next question."""
    made = MathProcess(deadline_s=0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_KEY", "secret")
        made.compare(*EQUAL)
    yield made
    made.close()


def children_of(pid):
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if f"\nPPid:\t{pid}\n" in text:
            found.append(int(status.parent.name))
    return found


def is_running(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until_gone(pids, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(is_running(pid) for pid in pids):
        time.sleep(0.05)
    return [pid for pid in pids if is_running(pid)]


def test_process_inherits_no_secret(process):
    assert b"API_KEY" not in Path(f"/proc/{process.pid}/environ").read_bytes()


def test_killed_checker_is_replaced_and_the_start_is_no_part_of_the_deadline(process):
    assert process.compare(*EQUAL).outcome is Outcome.EQUAL  # the import takes longer than 0.3 s
    (first,) = children_of(process.pid)
    assert process.compare(*ENDLESS).outcome is Outcome.TIMEOUT
    (second,) = children_of(process.pid)
    assert second != first
    assert process.compare(*EQUAL).outcome is Outcome.EQUAL


def test_checker_that_dies_is_replaced_and_the_answer_asked_again(process):
    process.compare(*EQUAL)
    (checker,) = children_of(process.pid)
    os.kill(checker, signal.SIGKILL)
    assert process.compare(*EQUAL).outcome is Outcome.EQUAL


def test_checker_out_of_memory_is_an_outcome_and_is_replaced():
    process = MathProcess(memory_mb=80)  # a checker starts with about 68
    assert process.compare(*EQUAL).outcome is Outcome.EQUAL
    keeper, (first,) = process.pid, children_of(process.pid)
    assert process.compare(*ENDLESS).outcome is Outcome.MEMORY
    assert process.compare(*EQUAL).outcome is Outcome.EQUAL
    assert process.pid == keeper
    assert children_of(keeper) != [first]
    process.close()


def test_lost_keeper_is_an_error_and_the_next_question_starts_another(process):
    process.compare(*EQUAL)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(VerifierError, match="sympy process ended"):
        process.compare(*EQUAL)
    assert process.compare(*EQUAL).outcome is Outcome.EQUAL


def test_missing_library_is_one_clear_error(monkeypatch, tmp_path):
    worker = tmp_path / "worker.py"
    source = Path(math_process.worker.__file__).read_text()
    worker.write_text(source.replace("import sympy", "import sympy_missing as sympy"))
    (tmp_path / "verifiers").symlink_to(ROOT / "verifiers")
    monkeypatch.setattr(keeper, "_ROOT", tmp_path)
    monkeypatch.setattr(math_process.worker, "__name__", "worker")
    with pytest.raises(VerifierError, match="cannot import sympy"):
        MathProcess().compare(*EQUAL)


def test_closed_process_leaves_nothing_behind(process):
    process.compare(*EQUAL)
    pids = [process.pid, *children_of(process.pid)]
    assert len(pids) == 2
    process.close()
    assert wait_until_gone(pids) == []


def test_forgotten_process_ends_with_its_owner():
    forgotten = MathProcess()
    forgotten.compare(*EQUAL)
    pids = [forgotten.pid, *children_of(forgotten.pid)]
    del forgotten
    assert wait_until_gone(pids) == []


def test_killed_owner_leaves_no_process_behind():
    program = (
        "import os, time\n"
        "from verifiers.math.process import MathProcess\n"
        "from verifiers.math.tree import node, num\n"
        "process = MathProcess()\n"
        "process.compare(node('sym', 'x'), node('sym', 'y'))\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert owner.stdout is not None
    keeper = int(owner.stdout.readline())
    pids = [keeper, *children_of(keeper)]
    assert len(pids) == 2
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert wait_until_gone(pids) == []
