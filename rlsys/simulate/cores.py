"""Members that share the cores of one machine, as those of a fleet on a laptop do.

When d members work on c cores, each gets c / d of one, so all go slower by max(1, d / c). A factor
that is the same for all changes nothing of the order in which things happen, so the simulation runs
as if each had a core of its own, and its clock t is stretched afterwards:

    wall(t) = integral from 0 to t of max(1, d(s) / c) ds
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class SharedCores:
    """Counts who works, and stretches the time of the event loop that it runs in.

    Args:
        count: c, above 0.
    """

    def __init__(self, count: float) -> None:
        self.count = count
        self.working_now: Counter[str] = Counter()
        self._busy_s: Counter[str] = Counter()
        self._wall_s = self._since = 0.0

    def change(self, role: str, by: int) -> None:
        """So many more members of a role work from now on."""
        self._catch_up()
        self.working_now[role] += by

    @contextmanager
    def working(self, role: str) -> Iterator[None]:
        """A member of the role works in the block."""
        self.change(role, 1)
        try:
            yield
        finally:
            self.change(role, -1)

    @property
    def wall_s(self) -> float:
        """Stretched time from the start until now."""
        self._catch_up()
        return self._wall_s

    @property
    def busy_s(self) -> dict[str, float]:
        """Stretched time that each role's members worked, summed over them."""
        self._catch_up()
        return dict(self._busy_s)

    def _catch_up(self) -> None:
        now = asyncio.get_running_loop().time()
        passed, self._since = now - self._since, now
        stretched = passed * max(1.0, self.working_now.total() / self.count)
        self._wall_s += stretched
        for role, members in self.working_now.items():
            if members:
                self._busy_s[role] += members * stretched  # type: ignore[assignment]
