"""Grades rows in worker processes, in order, with bounded memory.

    rows --> threads, one per worker --> VerifierProcess (the verifiers, the sandbox) --> verdicts

A VerifierProcess is what a run's verifier workers hold: one that dies or hangs is replaced. A row
without a verdict is graded once more.
"""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType

from rlsys.config.sandbox import SandboxConfig
from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.grading.process import VerifierProcess, no_verdict
from rlsys.grading.rows import GradeRow, MalformedRow
from verifiers.base import Status, Verdict

_WINDOW_PER_WORKER = 32
"""Rows that are read ahead of the oldest unfinished one, per worker."""


@dataclass(frozen=True)
class Graded:
    """A row and its verdict."""

    row: GradeRow | MalformedRow
    verdict: Verdict


class GradingPool:
    """`config.workers` processes, started as rows need them; a context manager.

    Args:
        verifiers: names of those that rows will ask for. Their options are those of the config's
            component that uses them, else the defaults.
    """

    def __init__(
        self, config: VerifiersConfig, sandbox: SandboxConfig, verifiers: Iterable[str]
    ) -> None:
        self._config, self._sandbox = _routed(config, verifiers), sandbox
        self._threads = ThreadPoolExecutor(config.workers)
        self._free: queue.LifoQueue[VerifierProcess] = queue.LifoQueue()
        self._all: list[VerifierProcess] = []
        self._lock = threading.Lock()

    @property
    def note(self) -> str:
        """How programs are isolated, once a worker has started; empty where none will run."""
        return self._all[0].note if self._all else ""

    def __enter__(self) -> "GradingPool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._all:
            process.close()
        self._threads.shutdown()

    def grade(self, rows: Iterable[GradeRow | MalformedRow]) -> Iterator[Graded]:
        """Grade rows; results come in the order of the rows, as soon as they can.

        Raises:
            VerifierError: a verifier cannot be made or fails its self-test, or the sandbox cannot
                be started.
        """
        window: deque[tuple[GradeRow | MalformedRow, Future[Verdict]]] = deque()
        for row in rows:
            window.append((row, self._threads.submit(self._grade, row)))
            while window and (window[0][1].done() or len(window) >= self._window):
                yield _result(*window.popleft())
        while window:
            yield _result(*window.popleft())

    @property
    def _window(self) -> int:
        return _WINDOW_PER_WORKER * self._config.workers

    def _grade(self, row: GradeRow | MalformedRow) -> Verdict:
        if isinstance(row, MalformedRow):
            return no_verdict(row.reason)
        # The verifier is chosen by the source: the same routing as in a run.
        completion = replace(row.completion, source=row.verifier)
        process = self._process()
        try:
            (verdict,) = process.grade([completion])
            if verdict.status is Status.INFRASTRUCTURE:
                (verdict,) = process.grade([completion])
        finally:
            self._free.put(process)
        if verdict.reward is None:
            return replace(verdict, reason=f"row {row.number}: {verdict.reason}")
        return verdict

    def _process(self) -> VerifierProcess:
        """A process that no other thread uses; there are never more than threads."""
        try:
            return self._free.get_nowait()
        except queue.Empty:
            process = VerifierProcess(self._config, self._sandbox)
            with self._lock:
                self._all.append(process)
            return process


def _result(row: GradeRow | MalformedRow, future: Future[Verdict]) -> Graded:
    return Graded(row, future.result())


def _routed(config: VerifiersConfig, verifiers: Iterable[str]) -> VerifiersConfig:
    """One reward for each verifier, routed by its name as the source."""
    known = {reward.verifier or reward.name: reward for reward in config.rewards}
    alone = RewardConfig(weight=1.0)
    rewards = [
        replace(
            known.get(name, alone), name=name, verifier=name, weight=1.0, gate=False, sources=[name]
        )
        for name in sorted(verifiers)
    ]
    return replace(config, rewards=rewards)
