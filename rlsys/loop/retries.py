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
        self.losses = 0
        """Calls lost with their worker so far, all groups together."""
        self.failures = 0
        """Calls that raised so far."""

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
                losses, self.losses = losses + 1, self.losses + 1
                if losses >= self.config.max_group_losses:
                    raise
            except WorkerError:
                failures, self.failures = failures + 1, self.failures + 1
                if failures >= self.config.max_group_failures:
                    raise
