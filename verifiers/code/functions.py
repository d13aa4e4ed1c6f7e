"""Does the function or class of a completion pass its task's tests? HumanEval, MBPP and the like.

The tests run in a trusted process; the solution runs in the sandbox, and only its arguments and
results cross, as exact values (remote.py). This process passes them on unread:

    tests (checks_worker)  <-- requests -->  this process  <-- requests -->  job (sandbox)
"""

import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rlsys.config.ranges import ranged
from rlsys.errors import VerifierError
from verifiers.base import Completion, Status, Verdict
from verifiers.code.checks_process import ChecksProcess, Ended, Tested
from verifiers.code.extract import function_of, standing_before
from verifiers.code.facts import look_in
from verifiers.code.runs import grade_all, limits_for, status_of, status_of_error, told
from verifiers.code.tests_plan import Plan, plan_of
from verifiers.sandbox.interface import JobEnded, Limits, Rejected, RemoteError, Sandbox, Session

_STATUS_OF = {
    Ended.PASSED: Status.CORRECT,
    Ended.WRONG: Status.WRONG,
    Ended.MEMORY: Status.MEMORY,
    Ended.REJECTED: Status.REJECTED,
    Ended.TIMEOUT: Status.TIMEOUT,
}
_LEAST_S = 0.5
"""Seconds that tests have after the function was loaded, however long that took."""


@dataclass
class FunctionVerifier:
    """Reward 1 when the function passes all tests of its task, else 0.

    The row brings `test` with `check(candidate)` and `entry_point` (HumanEval), or `test_list`,
    asserts (MBPP); tests_plan.py says which tests can be graded, extract.py where the code stands.
    """

    sandbox: Sandbox
    continuous: bool = False
    """Pay the share of asserts that hold. Partly right functions then earn, and a policy may learn
    to be content with them."""
    wall_s: float = ranged(10.0, above=0)
    """Seconds for all tests of a task, tests included."""
    cpu_s: float = ranged(5.0, above=0)
    """CPU seconds of the function; below wall_s: a busy machine must not make false time-outs."""
    memory_mb: int = ranged(512, least=1)
    """Address space of the function beyond the bare interpreter's, MiB."""
    name: str = field(default="code_functions", init=False)

    def __post_init__(self) -> None:
        self._limits = Limits(wall_s=self.wall_s, cpu_s=self.cpu_s, memory_mb=self.memory_mb)
        self._look = look_in(self.sandbox)
        self._checks: queue.SimpleQueue[ChecksProcess] = queue.SimpleQueue()
        for _ in range(self.sandbox.num_zygotes):
            self._checks.put(ChecksProcess())

    def verify(self, completion: Completion) -> Verdict:
        """Grade one function.

        Raises:
            VerifierError: the row has no tests, or they are at fault themselves.
            SandboxError: the sandbox failed; says nothing about the function.
        """
        plan = plan_of(completion.info, self.sandbox.packages)
        limits = limits_for(self._limits, completion.info)
        truncated = completion.finish_reason == "length"
        source = function_of(
            completion.text,
            plan.function,
            self._look,
            completion.prompt,
            plan.head,
            plan.preamble,
            truncated,
        )
        if source is None:
            return Verdict(0.0, Status.UNPARSABLE, "no code", level=self.sandbox.level)
        checks = self._checks.get()
        try:
            return self._run(checks, plan, source, limits)
        finally:
            self._checks.put(checks)

    def verify_all(self, completions: Sequence[Completion]) -> list[Verdict]:
        """Grade a batch, several at once."""
        return grade_all(self.verify, completions, self.sandbox.num_zygotes)

    def close(self) -> None:
        """End the tests' processes; the sandbox belongs to the caller."""
        for _ in range(self.sandbox.num_zygotes):
            checks = self._checks.get()
            checks.close()
            self._checks.put(checks)

    def self_test(self) -> list[tuple[Completion, float]]:
        """A right and a wrong function, and some that cheat, in both forms of tests."""
        check = "def check(candidate):\n    assert candidate([3, 1]) == [1, 3]\n"
        row = {"prompt": "def f(xs):\n", "entry_point": "f", "test": check}
        asserts = {"test_list": ["assert f([3, 1]) == [1, 3]"]}
        right = "```python\ndef f(xs):\n    return sorted(xs)\n```"
        always = "class A:\n    def __eq__(self, other):\n        return True\n"
        return [
            (Completion("", right, None, row), 1.0),
            (Completion("", right, None, asserts), 1.0),
            (Completion(row["prompt"], "    return sorted(xs)", None, row), 1.0),
            (Completion("", "```python\ndef f(xs):\n    return xs\n```", None, asserts), 0.0),
            (
                Completion("", f"```python\n{always}\ndef f(xs):\n    return A()\n```", None, row),
                0.0,
            ),
            (Completion("", "```python\nimport os\nos._exit(0)\n```", None, row), 0.0),
            (Completion("", "", None, row), 0.0),
        ]

    def _run(self, checks: ChecksProcess, plan: Plan, source: str, limits: Limits) -> Verdict:
        began = time.monotonic()
        source = standing_before(plan.job_prefix, source) + plan.job_suffix
        job = self.sandbox.open_function(source, plan.entry_point, limits)
        try:
            with job as session:
                calls = _Calls(session)
                # Loading took part of the time, unless it waited for a free place in the sandbox.
                deadline = max(began + limits.wall_s, time.monotonic() + _LEAST_S)
                tested = checks.run(plan, self.continuous, calls.call, deadline)
        except RemoteError as error:
            return self._verdict(0.0, status_of_error(error.type_name), str(error))
        except JobEnded as error:
            return self._verdict(0.0, status_of(error.outcome), _ending(error))
        except Rejected as error:
            return self._verdict(0.0, Status.REJECTED, str(error))
        if tested.ended is Ended.TESTS:
            raise VerifierError(tested.reason)
        passed = tested.ended is Ended.PASSED and calls.end is None
        status, reason = calls.end or (_status_of(tested), tested.reason)
        return self._verdict(1.0 if passed else self._share(plan, tested), status, reason)

    def _share(self, plan: Plan, tested: Tested) -> float:
        """The share of the assert statements that held each time, in tests that did not pass:
        below 1. A loop makes no more of one, and one that is met no more does not count as held."""
        if not self.continuous:
            return 0.0
        return tested.held / max(plan.num_asserts, tested.held + 1)

    def _verdict(self, reward: float, status: Status, reason: str) -> Verdict:
        return Verdict(reward, status, told(reason), level=self.sandbox.level)


def _ending(error: JobEnded) -> str:
    return error.outcome.reason or "the program ended instead of answering"


def _status_of(tested: Tested) -> Status:
    if tested.ended is Ended.CRASH:
        return status_of_error(tested.reason.partition(":")[0])
    return _STATUS_OF[tested.ended]


class _Calls:
    """Calls of one session, until the job is over."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.end: tuple[Status, str] | None = None
        """How the job came to its end before the tests did."""

    def call(self, request: bytes) -> tuple[Any, ...]:
        """Pass one request to the job, and its answer back unread."""
        try:
            return ("value", self._session.request(request))
        except RemoteError as error:
            return ("error", error.type_name, error.message)
        except Rejected as error:
            self.end = (Status.REJECTED, str(error))
        except JobEnded as error:
            self.end = (status_of(error.outcome), _ending(error))
        return ("stop",)
