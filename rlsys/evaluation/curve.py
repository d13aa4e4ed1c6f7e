"""heldout.jsonl: every held-out check of a run, a line each: where it was due, what it measured.

    {"step": 10, "pass_at_1": 0.62, "low": 0.58, "high": 0.66, "versions": [10, 11], "rates": ...}

A line is on the disk as soon as its check is done. A resume keeps the checks whose every token was
sampled by weights that stand, those up to its checkpoint; the others are done again when their step
comes, and one that was under way when the last driver ended is done at once.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from rlsys.disk import disk_errors, replace_text
from rlsys.errors import DataError
from rlsys.evaluation.estimators import Difference, paired_difference
from rlsys.evaluation.heldout import HeldOut, from_dict

FILE = "heldout.jsonl"


class Curve:
    """The checks of a run, in the order of their steps."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.checks = read(self.path)

    def add(self, check: HeldOut) -> None:
        """One more; it is on the disk when this returns.

        Raises:
            DiskError: the disk is full or fails.
        """
        with disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(check)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.checks = sorted([*self.checks, check], key=lambda one: one.step)

    def at(self, step: int) -> HeldOut | None:
        """The check of this step; None: there was none."""
        return next((check for check in self.checks if check.step == step), None)

    def interrupted(self, step: int, every: int) -> int | None:
        """The newest check that was due at or before `step` and is not there, by its step; None:
        there is no such one."""
        due = step - step % every if every else 0
        done = any(check.step >= due for check in self.checks)
        return None if due == 0 or done else due


def read(path: Path) -> list[HeldOut]:
    """The checks of a heldout.jsonl; none without such a file. Half a line at the end, left by a
    killed driver, is none.

    Raises:
        DataError: a line is no check; names file and line.
    """
    whole, _, _ = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
    checks = []
    for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
        try:
            checks.append(from_dict(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number}: no held-out check ({error}); a run writes one object a "
                "check there"
            ) from error
    return sorted(checks, key=lambda check: check.step)


def cut_back(folder: Path, step: int) -> set[int]:
    """Take away the checks that hold tokens of versions above `step`; the steps of those that stay
    are returned."""
    stay = [check for check in read(folder / FILE) if check.versions[1] <= step]
    if (folder / FILE).exists():
        lines = [json.dumps(asdict(check)) + "\n" for check in stay]
        replace_text(folder / FILE, "".join(lines))
    return {check.step for check in stay}


def gain(first: HeldOut, last: HeldOut) -> Difference | None:
    """What the last check has over the first, prompt by prompt; None: no prompt is in both."""
    common = [prompt for prompt in first.rates if prompt in last.rates]
    if not common:
        return None
    before, after = (np.array([check.rates[p] for p in common]) for check in (first, last))
    return paired_difference(before, after)
