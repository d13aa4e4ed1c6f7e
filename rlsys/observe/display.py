"""What a person sees while a run goes on: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

# Column: heading, metric, format.
_COLUMNS = (
    ("reward", "reward/mean", "{:.3f}"),
    ("tok/s", "throughput/consumed_tokens_per_s", "{:,.0f}"),
    ("length", "answer/mean_tokens", "{:.1f}"),
    ("stale", "staleness/mean", "{:.2f}"),
    ("entropy", "policy/entropy", "{:.3f}"),
    ("KL", "policy/kl", "{:.4f}"),
    ("clip", "policy/clip_fraction", "{:.3f}"),
    ("ESS", "policy/effective_sample_size", "{:.2f}"),
)
_ROWS_SHOWN = 12


class Display:
    """Stage, steps and times, counted from `started` (time.monotonic()). A context manager."""

    def __init__(self, total_steps: int, console: Console, started: float) -> None:
        self.console = console
        self.total_steps = total_steps
        self.started = started
        self.stage_line = ""
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.live: Live | None = None
        self.waiting: Callable[[], str] = lambda: ""
        """What the driver waits for now, and since when; shown on a terminal."""

    def __enter__(self) -> "Display":
        if self.console.is_terminal:
            self.live = Live(
                get_renderable=self._render, console=self.console, refresh_per_second=4
            )
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.live:
            self.live.stop()

    def stage(self, line: str) -> None:
        """What goes on, or what is being waited for."""
        self.stage_line = line
        if not self.live:
            self._print(line)

    def step(self, step: int, metrics: dict[str, float]) -> None:
        """A finished optimizer step."""
        self.rows = [*self.rows[1 - _ROWS_SHOWN :], (step, metrics)]
        self.stage_line = f"training: step {step} of {self.total_steps}; {_times(metrics)}"
        if not self.live:
            figures = "  ".join(
                f"{name} {form.format(metrics[key])}"
                for name, key, form in _COLUMNS
                if key in metrics
            )
            self._print(f"step {step}/{self.total_steps}  {figures}  | {_times(metrics)}")

    def note(self, line: str) -> None:
        """A line that stays on the screen."""
        if self.live:
            self.console.print(line, highlight=False, markup=False)
        else:
            self._print(line)

    def _print(self, line: str) -> None:
        elapsed = time.monotonic() - self.started
        self.console.print(
            f"[{elapsed:6.1f} s] {line}", highlight=False, markup=False, soft_wrap=True
        )

    def _render(self) -> Group:
        elapsed = time.monotonic() - self.started
        head = Text(f"{elapsed:6.1f} s  {self.stage_line}", style="bold")
        if waits := self.waiting():
            head.append(f"\n          waiting for {waits}", style="not bold")
        if not self.rows:
            return Group(head)
        table = Table(box=None, pad_edge=False)
        for heading in ("step", *(name for name, _, _ in _COLUMNS)):
            table.add_column(heading, justify="right")
        for step, metrics in self.rows:
            cells = [
                form.format(metrics[key]) if key in metrics else "" for _, key, form in _COLUMNS
            ]
            table.add_row(str(step), *cells)
        return Group(head, table)


def _times(metrics: dict[str, float]) -> str:
    """`learner busy 62%, waits: ready groups 38%; ...` of the last step."""
    roles: dict[str, list[tuple[str, float]]] = {}
    for key, value in metrics.items():
        if key.startswith("time/"):
            _, role, what = key.split("/", 2)
            roles.setdefault(role, []).append((what, value))
    parts = []
    for role, shares in roles.items():
        busy = next((v for w, v in shares if w == "busy"), 0.0)
        waits = " ".join(f"{w} {v:.0%}" for w, v in shares if w != "busy" and v >= 0.005)
        parts.append(f"{role} busy {busy:.0%}" + (f" waits {waits}" if waits else ""))
    return ", ".join(parts)
