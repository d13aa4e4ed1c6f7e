"""What a person sees while a run goes on: a live table on a terminal, plain lines elsewhere."""

import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from statistics import fmean, median
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from rlsys.observe.columns import COLUMNS, LEFT, Column, cells, duration, headings, that_fit

_ROWS_SHOWN = 12
_INDENT = " " * 10
"""Of what continues a line that begins with the time."""
_PLAIN_WIDTH = 100
"""Of a step's line where there is no terminal: one that is later read in a terminal fits."""
_HEADINGS_EVERY = 20
"""Steps, where there is no terminal; with them goes a line of where the time went."""
_PACE_OF = 10
"""Newest steps that say how long the others will take."""
_QUIET_S = 30.0
"""After so long without a line, and twice as long each time, one says what is waited for."""


class Display:
    """Stage, steps and times, counted from `started` (time.monotonic()). A context manager.

    Args:
        waiting: what the driver waits for now, and since when; empty: nothing that has a name.
        doing, step_name: what goes on between steps, and what they are called.
    """

    def __init__(
        self,
        console: Console,
        started: float,
        waiting: Callable[[], str] = lambda: "",
        quiet_s: float = _QUIET_S,
        columns: Sequence[Column] = COLUMNS,
        doing: str = "training",
        step_name: str = "step",
    ) -> None:
        self.console, self.columns, self.waiting = console, columns, waiting
        self.doing, self.step_name = doing, step_name
        self.started = started
        self.quiet_s = quiet_s
        self.stage_line = ""
        self.rows: list[tuple[int, dict[str, float]]] = []
        """The newest steps: as many as are shown, or as share a line of where the time went."""
        self.live: Live | None = None
        self._steps_seen = 0
        self._digits = 0
        """Of the last step's number."""
        self._ended = threading.Event()
        self._said = threading.Event()

    def __enter__(self) -> "Display":
        if self.console.is_terminal:
            self.live = Live(
                get_renderable=self._render, console=self.console, refresh_per_second=4
            )
            self.live.start()
        else:
            threading.Thread(target=self._break_silence, name="display", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was; what is printed from now on stays."""
        self._ended.set()
        self._said.set()
        if self.live:
            self.live.stop()

    def stage(self, line: str) -> None:
        """What goes on, or what is being waited for."""
        self.stage_line = line
        if not self.live:
            self._print(line)

    def progress(self, line: str) -> None:
        """How far the stage is: shown in the live table; elsewhere only once nothing has been said
        for long."""
        self.stage_line = line

    def step(self, step: int, steps: int, metrics: dict[str, float]) -> None:
        """A finished optimizer step, of as many as the run has."""
        self.rows = [*self.rows[1 - _HEADINGS_EVERY :], (step, metrics)]
        left = self._left_s(steps - step)
        self.rows[-1] = (step, metrics | {LEFT: left})
        self.stage_line = f"{self.doing}: {self.step_name} {step} of {steps}, {duration(left)} left"
        self._digits = len(str(steps))
        if not self.live:
            name = self.step_name
            self._print_step(f"{name} {step}/{steps}", len(f"{name} {steps}/{steps}"))
        self._steps_seen += 1

    def check(self, step: int, metrics: dict[str, float], line: str) -> None:
        """A held-out check that has ended, perhaps some steps after its own: a line, and where a
        table shows that step, its figures there and in no other row."""
        self.rows = [(of, row | metrics if of == step else row) for of, row in self.rows]
        self.note(line)

    def note(self, line: str) -> None:
        """A line that stays on the screen."""
        if self.live:
            self.console.print(line, highlight=False, markup=False)
        else:
            self._print(line)

    def _left_s(self, steps: int) -> float:
        """Seconds for so many more steps; the final check and the fleet's end not counted."""
        key = "throughput/step_s"
        paces = [row[key] for _, row in self.rows[-_PACE_OF:] if key in row]
        return steps * median(paces) if paces else 0.0

    def _stage_without_waits(self) -> str:
        """The stage line without the waits that it was printed with, which have changed since."""
        return self.stage_line.partition("; waiting for ")[0]

    # --- without a terminal --------------------------------------------------------------------

    def _print(self, line: str) -> None:
        self._said.set()
        self.console.print(
            f"{self._elapsed()}{line}", highlight=False, markup=False, soft_wrap=True
        )

    def _elapsed(self) -> str:
        return f"[{time.monotonic() - self.started:6.1f} s] "

    def _print_step(self, step: str, width: int) -> None:
        begin = step.ljust(width)
        columns = that_fit(_PLAIN_WIDTH - len(self._elapsed()) - len(begin), False, self.columns)
        if self._steps_seen % _HEADINGS_EVERY == 0:
            if self._steps_seen and (times := self._times(_HEADINGS_EVERY)):
                self._print(f"time, last {_HEADINGS_EVERY} steps: {times}")
            self._print(" " * len(begin) + headings(columns))
        self._print(begin + cells(columns, self.rows[-1][1]))

    def _break_silence(self) -> None:
        """Until the end: after a silence, a line of what is waited for."""
        pause = self.quiet_s
        while not self._ended.is_set():
            if self._said.wait(pause):
                self._said.clear()
                pause = self.quiet_s
                continue
            waits = self.waiting()
            stage = self._stage_without_waits() if waits else self.stage_line
            self._print(f"still at: {stage}" + (f"; waiting for {waits}" if waits else ""))
            self._said.clear()
            pause *= 2

    # --- on a terminal -------------------------------------------------------------------------

    def _render(self) -> Text:
        elapsed = time.monotonic() - self.started
        waits = self.waiting()
        stage = self._stage_without_waits() if waits else self.stage_line
        text = Text(self._wrapped(stage, f"{elapsed:6.1f} s  "), style="bold")
        if waits:
            text.append(f"\n{self._wrapped(f'waiting for {waits}')}", style="not bold")
        if self.rows:
            times = self._wrapped(self._times(_PACE_OF), "")
            text.append(f"\n{self._table()}\n{times}", style="not bold")
        return text

    def _wrapped(self, line: str, begin: str = _INDENT) -> str:
        """On as many lines as the screen's width asks for, words whole."""
        then = _INDENT if begin else ""
        width = self.console.width
        return "\n".join(textwrap.wrap(line, width, initial_indent=begin, subsequent_indent=then))

    def _table(self) -> str:
        number = max(self._digits, len(self.step_name))
        columns = that_fit(self.console.width - number, True, self.columns)
        lines = [self.step_name.rjust(number) + headings(columns)]
        for step, metrics in self.rows[-_ROWS_SHOWN:]:
            lines.append(str(step).rjust(number) + cells(columns, metrics))
        return "\n".join(lines)

    def _times(self, steps: int) -> str:
        """`busy: learner 62%, rollout 90%; rollout, the busiest, waits for slots 10%` over the
        newest steps, each as long as the others; of the fleet's roles, not of the driver."""
        rows = [metrics for _, metrics in self.rows[-steps:]]
        shares: dict[str, dict[str, float]] = {}
        for key in rows[-1]:
            if key.startswith("time/") and not key.startswith("time/driver/"):
                _, role, what = key.split("/", 2)
                mean = fmean(row.get(key, 0.0) for row in rows)
                shares.setdefault(role, {})[what] = mean
        if not shares:
            return ""
        busy = {role: own.pop("busy", 0.0) for role, own in shares.items()}
        line = "busy: " + ", ".join(f"{role} {part:.0%}" for role, part in busy.items())
        busiest = max(busy, key=lambda role: busy[role])
        waits = {what: part for what, part in shares[busiest].items() if part >= 0.005}
        if waits:
            longest = max(waits, key=lambda what: waits[what])
            line += f"; {busiest}, the busiest, waits for {longest} {waits[longest]:.0%}"
        return line
