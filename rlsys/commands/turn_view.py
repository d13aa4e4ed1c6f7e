"""A turn of `rlsys chat` on the screen."""

import time

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from rlsys.markup import Part


class TurnView:
    """One turn on the screen: the seconds while it thinks, then the answer as it comes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live: Live | None = None
        self.spinner = Spinner("dots")
        self.thought = self.answering = False

    def __enter__(self) -> "TurnView":
        self.started = time.monotonic()
        if self.console.is_terminal:
            self.live = Live(
                get_renderable=self._thinking,
                console=self.console,
                refresh_per_second=4,
                transient=True,
            )
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._fold()

    def show(self, part: Part, piece: str) -> None:
        """A piece of the turn."""
        if part is Part.THINKING:
            self.thought = True
            return
        if not self.answering:
            piece = piece.lstrip()
            if not piece:
                return
            self._fold()
            self.answering = True
        self.console.print(piece, end="", highlight=False, markup=False, soft_wrap=True)

    def _thinking(self) -> Spinner:
        self.spinner.update(text=f"Thinking... {time.monotonic() - self.started:.0f} s")
        return self.spinner

    def _fold(self) -> None:
        if self.answering:
            return
        if self.live:
            self.live.stop()
            self.live = None
        if self.thought:
            seconds = time.monotonic() - self.started
            self.console.print(f"Thought for {seconds:.0f} s (/show)", style="dim", highlight=False)
        self.answering = True
