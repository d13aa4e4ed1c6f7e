"""What every stage's summary has: a table for people and summary.json for programs."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any, ClassVar

from rich.console import Console
from rich.table import Table

from rlsys.disk import replace_text
from rlsys.evaluation import curve
from rlsys.evaluation.estimators import Difference
from rlsys.evaluation.heldout import HeldOut
from rlsys.lineage.manifest import Figure
from rlsys.run.folder import SUMMARY
from rlsys.watch.accounting import Times


@dataclass(kw_only=True)
class StageSummary(ABC):
    """The evidence of one run of a stage."""

    answers: ClassVar[bool] = True
    """Whether what is trained can be asked for answers, which pass@1 is of."""
    run: str
    before: HeldOut | None
    after: HeldOut | None
    """None: there were no held-out prompts, or none were asked for."""
    steps: int
    planned_steps: int
    """How many the run was to do."""
    wall_s: float
    """From the command's start to its end."""
    train_s: float
    """Of the training loop alone."""
    consumed_tokens: int
    """Completion tokens that were trained on."""
    times: dict[str, Times]
    """Per role, summed over its members; the driver has a row of its own."""
    members: dict[str, int]
    """How many members each role of the fleet has."""
    policy: str = ""
    """Folder of the newest checkpoint's policy; empty: there is none."""
    resumes: int = 0
    """How often another driver went on with the run; wall_s is the last one's."""
    checks: list[HeldOut] = field(default_factory=list)
    """All held-out checks, by step."""
    notes: list[str] = field(default_factory=list)
    stopped_by: Signals | None = None
    """The signal that ended the run before its end."""

    @property
    @abstractmethod
    def epochs(self) -> float:
        """Passes over what was trained on."""

    @abstractmethod
    def more_to_dict(self) -> dict[str, Any]:
        """What this stage has beside the others, as JSON values."""

    @abstractmethod
    def more_rows(self) -> list[tuple[str, str]]:
        """The same as rows of the printed table."""

    def figures(self) -> dict[str, Figure]:
        """What was measured, by name, for its manifest."""
        return {"steps": self.steps, "wall_s": round(self.wall_s, 3)}

    def advice(self) -> list[str]:
        """Lines below the tables."""
        return []

    @property
    def gain(self) -> Difference | None:
        """pass@1 after less before, on the prompts that both have."""
        if self.before is None or self.after is None:
            return None
        return curve.gain(self.before, self.after)

    def to_dict(self) -> dict[str, Any]:
        """As written to summary.json."""
        return {
            "run": self.run,
            "policy": self.policy,
            **_check_to_dict("before", self.before),
            **_check_to_dict("after", self.after),
            "heldout": self.after
            and {"prompts": self.after.prompts, "samples": self.after.samples},
            "gain": self.gain and asdict(self.gain),
            "checks": [
                {
                    "step": check.step,
                    "versions": check.versions,
                    "pass_at_1": check.pass_at_1,
                    "interval": [check.low, check.high],
                    "prompts": check.prompts,
                }
                for check in self.checks
            ],
            "steps": self.steps,
            "planned_steps": self.planned_steps,
            "epochs": round(self.epochs, 4),
            "wall_s": round(self.wall_s, 3),
            "train_s": round(self.train_s, 3),
            "consumed_tokens": self.consumed_tokens,
            "consumed_tokens_per_s": round(self.consumed_tokens / max(self.train_s, 1e-9), 1),
            "time": {
                role: {
                    "busy_s": round(t.busy_s, 3),
                    "wall_s": round(t.wall_s, 3),
                    "waits": {name: round(s, 3) for name, s in t.waits.items()},
                }
                for role, t in self.times.items()
            },
            "resumes": self.resumes,
            **self.more_to_dict(),
            "notes": self.notes,
        }

    def write(self, folder: Path) -> None:
        """summary.json in the run's folder."""
        replace_text(folder / SUMMARY, json.dumps(self.to_dict(), indent=2) + "\n")

    def show(self, console: Console, commands: Sequence[str] = ()) -> None:
        """The printed table, and what to type next."""
        console.print(self._figures(), highlight=False)
        console.print(self._time_table(), highlight=False)
        policy = [f"policy: {self.policy}"] if self.policy else []
        # Last is what to type: the commands, or the note of a run that was stopped.
        for line in [*self.advice(), *policy, *self.notes, *commands]:
            console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _figures(self) -> Table:
        table = Table(title=self.run, title_justify="left", show_header=False, box=None)
        if self.answers:
            self._add_pass_at_1(table)
        table.add_row("steps", f"{self.steps} in {self.train_s:.1f} s ({self.wall_s:.1f} s in all)")
        for row in self.more_rows():
            table.add_row(*row)
        if self.resumes:
            table.add_row(
                "resumed",
                "once"
                if self.resumes == 1
                else "once"
                if self.resumes == 1
                else f"{self.resumes} times",
            )
        return table

    def _add_pass_at_1(self, table: Table) -> None:
        table.add_row("held-out pass@1 before", f"{self.before or 'not measured'}")
        last = self.checks[-1] if self.checks else None
        if self.after is None and last and last.step:
            table.add_row(f"held-out pass@1 at step {last.step}", f"{last}")
        else:
            table.add_row("held-out pass@1 after", f"{self.after or 'not measured'}")
        if self.after and (gain := self.gain):
            measured = f"{gain.problems} prompts x {self.after.samples}, paired, 95 % CI"
            table.add_row("gain", f"{gain} ({measured})")

    def _time_table(self) -> Table:
        """Of the fleet's roles; the driver's time is in summary.json."""
        table = Table(box=None)
        table.add_column("role")
        for heading in ("busy s", "busy"):
            table.add_column(heading, justify="right")
        table.add_column("waits")
        for role in self.members:
            times = self.times[role]
            waits = ", ".join(f"{name} {s:.1f} s" for name, s in times.waits.items())
            share = times.busy_s / max(times.wall_s, 1e-9)
            table.add_row(role, f"{times.busy_s:.1f}", f"{share:.0%}", waits)
        return table


def rate_row(consumed_tokens: int, train_s: float) -> tuple[str, str]:
    """A row of the tokens that were trained on."""
    rate = consumed_tokens / max(train_s, 1e-9)
    return "consumed tokens", f"{consumed_tokens:,} ({rate:,.0f}/s)"


def _check_to_dict(when: str, check: HeldOut | None) -> dict[str, Any]:
    return {
        f"pass_at_1_{when}": check and check.pass_at_1,
        f"pass_at_1_{when}_interval": check and [check.low, check.high],
    }
