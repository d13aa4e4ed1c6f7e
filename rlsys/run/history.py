"""ledger.jsonl: what became of every group over a run's whole life, resumes included.

One line per optimizer step, on disk before that step's checkpoint is, and one per resume:

    {"step": 3, "admitted": [[40, "p7"]], "trained": [30, 31], "dropped": [[33, "no_signal"]]}
    {"resumed": 2, "undone_steps": [3], "undone_trained": [30, 31]}

A resume takes back the steps after its checkpoint: what they trained was lost with the learner
that held it, and those groups live again. Of the lines that stand, each group is trained exactly
once, or dropped once with its reason, or alive.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlsys.disk import disk_errors
from rlsys.errors import CheckpointError
from rlsys.loop.ledger import Events, LedgerError

FILE = "ledger.jsonl"


@dataclass
class Account:
    """What became of each group, by its id."""

    admitted: dict[int, str] = field(default_factory=dict)
    """Prompt id: which rows of the data have been used."""
    trained: dict[int, int] = field(default_factory=dict)
    """Step."""
    dropped: dict[int, str] = field(default_factory=dict)
    """Reason."""
    undone: list[tuple[int, list[int]]] = field(default_factory=list)
    """Per resume: the step that it went back to, and the groups whose training it took back."""

    @property
    def living(self) -> set[int]:
        """Groups that have not ended."""
        return set(self.admitted) - set(self.trained) - set(self.dropped)


class History:
    """Appends to a run's ledger.jsonl; each line is on disk when its call returns."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._file = self.path.open("a", encoding="utf-8")

    def step(self, step: int, events: Events) -> None:
        """What happened since the step before.

        Raises:
            DiskError: the disk is full or fails.
        """
        self._write(
            {
                "step": step,
                "admitted": events.admitted,
                "trained": events.trained,
                "dropped": events.dropped,
            }
        )

    def resume(self, step: int, living: set[int]) -> None:
        """The run goes on after `step`; later lines no longer count.

        Args:
            living: groups that the checkpoint of that step holds.
        Raises:
            CheckpointError: they are not those that live by the lines up to that step.
        """
        lines = read(self.path)
        known = account([line for line in standing_lines(lines) if line["step"] <= step]).living
        if known != living:
            different = sorted(known ^ living)[:5]
            raise CheckpointError(
                f"{self.path} and the checkpoint of step {step} do not belong together: they "
                f"differ in {len(known ^ living)} living groups, such as {different}"
            )
        undone = [line for line in standing_lines(lines) if line["step"] > step]
        self._drop_torn_line()
        self._write(
            {
                "resumed": step,
                "undone_steps": [line["step"] for line in undone],
                "undone_trained": [group for line in undone for group in line["trained"]],
            }
        )

    def close(self) -> None:
        """No more lines."""
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        with disk_errors(self.path):
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def _drop_torn_line(self) -> None:
        """A killed driver may leave half a line, which the next one must not be joined to."""
        text = self.path.read_bytes()
        os.truncate(self.path, text.rfind(b"\n") + 1)


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a ledger.jsonl; half a line at the end, left by a killed driver, is none."""
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def account(lines: list[dict[str, Any]]) -> Account:
    """What became of every group by the lines that stand.

    Raises:
        LedgerError: a group was admitted twice, or ended twice, or never admitted.
    """
    result = Account()
    for line in lines:
        if "resumed" in line:
            result.undone.append((line["resumed"], line["undone_trained"]))
    for line in standing_lines(lines):
        for group, prompt in line["admitted"]:
            if group in result.admitted:
                raise LedgerError(f"group {group} was admitted twice, again before {line['step']}")
            result.admitted[group] = prompt
        ended: list[tuple[int, dict[int, Any], Any]] = [
            *((group, result.trained, line["step"]) for group in line["trained"]),
            *((group, result.dropped, reason) for group, reason in line["dropped"]),
        ]
        for group, ends, how in ended:
            if group not in result.admitted or group in result.trained or group in result.dropped:
                raise LedgerError(f"group {group} ended in step {line['step']} and did not live")
            ends[group] = how
    return result


def standing_lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The step lines that no resume took back."""
    standing: list[dict[str, Any]] = []
    for line in lines:
        if "resumed" in line:
            standing = [earlier for earlier in standing if earlier["step"] <= line["resumed"]]
        else:
            standing.append(line)
    return standing
