"""What a sandbox does for its callers: run a program, or call a function that a program defines.

    with open_sandbox(config) as sandbox:                      # verifiers/sandbox/pool.py
        outcome = sandbox.run_program("print(input()[::-1])", b"abc", Limits())
        with sandbox.open_function("def f(x): return x + 1", "f", Limits()) as f:
            assert f.call((41,), {}) == 42

A sandbox may be used by several threads. Nothing of a verdict belongs into it: tests and expected
outputs stay with the caller, who compares what comes out.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Protocol

from rlsys.errors import ConfigError, RlsysError


class Level(StrEnum):
    """How much stands between a job and the machine; docs/security.md has the table."""

    STRONG = "strong"
    RESTRICTED = "restricted"
    WEAK = "weak"


@dataclass(frozen=True)
class Limits:
    """What one job may use. A function's limits cover its session: loading and all calls.

    Raises:
        ConfigError: a limit is not above 0.
    """

    wall_s: float = 10.0
    """Seconds from the fork to the end, by the monotonic clock; laxer than cpu_s, so that a busy
    machine makes no false time-outs."""
    cpu_s: float = 5.0
    """CPU seconds, user and system, all threads."""
    memory_mb: int = 256
    """Address space beyond the bare interpreter's, MiB; thread stacks count."""
    output_mb: float = 1.0
    """MiB of stdout and stderr together."""
    tmp_mb: int = 16
    """Size of the private /tmp, MiB."""
    threads: int = 64
    """Threads beside the main one; enforced where there are user namespaces."""

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            # `not >`, so that NaN is refused, too.
            if not value > 0:
                raise ConfigError(f"limits.{limit.name}={value}: must be above 0")


class Ending(StrEnum):
    """How a job ended. All but SETUP say something of the program."""

    EXITED = "exited"
    """By itself; exit_code says how."""
    TIMEOUT = "timeout"
    """Past its wall or CPU limit."""
    MEMORY = "memory"
    """An uncaught MemoryError."""
    CRASH = "crash"
    """Ended by a signal, such as SIGSEGV or SIGABRT."""
    OUTPUT = "output"
    """Wrote more than its limit."""
    REJECTED = "rejected"
    """Not started: the source is too long or is not text."""
    SETUP = "setup"
    """The sandbox failed, not the program: no verdict; try again or report infrastructure."""


@dataclass(frozen=True)
class Outcome:
    """One job, after its end. Output is complete unless the job was stopped."""

    ending: Ending
    exit_code: int | None
    """0 to 255 for EXITED, else None."""
    signal: int | None
    """The signal's number for CRASH, else None."""
    stdout: bytes
    stderr: bytes
    wall_s: float
    cpu_s: float
    reason: str
    """One line for people; empty when the job exited with status 0."""


class RemoteError(RlsysError):
    """The candidate raised; type_name and message are its own words, cut to a bounded length."""

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(type_name, message)
        self.type_name = type_name
        self.message = message

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}"


class Rejected(RlsysError):
    """A value that does not cross: not of a type that the codec carries, too big, or malformed.

    is_argument says whose value it was: the caller's argument, else the candidate's result.
    """

    def __init__(self, reason: str, is_argument: bool = False) -> None:
        super().__init__(reason, is_argument)
        self.reason = reason
        self.is_argument = is_argument

    def __str__(self) -> str:
        return f"{'argument' if self.is_argument else 'result'}: {self.reason}"


class JobEnded(RlsysError):
    """The job was over before it answered: the outcome says how."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome

    def __str__(self) -> str:
        return f"{self.outcome.ending}: {self.outcome.reason}"


class Session(Protocol):
    """A job that has loaded a program and answers calls of one of its functions."""

    def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call the function in its job and return the result, by value.

        Exact values of the types of codec.py and carried.py come back. Subclasses of them in a
        result come back as their base; anything else, such as a generator or a function, is
        rejected. Arguments are copies: what the candidate does to them is not seen here.

        Raises:
            RemoteError: the candidate raised, SystemExit included.
            Rejected: an argument or the result does not cross.
            JobEnded: the job ended first; every later call raises it, too.
        """
        ...

    def request(self, body: bytes) -> bytes:
        """Have the job answer a request of served.py, and return the answer, a value by codec.py
        with, perhaps, changes of the arguments behind it. It is the candidate's word, not decoded.

        Raises:
            RemoteError, Rejected, JobEnded: as `call`.
        """
        ...


class Sandbox(Protocol):
    """A pool of processes that fork jobs."""

    @property
    def level(self) -> Level:
        """What canary jobs found to be in force when the sandbox was opened."""
        ...

    @property
    def missing(self) -> Sequence[str]:
        """Why the level is not a stronger one, and how to get it; one sentence each."""
        ...

    @property
    def num_zygotes(self) -> int:
        """How many jobs can run at the same time; further ones wait."""
        ...

    @property
    def packages(self) -> Sequence[str]:
        """Installed packages that programs may import."""
        ...

    def run_program(self, source: str, stdin: bytes, limits: Limits) -> Outcome:
        """Run a program as `__main__` with stdin; waits for a free zygote.

        Raises:
            SandboxError: the sandbox is closed.
        """
        ...

    def open_function(
        self, source: str, entry_point: str, limits: Limits
    ) -> AbstractContextManager[Session]:
        """Execute a program and hold its function `entry_point` ready; leaving ends the job.

        Raises, on entering:
            RemoteError: the program raised while it was loaded, or has no such function.
            JobEnded: it ended while it was loaded, or could not be set up.
            SandboxError: the sandbox is closed.
        """
        ...

    def close(self) -> None:
        """End every process of the pool; idempotent."""
        ...
