"""Does a program print what is expected? Codeforces, CodeContests and the like.

Only a test's input enters the job and only bytes come out; they are compared here.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rlsys.config.ranges import ranged
from rlsys.errors import VerifierError
from verifiers.base import Completion, Status, Verdict
from verifiers.code.checkers import Checker, checker_named
from verifiers.code.extract import program_of
from verifiers.code.facts import look_in
from verifiers.code.runs import grade_all, limits_for, status_of, status_of_error, told
from verifiers.sandbox.interface import Ending, Limits, Sandbox

OUTPUT_MB = 64.0


@dataclass
class ProgramVerifier:
    """Reward 1 when the program prints what each test expects, else 0.

    The row brings `tests`, a list of {stdin, expected}, and may bring `checker`: judge, exact,
    tokens, float or float:TOLERANCE. A program that fails, is killed or exits with another status
    than 0 is wrong, whatever it has printed. The first failed test ends the grading.
    """

    sandbox: Sandbox
    continuous: bool = False
    """Pay the share of tests passed, and run them all."""
    checker: str = "judge"
    """How outputs are compared where the row does not say it."""
    wall_s: float = ranged(10.0, above=0)
    """Seconds for one test."""
    cpu_s: float = ranged(5.0, above=0)
    """CPU seconds for one test; below wall_s, so that a busy machine makes no false time-outs."""
    memory_mb: int = ranged(512, least=1)
    """Address space of the program beyond the bare interpreter's, MiB."""
    total_s: float = ranged(25.0, above=0)
    """Seconds for all tests of one program together, below verifiers.timeout_s: a program that
    sleeps through its first tests would otherwise end without a verdict instead of with 0."""
    output_mb: float = ranged(OUTPUT_MB, above=0)
    """MiB that an expected output may have. A program may print a MiB more than its test expects,
    so that the limit binds only those that are wrong."""
    name: str = field(default="code_programs", init=False)

    def __post_init__(self) -> None:
        self._limits = Limits(wall_s=self.wall_s, cpu_s=self.cpu_s, memory_mb=self.memory_mb)
        self._look = look_in(self.sandbox)
        checker_named(self.checker)

    def verify(self, completion: Completion) -> Verdict:
        """Grade one program.

        Raises:
            VerifierError: the row has no tests, or names an unknown checker.
            SandboxError: the sandbox failed; says nothing about the program.
        """
        info = completion.info
        tests = read_tests(info.get("tests"), self.output_mb)
        limits = limits_for(self._limits, info)
        checker = checker_named(str(info.get("checker") or self.checker))
        truncated = completion.finish_reason == "length"
        source = program_of(completion.text, self._look, completion.prompt, truncated)
        if source is None:
            return self._verdict(0.0, Status.UNPARSABLE, "no code")
        passed, first = 0, (Status.CORRECT, "")
        own = limits.wall_s * len(tests) if info.get("limits") else 0.0
        deadline = time.monotonic() + max(self.total_s, own)
        for number, (stdin, expected) in enumerate(tests, start=1):
            left = deadline - time.monotonic()
            status, reason = (
                Status.TIMEOUT,
                f"all tests together: more than total_s={self.total_s:g}",
            )
            if left > 0:
                within = replace(limits, wall_s=min(limits.wall_s, left))
                status, reason = self._run(source, stdin, expected, checker, within)
            passed += status is Status.CORRECT
            if status is not Status.CORRECT and first[0] is Status.CORRECT:
                first = (status, f"test {number} of {len(tests)}: {reason}")
                if not self.continuous:
                    return self._verdict(0.0, *first)
        return self._verdict(passed / len(tests), *first)

    def verify_all(self, completions: Sequence[Completion]) -> list[Verdict]:
        """Grade a batch, several at once."""
        return grade_all(self.verify, completions, self.sandbox.num_zygotes)

    def self_test(self) -> list[tuple[Completion, float]]:
        """A right and a wrong program, one that only prints, one that fails after its output."""
        tests = [{"stdin": "2 3\n", "expected": "5\n"}, {"stdin": "4 5\n", "expected": "9"}]
        right = "print(sum(map(int, input().split())))"
        return [
            (Completion("", f"```python\n{right}\n```", None, {"tests": tests}), 1.0),
            (Completion("", "```python\nprint(5)\n```", None, {"tests": tests}), 0.0),
            (Completion("", "```python\nprint('correct')\n```", None, {"tests": tests}), 0.0),
            (Completion("", f"```python\n{right}\n1 / 0\n```", None, {"tests": tests}), 0.0),
            (Completion("", "", None, {"tests": tests}), 0.0),
        ]

    def _run(
        self, source: str, stdin: bytes, expected: bytes, checker: Checker, limits: Limits
    ) -> tuple[Status, str]:
        room_mb = limits.output_mb + len(expected) / 2**20
        outcome = self.sandbox.run_program(source, stdin, replace(limits, output_mb=room_mb))
        if outcome.ending is not Ending.EXITED:
            return status_of(outcome), outcome.reason
        if outcome.exit_code != 0:
            return status_of_error(_raised(outcome.stderr)), outcome.reason
        difference = checker(expected, outcome.stdout)
        return (Status.WRONG, difference) if difference else (Status.CORRECT, "")

    def _verdict(self, reward: float, status: Status, reason: str) -> Verdict:
        return Verdict(reward, status, told(reason), level=self.sandbox.level)


def read_tests(tests: Any, output_mb: float) -> list[tuple[bytes, bytes]]:
    """Inputs and expected outputs, of a list of {stdin, expected} or of {inputs, outputs}.

    Raises:
        VerifierError: it is neither, or an expected output has more than output_mb MiB.
    """
    pairs: list[tuple[Any, Any]] = []
    if isinstance(tests, dict):
        inputs, outputs = tests.get("inputs"), tests.get("outputs")
        if isinstance(inputs, list) and isinstance(outputs, list) and len(inputs) == len(outputs):
            pairs = list(zip(inputs, outputs, strict=True))
    elif isinstance(tests, list):
        pairs = [
            (test.get("stdin"), test.get("expected")) if isinstance(test, dict) else (None, None)
            for test in tests
        ]
    if not pairs or not all(isinstance(text, str) for pair in pairs for text in pair):
        raise VerifierError(
            f"column tests: expected a list of {{stdin, expected}}, two texts, got {tests!r:.80}"
        )
    read = [(_encode(stdin), _encode(expected)) for stdin, expected in pairs]
    for number, (_, expected) in enumerate(read, start=1):
        if len(expected) > output_mb * 2**20:
            raise VerifierError(
                f"test {number}: an expected output of {len(expected) / 2**20:.1f} MiB, more than "
                f"output_mb={output_mb:g} of code_programs; raise that option"
            )
    return read


def _raised(stderr: bytes) -> str:
    """The name of the exception that a traceback ends with, if it is one."""
    lines = stderr[-2000:].rstrip().rsplit(b"\n", 1)
    return lines[-1].partition(b":")[0].decode("ascii", "replace")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
