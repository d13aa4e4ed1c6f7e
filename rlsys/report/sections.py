"""A question about a run as a section of its report: a line for the verdict, and what stands behind
it. Who answers questions (`rlsys/inquiry/`) makes these; the page shows them (`sections.js`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shown:
    """A completion that shows something."""

    step: int
    group: int
    sample: int
    text: str
    """What is said of it beside its place, a part of its text among it."""


@dataclass(frozen=True)
class Point:
    """One thing that was found."""

    told: str
    is_bad: bool
    completions: list[Shown]


@dataclass(frozen=True)
class Section:
    """What a question came to."""

    title: str
    line: str
    """Of the verdict, and the first one of the section."""
    is_bad: bool
    """Whether somebody should look."""
    sentences: list[str]
    points: list[Point]


Ask = Callable[[Path], Sequence[Section]]
"""The sections of a run's folder."""


def nothing(folder: Path) -> list[Section]:
    """An Ask of no question."""
    return []


def named(sections: Sequence[Section]) -> dict[int, set[int]]:
    """The groups of the completions that sections show, by step."""
    groups: dict[int, set[int]] = {}
    for section in sections:
        for point in section.points:
            for one in point.completions:
                groups.setdefault(one.step, set()).add(one.group)
    return groups
