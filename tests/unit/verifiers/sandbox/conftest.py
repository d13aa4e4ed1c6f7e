"""One sandbox for all tests of it, as strong as the machine gives."""

import pytest

from rlsys.config.sandbox import SandboxConfig
from rlsys.errors import SandboxError
from verifiers.sandbox.interface import Level, Limits
from verifiers.sandbox.pool import open_sandbox


@pytest.fixture(scope="session")
def sandbox():
    try:
        opened = open_sandbox(SandboxConfig(zygotes=2))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@pytest.fixture
def strong(sandbox):
    if sandbox.level is not Level.STRONG:
        pytest.skip(f"level {sandbox.level}: {sandbox.missing}")
    return sandbox


@pytest.fixture
def run(strong):
    """Run a program with laxer deadlines than any of them needs."""

    def run_it(source, stdin=b"", **limits):
        defaults = {"wall_s": 20.0, "cpu_s": 10.0}
        return strong.run_program(source, stdin, Limits(**(defaults | limits)))

    return run_it
