"""LeastLoaded: which member of a role gets the next call."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

M = TypeVar("M", bound=Hashable)


class LeastLoaded(Generic[M]):
    """Members by their number of open calls; every operation costs the same for any number of
    members. Among equals, who has waited longest comes first."""

    def __init__(self, members: Iterable[M]) -> None:
        self._load: dict[M, int] = dict.fromkeys(members, 0)
        # Members of each load, in order of arrival there.
        self._at: list[OrderedDict[M, None]] = [OrderedDict.fromkeys(self._load)]
        self._lowest = 0

    def __len__(self) -> int:
        return len(self._load)

    def __contains__(self, member: object) -> bool:
        return member in self._load

    def add(self, member: M) -> None:
        """A new member, without open calls."""
        self._place(member, 0)

    def remove(self, member: M) -> None:
        """A member that gets no more calls; giving its open ones back changes nothing."""
        del self._at[self._load.pop(member)][member]

    def take(self, other_than: M | None = None) -> M:
        """The member with the fewest open calls, with one more now; `other_than` only when it is
        the only one. There must be a member."""
        while not self._at[self._lowest]:
            self._lowest += 1
        if other_than is not None and len(self) > 1:
            others = (m for at in self._at[self._lowest :] for m in at if m != other_than)
            member = next(others)
        else:
            member = next(iter(self._at[self._lowest]))
        self._move(member, self._load[member] + 1)
        return member

    def give_back(self, member: M) -> None:
        """One call of the member has ended."""
        if member in self._load:
            self._move(member, self._load[member] - 1)

    def _move(self, member: M, load: int) -> None:
        del self._at[self._load[member]][member]
        self._place(member, load)

    def _place(self, member: M, load: int) -> None:
        if load == len(self._at):
            self._at.append(OrderedDict())
        self._at[load][member] = None
        self._load[member] = load
        self._lowest = min(self._lowest, load)
