"""Sending work again: one budget for what is lost with a worker, one for what raises."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rlsys.config.loop import LoopConfig
from rlsys.errors import WorkerDiedError, WorkerError
from rlsys.watch.waits import Waits

T = TypeVar("T")


class Retries:
    """Calls to workers, repeated within config.max_group_losses and config.max_group_failures.

    A death says nothing about the work, so it does not count as the work's failure; yet a group
    that kills its workers must end, too.
    """

    def __init__(self, waits: Waits, config: LoopConfig) -> None:
        self.waits, self.config = waits, config
        self._lost = self._failed = 0
        """Calls since the last look, all groups together."""

    def take(self) -> dict[str, float]:
        """Metrics of the calls that had to be made again, or were given up, since the last call of
        this: a worker whose every second call raises slows a run down, and nothing else shows it.
        """
        taken = {"retries/lost": float(self._lost), "retries/failed": float(self._failed)}
        self._lost = self._failed = 0
        return taken

    async def with_retries(
        self, name: str, call: Callable[[], Awaitable[T]], for_completions: bool = False
    ) -> T:
        """Await `call()`, as a named wait, until it succeeds or a budget is spent.

        for_completions: see Waits.on.
        Raises:
            WorkerDiedError: lost max_group_losses times.
            WorkerError: raised max_group_failures times.
        """
        losses = failures = 0
        while True:
            try:
                return await self.waits.on(name, call(), for_completions=for_completions)
            except WorkerDiedError:
                losses, self._lost = losses + 1, self._lost + 1
                if losses >= self.config.max_group_losses:
                    raise
            except WorkerError:
                failures, self._failed = failures + 1, self._failed + 1
                if failures >= self.config.max_group_failures:
                    raise
