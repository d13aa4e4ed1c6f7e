"""A logger on a thread of its own: no step waits for it, however long it takes.

    step 12 -> Background -> queue -> thread -> the logger, which may ask a server

The queue is bounded. What finds it full is dropped, counted and told, and training goes on: the
run's metrics.jsonl has everything.
"""

import threading
from collections.abc import Callable
from queue import Empty, Full, Queue

from rlsys.observe.loggers import Logger, Metrics

_PLACES = 256
"""Calls that may wait: minutes of steps, and some MiB."""
_PATIENCE_S = 30.0
"""For what still waits when the run ends; a tool may take half of it to be imported."""
_LOOK_S = 0.1
"""How often a thread without work looks whether the run has ended: a full queue has no place for
word of it."""

_Call = Callable[[Logger], None]


class Background:
    """Hands a logger's calls to a thread, in their order. What the logger fails at is raised at
    the next call, as Loggers expects it.

    Args:
        name: for people.
        open_logger: makes the logger, on the thread: a tool's import and its server take seconds.
        notice: told once when calls are dropped, and at the end how many were.
    """

    def __init__(
        self,
        name: str,
        open_logger: Callable[[], Logger],
        notice: Callable[[str], None],
        places: int = _PLACES,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self.name, self.notice, self.patience_s = name, notice, patience_s
        self.dropped = 0
        """Calls that found the queue full."""
        self._open = open_logger
        self._calls: Queue[_Call] = Queue(places)
        self._error: Exception | None = None
        self._ended = threading.Event()
        """Set at the end: what waits is still done, by a thread that nobody waits for any more."""
        # A daemon: one that hangs must not keep a run from its end.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def step(self, step: int, metrics: Metrics) -> None:
        """See Logger."""
        self._put(lambda logger: logger.step(step, metrics), f"step {step}")

    def later(self, step: int, metrics: Metrics) -> None:
        """See Logger."""
        self._put(lambda logger: logger.later(step, metrics), f"a check of step {step}")

    def summary(self, step: int, figures: Metrics) -> None:
        """See Logger."""
        self._put(lambda logger: logger.summary(step, figures), "the summary")

    def close(self) -> None:
        """Wait for what waits, and no longer than the patience.

        Raises:
            TimeoutError: it did not take all of it; says how much is lost.
        """
        self._ended.set()
        self._thread.join(self.patience_s)
        if self._thread.is_alive():
            raise TimeoutError(
                f"{self._calls.qsize() + 1} of its calls are lost, since they took longer than "
                f"{self.patience_s:g} s after the run's end"
            )
        self._raise()
        if self.dropped:
            self.notice(f"{self.name} is without {self.dropped} calls, which it was too slow for")

    def _put(self, call: _Call, what: str) -> None:
        self._raise()
        try:
            self._calls.put_nowait(call)
        except Full:
            if not self.dropped:
                self.notice(
                    f"{self.name} is too slow: {self._calls.maxsize} calls wait for it, and {what} "
                    "and others that find no place are dropped; metrics.jsonl has all of them"
                )
            self.dropped += 1

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            logger = self._open()
            while (call := self._next()) is not None:
                call(logger)
            logger.close()
        except Exception as error:  # of somebody else's program: raised where it is told
            self._error = error

    def _next(self) -> _Call | None:
        """The next call; None: the run has ended, and nothing waits."""
        while True:
            try:
                return self._calls.get(timeout=_LOOK_S)
            except Empty:
                if self._ended.is_set():
                    return None
