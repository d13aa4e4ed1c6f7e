"""What the summary of every run has: a table for people, and summary.json for programs."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any

from rich.console import Console
from rich.table import Table

from rlsys.disk import replace_text
from rlsys.lineage.manifest import Figure
from rlsys.run.folder import SUMMARY
from rlsys.watch.accounting import Times


@dataclass(kw_only=True)
class RunSummary(ABC):
    """The evidence of one run of a stage, whether it trains or not."""

    run: str
    steps: int
    planned_steps: int
    """How many the run was to do."""
    wall_s: float
    """From the command's start to its end."""
    times: dict[str, Times]
    """Per role, summed over its members; the driver has a row of its own."""
    members: dict[str, int]
    """How many members each role of the fleet has."""
    notes: list[str] = field(default_factory=list)
    stopped_by: Signals | None = None
    """The signal that ended the run before its end."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """As written to summary.json."""

    @abstractmethod
    def table_rows(self) -> list[tuple[str, str]]:
        """Of the printed table."""

    def figures(self) -> dict[str, Figure]:
        """What was measured, by name, for its manifest."""
        return {"steps": self.steps, "wall_s": round(self.wall_s, 3)}

    def scalars(self) -> dict[str, float]:
        """The figures as numbers, an interval as three of them: `heldout_pass_at_1/low`."""
        plain: dict[str, float] = {}
        for name, figure in self.figures().items():
            if isinstance(figure, dict):
                plain |= {f"{name}/{part}": value for part, value in figure.items()}
            else:
                plain[name] = figure
        return plain

    def advice(self) -> list[str]:
        """Lines below the tables."""
        return []

    def places(self) -> list[str]:
        """Lines of where what was made is."""
        return []

    def write(self, folder: Path) -> None:
        """summary.json in the run's folder."""
        replace_text(folder / SUMMARY, json.dumps(self.to_dict(), indent=2) + "\n")

    def show(self, console: Console, commands: Sequence[str] = ()) -> None:
        """The printed table, and what to type next."""
        table = Table(title=self.run, title_justify="left", show_header=False, box=None)
        for row in self.table_rows():
            table.add_row(*row)
        console.print(table, highlight=False)
        if self.times:
            console.print(self._time_table(), highlight=False)
        # Last is what to type: the commands, or the note of a run that was stopped.
        for line in [*self.advice(), *self.places(), *self.notes, *commands]:
            console.print(line, highlight=False, markup=False, soft_wrap=True)

    def times_to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            role: {
                "busy_s": round(t.busy_s, 3),
                "wall_s": round(t.wall_s, 3),
                "waits": {name: round(s, 3) for name, s in t.waits.items()},
            }
            for role, t in self.times.items()
        }

    def _time_table(self) -> Table:
        """Of the fleet's roles; the driver's time is in summary.json."""
        table = Table(box=None)
        table.add_column("role")
        for heading in ("busy s", "busy"):
            table.add_column(heading, justify="right")
        table.add_column("waits")
        for role in self.members:
            times = self.times.get(role, Times())
            waits = ", ".join(f"{name} {s:.1f} s" for name, s in times.waits.items())
            share = times.busy_s / max(times.wall_s, 1e-9)
            table.add_row(role, f"{times.busy_s:.1f}", f"{share:.0%}", waits)
        return table
