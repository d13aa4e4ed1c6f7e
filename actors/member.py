"""What every fleet member has, whatever it does: a lifeline, a name, an accounting of time."""

import asyncio
import inspect
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ray

from actors.portable import portable
from actors.versions import installed
from rlsys import logs
from rlsys.watch import stacks
from rlsys.watch.accounting import Accounting, Times
from rlsys.watch.course import Parts

_CONCURRENCY_GROUPS = MappingProxyType(
    {"control": 1, "lifeline": 1, "disk": 1, "checkpoint": 1, "weights": 1}
)
"""Ray's threads beside the one that works: looking at a member never queues behind its work, nor
behind the disk or weights that leave, and neither does its work."""


def actor_class(member: type) -> Any:
    """A member's class as a Ray actor class."""
    remote: Any = ray.remote
    return remote(concurrency_groups=dict(_CONCURRENCY_GROUPS))(member)


@dataclass(frozen=True)
class Identity:
    """Which process on which node an actor is."""

    node_id: str
    host: str
    pid: int
    log: str
    """Where what it prints goes; with its host where that is no file of the run's folder."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the packages that its node has; see actors.versions."""


class _Portable:
    """Raises nothing that cannot travel to the driver, in any method of a subclass."""

    def __init_subclass__(cls) -> None:
        for name, method in list(vars(cls).items()):
            if inspect.isfunction(method) and not name.startswith("_"):
                setattr(cls, name, portable(method))


class Member(_Portable):
    """A member whose methods are plain functions. Its work runs on one thread, in order."""

    accounting: Accounting

    @ray.method(concurrency_group="lifeline")
    def lifeline(self) -> None:
        """Never returns: the call fails when the process is gone, and only then."""
        threading.Event().wait()

    @ray.method(concurrency_group="control")
    def introduce(self, log: Path) -> Identity:
        """Who this is. From now on it prints to `log`, and its stacks can be read."""
        return _introduce(log)

    @ray.method(concurrency_group="control")
    def times(self) -> tuple[Times, Parts]:
        """Busy and waits since the start, and how the time since the last call went."""
        return self.accounting.look()


class AsyncMember(_Portable):
    """A member whose methods are coroutines; each concurrency group has an event loop."""

    accounting: Accounting

    @ray.method(concurrency_group="lifeline")
    async def lifeline(self) -> None:
        """Never returns: the call fails when the process is gone, and only then."""
        await asyncio.Event().wait()

    @ray.method(concurrency_group="control")
    async def introduce(self, log: Path) -> Identity:
        """Who this is. From now on it prints to `log`, and its stacks can be read."""
        return _introduce(log)

    @ray.method(concurrency_group="control")
    async def times(self) -> tuple[Times, Parts]:
        """Busy and waits since the start, and how the time since the last call went."""
        return self.accounting.look()


def _introduce(log: Path) -> Identity:
    stacks.register()
    context = ray.get_runtime_context()
    host = ray.util.get_node_ip_address()
    log_of_its_own = logs.write_to(log)
    return Identity(context.get_node_id(), host, os.getpid(), log_of_its_own, installed())
