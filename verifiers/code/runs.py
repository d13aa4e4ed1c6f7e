"""What both kinds of code tasks share: limits of a row, several jobs at once, statuses."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from rlsys.errors import RlsysError, SandboxError, VerifierError
from verifiers.base import Completion, Status, Verdict
from verifiers.sandbox.interface import Ending, Limits, Outcome

_STATUS_OF = {
    Ending.EXITED: Status.CRASH,
    Ending.TIMEOUT: Status.TIMEOUT,
    Ending.MEMORY: Status.MEMORY,
    Ending.CRASH: Status.CRASH,
    Ending.OUTPUT: Status.REJECTED,
    Ending.REJECTED: Status.REJECTED,
}
_NOT_PYTHON = ("SyntaxError", "IndentationError", "TabError")
_REASON_CHARS = 300


def status_of(outcome: Outcome) -> Status:
    """The status of a job that ended before it had answered.

    Raises:
        SandboxError: it ended for the sandbox's sake, which says nothing of the program.
    """
    if outcome.ending is Ending.SETUP:
        raise SandboxError(outcome.reason)
    return _STATUS_OF[outcome.ending]


def status_of_error(type_name: str) -> Status:
    """The status of a program that raised; the name is its own word, and no status pays."""
    if type_name in _NOT_PYTHON:
        return Status.UNPARSABLE
    return Status.MEMORY if type_name == "MemoryError" else Status.CRASH


def told(text: str) -> str:
    """A hostile text as part of a reason: short, valid Unicode, on one line."""
    line = " ".join(text[:_REASON_CHARS].split())
    return line.encode("utf-8", "backslashreplace").decode()


def limits_for(defaults: Limits, info: dict[str, Any]) -> Limits:
    """The limits of one task: those of the row (`limits` {wall_s, memory_mb}) before the defaults.

    A row's wall_s limits CPU time, too.

    Raises:
        VerifierError: a limit of the row is not a number above 0.
    """
    own = info.get("limits") or {}
    if not isinstance(own, dict) or not all(_is_positive(value) for value in own.values()):
        raise VerifierError(f"limits={own!r:.80}: wall_s and memory_mb must be numbers above 0")
    changes: dict[str, Any] = {}
    if "wall_s" in own:
        changes |= {"wall_s": float(own["wall_s"]), "cpu_s": float(own["wall_s"])}
    if "memory_mb" in own:
        changes["memory_mb"] = int(own["memory_mb"])
    return replace(defaults, **changes)


def grade_all(
    verify: Callable[[Completion], Verdict], completions: Sequence[Completion], at_once: int
) -> list[Verdict]:
    """Grade completions, several at once, in order.

    One that the verifier or the sandbox fails on has no verdict; the others keep theirs.
    """

    def grade(completion: Completion) -> Verdict:
        began = time.perf_counter()
        try:
            try:
                verdict = verify(completion)
            except SandboxError:  # a job that could not be set up: once more, in a new one
                verdict = verify(completion)
        except RlsysError as error:
            reason = f"{type(error).__name__}: {error}"[:500]
            verdict = Verdict(None, Status.INFRASTRUCTURE, reason)
        return replace(verdict, seconds=time.perf_counter() - began)

    with ThreadPoolExecutor(max_workers=max(1, min(at_once, len(completions)))) as threads:
        return list(threads.map(grade, completions))


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
