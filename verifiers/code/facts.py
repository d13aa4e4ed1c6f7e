"""Asks a job of the sandbox what pieces of code define, need and do (facts_job.py).

The answers only choose between texts that the completion itself gives.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from verifiers.code import facts_job
from verifiers.sandbox.interface import Ending, Limits, Sandbox

_PROGRAM = Path(facts_job.__file__).read_text(encoding="utf-8")
_LIMITS = Limits(wall_s=2.0, cpu_s=0.5, memory_mb=512, output_mb=4.0)
"""Well above what an honest completion takes, a few hundredths of a second."""


@dataclass(frozen=True)
class Facts:
    """What is known of a piece of code that parses."""

    text: str
    acts: bool = False
    """It calls something when it is run."""
    reads: bool = False
    """It reads input."""
    writes: bool = False
    """It writes output."""
    defines: frozenset[str] = frozenset()
    """Names that it binds at its top level."""
    needs: frozenset[str] = frozenset()
    """Names that it reads and binds nowhere."""


Question = tuple[str, str, str]
"""(`code`, text, ``), or (`lines`, text, name): the longest run of lines that is a program, or that
defines the name where there is one."""
Look = Callable[[Sequence[Question]], list[Facts | None]]
"""The facts for each question; None for what is not Python, or has no such run."""


def look_in(sandbox: Sandbox) -> Look:
    """A Look by jobs of a sandbox."""

    def look(questions: Sequence[Question]) -> list[Facts | None]:
        stdin = ascii(list(questions)).encode()
        outcome = sandbox.run_program(_PROGRAM, stdin, _LIMITS)
        lines = outcome.stdout.decode("utf-8", "replace").split("\n")[:-1]
        if outcome.ending is not Ending.EXITED or len(lines) != len(questions):
            # Hostile text ended the job: nothing is known, so the last block counts.
            return [None] * len(questions)
        return [_read(line, text) for line, (_, text, _) in zip(lines, questions, strict=True)]

    return look


def _read(line: str, text: str) -> Facts | None:
    parts = line.split("|")
    bounds = parts[0].split(" ")
    if len(parts) != 3 or len(bounds) != 3 or not (bounds[0] + bounds[1]).isdigit():
        return None
    run = "\n".join(text.split("\n")[int(bounds[0]) : int(bounds[1])])
    defines, needs = (frozenset(filter(None, names.split(","))) for names in parts[1:])
    flags = bounds[2]
    return Facts(run, "a" in flags, "r" in flags, "w" in flags, defines, needs)
