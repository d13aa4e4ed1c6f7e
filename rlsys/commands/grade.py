"""`rlsys grade IN.jsonl --out OUT.jsonl`: grades a file of completions offline.

Starts no Ray and loads no model: worker processes hold the same verifiers and the same sandbox as
the verifier workers of a run.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rlsys.grading.pool import Graded

_LINE_EVERY_S = 5.0
_UPDATE_EVERY_S = 0.25


def grade(
    file: Annotated[Path, typer.Argument(metavar="IN.jsonl", help="Completions, a row each.")],
    out: Annotated[Path, typer.Option(metavar="OUT.jsonl", help="Where the verdicts go.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, as in verifiers.workers=4")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="YAML file with options of verifiers, plug-ins and the sandbox."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Say of each maths answer which text was taken, by which rule, and as what.",
        ),
    ] = False,
) -> None:
    """Grade a file of completions offline: maths, functions, programs.

    A row has id, completion and its benchmark's columns; optionally verifier and limits {wall_s,
    memory_mb}. Exit status: 0 when every row has a verdict, 1 when one has none, 2 when nothing
    could be graded.
    """
    from rlsys.config.load import CONFIGS, load
    from rlsys.disk import whole_file
    from rlsys.errors import ConfigError, DataError
    from rlsys.grading.pool import GradingPool
    from rlsys.grading.rows import look_through, read_rows
    from verifiers.registry import Registry
    from verifiers.settings import check_rewards

    began = time.monotonic()
    settings = load(config or CONFIGS / "base.yaml", overrides, check_rewards)
    if config is None and not any(o.startswith("verifiers.workers=") for o in overrides or ()):
        settings.verifiers.workers = os.cpu_count() or 1
    if not file.is_file():
        raise DataError(f"no file {file}")
    if out.exists() and out.samefile(file):
        raise DataError(f"--out {out} is the file of completions itself")
    if out.is_dir() or not out.parent.is_dir():
        raise ConfigError(
            f"--out {out}: a file in a folder that exists is needed; nearest valid: "
            f"--out {file.stem}-graded.jsonl"
        )
    known = Registry(settings.verifiers.plugins).names()
    survey = look_through(file, known)
    if not survey.num_rows:
        raise DataError(f"{file}: there are no rows to grade")
    settings.verifiers.timeout_s = max(settings.verifiers.timeout_s, survey.longest_s)
    progress = _Progress(Console(stderr=True), survey.num_rows, began)
    pool = GradingPool(settings.verifiers, settings.sandbox, survey.verifiers)
    with whole_file(out) as target, pool:
        for graded in pool.grade(read_rows(file, known)):
            explanation = explanation_of(graded) if explain else {}
            target.write(json.dumps(output_row(graded) | explanation) + "\n")
            progress.done(graded, pool.note)
    progress.finish(out)
    if progress.statuses["infrastructure"]:
        raise typer.Exit(1)


def output_row(graded: "Graded") -> dict[str, Any]:
    """What is written of a row. `reward` is null where there is no verdict."""
    from rlsys.grading.rows import GradeRow

    row, verdict = graded.row, graded.verdict
    return {
        "id": row.id,
        "verifier": row.verifier if isinstance(row, GradeRow) else None,
        "reward": verdict.reward,
        "status": str(verdict.status),
        "reason": verdict.reason,
        "seconds": round(verdict.seconds, 6),
        "level": verdict.level,
        "components": {
            name.partition(".")[2]: value
            for name, value in verdict.components.items()
            if "." in name
        },
    }


def explanation_of(graded: "Graded") -> dict[str, Any]:
    """`explanation` of a maths row: what was taken, by which rule, as what; what was expected."""
    from dataclasses import asdict

    from rlsys.grading.rows import GradeRow
    from verifiers.math.verifier import explain

    row = graded.row
    if not isinstance(row, GradeRow) or row.verifier != "math" or graded.verdict.reward is None:
        return {}
    found = explain(row.completion)
    return {"explanation": asdict(found) if found else "no final answer"}


class _Progress:
    """How far it is, and what came out: one line that changes on a terminal, else several."""

    def __init__(self, console: Console, num_rows: int, began: float) -> None:
        self._console, self._num_rows, self._began = console, num_rows, began
        self._said = began
        self._status = console.status("starting the workers") if console.is_terminal else None
        if self._status:
            self._status.start()
        self._rewards = 0.0
        self._malformed = 0
        self._first_malformed = ""
        self._noted = False
        self.statuses: Counter[str] = Counter()

    def done(self, graded: "Graded", note: str) -> None:
        """One more row has been written; `note` says how programs are isolated."""
        from rlsys.grading.rows import MalformedRow

        if note and not self._noted:
            self._print(note)
            self._noted = True
        self.statuses[str(graded.verdict.status)] += 1
        self._rewards += graded.verdict.reward or 0.0
        if isinstance(graded.row, MalformedRow):
            self._malformed += 1
            self._first_malformed = self._first_malformed or graded.verdict.reason
        now = time.monotonic()
        if now - self._said < (_UPDATE_EVERY_S if self._status else _LINE_EVERY_S):
            return
        self._said = now
        if self._status:
            self._status.update(self._line())
        else:
            self._print(self._line())

    def finish(self, out: Path) -> None:
        """The summary."""
        if self._status:
            self._status.stop()
        graded = self.statuses.total() - self.statuses["infrastructure"]
        mean = f", mean reward {self._rewards / graded:.4f}" if graded else ""
        self._print(f"{self._line()}{mean}; written to {out}")
        for status, count in self.statuses.most_common():
            self._print(f"  {status:<16}{count:>9}")
        if self._malformed:
            self._print(f"  malformed rows: {self._malformed}, the first: {self._first_malformed}")

    def _line(self) -> str:
        seconds, rows = time.monotonic() - self._began, self.statuses.total()
        return f"{rows} of {self._num_rows} rows in {seconds:.1f} s ({rows / seconds:.0f}/s)"

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
