"""A data set's tests in a process of their own, which can be killed; see checks_worker.

Not safe for two threads at once: one task at a time.
"""

import contextlib
import marshal
import os
import select
import subprocess
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rlsys.errors import VerifierError
from verifiers.code import checks_worker
from verifiers.code.tests_plan import Plan
from verifiers.keeper import end_keeper, start_keeper

_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Tests that import numpy have one CPU and a memory limit."""
_START_S = 60.0
_MAX_FRAME = 2**30

Call = Callable[[bytes], tuple[Any, ...]]
"""A request of remote.py -> ("value", body) or ("error", type name, message) of the candidate;
("stop",) when the job is over."""


class Ended(StrEnum):
    """How a task's tests ended."""

    PASSED = "passed"
    WRONG = "wrong"
    CRASH = "crash"
    MEMORY = "memory"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    STOPPED = "stopped"
    TESTS = "tests"


@dataclass(frozen=True)
class Tested:
    """The end of a task's tests."""

    ended: Ended
    """CRASH: the candidate raised. REJECTED: a result that is not carried, or used as no handle can
    be. STOPPED: a call was answered by ("stop",). TESTS: the tests themselves are at fault."""
    held: int = 0
    """Assert statements that held each time they were met; counted only on request."""
    reason: str = ""


class ChecksProcess:
    """Runs tests. The process starts with the first task.

    Args:
        memory_mb: address space of one task's tests, MiB.
    """

    def __init__(self, memory_mb: int = 2048) -> None:
        self._memory_mb = memory_mb
        self._keeper: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, ChecksProcess] | None = None

    def run(self, plan: Plan, share: bool, call: Call, deadline: float) -> Tested:
        """Run a task's tests, passing their calls of the candidate to `call`.

        Args:
            share: count the asserts that hold instead of ending at the first that fails.
            deadline: time.monotonic() at which the tests, calls included, are given up.

        Raises:
            VerifierError: the process cannot be started, or is gone. The next task starts another.
            Whatever `call` raises; the process is ended first.
        """
        self._keeper = self._keeper or self._start()
        self._send((plan.prelude, plan.script, plan.proxies, plan.shared, plan.marks, share))
        while True:
            message = self._receive(deadline)
            if message is None:
                self.close()
                return Tested(Ended.TIMEOUT, reason="the comparison took too long")
            if message[0] == "done":
                ended = Ended(message[1])
                if ended is Ended.MEMORY:
                    self.close()  # the process has ended itself
                return Tested(ended, *message[2:])
            if message[0] == "died":
                self.close()
                raise VerifierError(f"a tests' process ended with wait status {message[1]}")
            try:
                reply = call(*message[1:])
            except BaseException:
                self.close()
                raise
            self._answer(reply)

    def close(self) -> None:
        """End the process now instead of with this object."""
        if self._end is not None:
            self._end()
        self._keeper = self._end = None

    def _start(self) -> subprocess.Popen[bytes]:
        self._keeper = keeper = start_keeper(
            checks_worker.__name__, str(self._memory_mb), _ENVIRONMENT
        )
        self._end = weakref.finalize(self, end_keeper, keeper)
        if self._receive(time.monotonic() + _START_S) is None:
            self.close()
            raise VerifierError(f"the tests' process did not start within {_START_S:g} s")
        return keeper

    def _send(self, message: tuple[Any, ...]) -> None:
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        try:
            checks_worker.send(self._keeper.stdin.fileno(), message)
        except (BrokenPipeError, ValueError) as error:
            self.close()
            raise VerifierError(f"the tests' process took no message: {error}") from error

    def _answer(self, reply: tuple[Any, ...]) -> None:
        """Send the answer to a request. Who ends while reading it has said why in a message."""
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            checks_worker.send(self._keeper.stdin.fileno(), reply)

    def _receive(self, deadline: float) -> tuple[Any, ...] | None:
        """One frame, or None at the deadline."""
        assert self._keeper is not None
        assert self._keeper.stdout is not None
        descriptor = self._keeper.stdout.fileno()
        poll = select.poll()  # select() refuses descriptors above 1023
        poll.register(descriptor, select.POLLIN)
        data, size = bytearray(), checks_worker.LENGTH.size
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                return None
            part = os.read(descriptor, min(size - len(data), 2**20))
            data += part
            if len(data) == checks_worker.LENGTH.size:
                size += checks_worker.LENGTH.unpack(data)[0]
            if not part or size > _MAX_FRAME:
                self.close()
                raise VerifierError("the tests' process ended")
        return tuple(marshal.loads(memoryview(data)[checks_worker.LENGTH.size :]))
