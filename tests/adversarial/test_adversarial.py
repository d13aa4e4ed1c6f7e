"""Hostile programs are never paid, never late, and leave nothing; honest ones are always paid."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest

from rlsys.config.sandbox import SandboxConfig
from tests.helpers.adversarial_programs import read
from verifiers.base import Status, verify_all
from verifiers.code.functions import FunctionVerifier
from verifiers.code.programs import ProgramVerifier
from verifiers.sandbox.interface import Level
from verifiers.sandbox.pool import open_sandbox

WALL_S, CPU_S = 1.5, 0.4
HOSTILE = read("hostile")
HONEST = read("honest")


@pytest.fixture(scope="module")
def sandbox():
    with_zygotes = open_sandbox(SandboxConfig(zygotes=2))
    if with_zygotes.level is not Level.STRONG:
        with_zygotes.close()
        pytest.skip(f"the sandbox is {with_zygotes.level} here: {with_zygotes.missing}")
    yield with_zygotes
    with_zygotes.close()


@pytest.fixture(scope="module")
def planted():
    """Files that everybody may read, and what a program might want of this machine."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    secret = folder / "expected.json"
    secret.write_text('{"expected": "secret"}')
    secret.chmod(0o644)
    os.environ["RLSYS_TEST_SECRET"] = "secret"
    yield f"{secret}\n{Path(__file__).resolve()}\n/etc/hostname\n"
    del os.environ["RLSYS_TEST_SECRET"]
    shutil.rmtree(folder)


def verifiers(sandbox, **limits):
    return {
        "code_functions": FunctionVerifier(sandbox, **limits),
        "code_programs": ProgramVerifier(sandbox, **limits),
    }


@pytest.fixture(scope="module")
def strict(sandbox):
    made = verifiers(sandbox, wall_s=WALL_S, cpu_s=CPU_S, memory_mb=128)
    yield made
    made["code_functions"].close()


@pytest.fixture(scope="module")
def lax(sandbox):
    made = verifiers(sandbox)
    yield made
    made["code_functions"].close()


def grade(made, cases):
    """The cases with their verdicts, in batches as a worker gets them."""
    graded = []
    for name, verifier in made.items():
        chosen = [case for case in cases if case.verifier == name]
        verdicts = verify_all(verifier, [case.completion for case in chosen])
        graded += zip(chosen, verdicts, strict=True)
    return graded


def pool_size():
    """Processes of the sandbox, zygotes and jobs. Those that run tests start when they are needed,
    and other tests of this session may have left a cluster that is still ending."""
    return sum(map(is_sandboxed, psutil.Process().children(recursive=True)))


def is_sandboxed(process):
    try:
        return process.cmdline()[1:3] == ["-I", "-S"]
    except psutil.Error:  # it ended meanwhile
        return False


def test_there_are_enough_programs():
    assert sum(map(len, HOSTILE.values())) >= 80
    assert sum(map(len, HONEST.values())) >= 40


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_programs_earn_nothing_in_time_and_leave_the_pool_as_it_was(
    kind, strict, lax, planted
):
    grade(lax, HONEST["functions"][:1] + HONEST["programs"][:1])
    before = pool_size()
    graded = grade(strict, read("hostile", planted)[kind])
    paid = {case.name: verdict for case, verdict in graded if verdict.reward != 0.0}
    assert paid == {}
    late = {case.name: v.seconds for case, v in graded if v.seconds > WALL_S + 1}
    assert late == {}
    after = grade(lax, HONEST["functions"][:1] + HONEST["programs"][:1])
    assert [verdict.reward for _, verdict in after] == [1.0, 1.0]
    assert pool_size() == before


@pytest.mark.parametrize("kind", HONEST)
def test_honest_programs_are_paid_in_full(kind, lax):
    graded = grade(lax, HONEST[kind])
    unpaid = {c.name: (v.status, v.reason) for c, v in graded if v.reward != 1.0}
    assert unpaid == {}
    assert {verdict.status for _, verdict in graded} == {Status.CORRECT}
