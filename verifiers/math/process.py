"""sympy in a process of its own, which can be killed; safe to use from any thread.

Python cannot interrupt work on big integers or a library that does not end. Here every question has
a deadline kept by SIGKILL.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rlsys.errors import VerifierError
from verifiers.keeper import end_keeper, start_keeper
from verifiers.math import worker
from verifiers.math.tree import Node, nested


class Outcome(StrEnum):
    """What became of one comparison."""

    EQUAL = "equal"
    DIFFERENT = "different"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"


@dataclass(frozen=True)
class Comparison:
    """The outcome and, where something went wrong, what."""

    outcome: Outcome
    detail: str = ""


class MathProcess:
    """Proves expressions equal, or different. The process starts with the first question.

    Args:
        deadline_s: CPU seconds per comparison; four times as long when the machine is busy.
        memory_mb: address space of the comparing process, MiB.
        start_s: how long the import of sympy may take. Never part of a verdict.
    """

    def __init__(
        self, deadline_s: float = 2.0, memory_mb: int = 1024, start_s: float = 120.0
    ) -> None:
        self._deadline_s = deadline_s
        self._memory_mb = memory_mb
        self._start_s = start_s
        self._lock = threading.Lock()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, MathProcess] | None = None

    @property
    def pid(self) -> int | None:
        """The keeper's process id; None before the first question."""
        return self._keeper.pid if self._keeper else None

    def compare(self, expected: Node, given: Node) -> Comparison:
        """Are two expressions equal, wherever both have a real value?

        Raises:
            VerifierError: it cannot be started, or its keeper is gone. Says nothing about
                the answer; the next call starts a new process.
        """
        question = (
            json.dumps({"expected": nested(expected), "given": nested(given)}).encode() + b"\n"
        )
        with self._lock:
            keeper = self._keeper or self._start()
            # A slow answer may be asked twice (see the worker), and forking takes a moment.
            limit_s = 2 * worker.WALL_FACTOR * self._deadline_s + 10
            reply = self._exchange(keeper, question, limit_s)
        return Comparison(Outcome(reply["outcome"]), str(reply["detail"]))

    def close(self) -> None:
        """End the process now instead of with this object."""
        with self._lock:
            self._stop()

    def _start(self) -> subprocess.Popen[bytes]:
        settings = {
            "client_pid": os.getpid(),
            "deadline_s": self._deadline_s,
            "memory_mb": self._memory_mb,
            "sys_path": [path for path in sys.path if path],
        }
        self._keeper = keeper = start_keeper(worker.__name__, json.dumps(settings), {})
        self._end = weakref.finalize(self, end_keeper, keeper)
        greeting = self._exchange(keeper, b"", self._start_s)
        if "error" in greeting:
            self._stop()
            raise VerifierError(str(greeting["error"]))
        return keeper

    def _exchange(
        self, keeper: subprocess.Popen[bytes], question: bytes, limit_s: float
    ) -> dict[str, Any]:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        problem = f"did not reply within {limit_s:g} s"
        reply, deadline = b"", time.monotonic() + limit_s
        try:
            if question:
                keeper.stdin.write(question)
                keeper.stdin.flush()
            poll = select.poll()  # select() refuses descriptors above 1023
            poll.register(keeper.stdout, select.POLLIN)
            while (left := deadline - time.monotonic()) > 0:
                if not poll.poll(left * 1000):
                    break
                part = os.read(keeper.stdout.fileno(), 65536)
                if not part:
                    problem = "ended"
                    break
                reply += part
                if reply.endswith(b"\n"):
                    return dict(json.loads(reply))
        except BrokenPipeError:
            problem = "ended"
        except BaseException:
            self._stop()  # a late reply must not be taken for that of the next question
            raise
        self._stop()
        raise VerifierError(f"the sympy process {problem}")

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._keeper = self._end = None
