"""Classes that a task's tests or prompt define, so that both sides have them: a ListNode, say.

Their instances cross by what they hold, both ways. On the tests' side the methods are the task's
own, so a result of such a class is as much a value as a list is: an instance cannot bring what its
class defines.
"""

from collections.abc import Callable, Collection
from types import MemberDescriptorType
from typing import Any

from verifiers.sandbox.refusals import CodecError


class Shared:
    """The classes of one task; this base has none."""

    def name_of(self, kind: type) -> str:
        """The name of a shared class; empty for another class."""
        return ""

    def new(self, name: str) -> Any:
        """An instance of the class of a name, that holds nothing yet."""
        raise CodecError(f"an instance of {name[:200]}, which does not cross")

    def attributes(self, value: Any) -> dict[str, Any]:
        """What an instance holds."""
        kept = dict(getattr(value, "__dict__", {}))
        absent = object()
        slots = {name: getattr(value, name, absent) for name in _slots(type(value))}
        return {name: item for name, item in slots.items() if item is not absent} | kept

    def fill(self, value: Any, attributes: dict[str, Any]) -> None:
        """Have an instance hold these, and nothing else.

        Raises:
            CodecError: one of them would stand in for what the class defines.
        """
        kind = type(value)
        for name in attributes:
            own = next((vars(c)[name] for c in kind.__mro__ if name in vars(c)), None)
            is_defined = callable(own) or hasattr(type(own), "__get__")
            if name[:2] == "__" or (is_defined and not isinstance(own, MemberDescriptorType)):
                raise CodecError(f"an attribute {name[:80]!r} of a {kind.__name__}")
        for name in [*self.attributes(value)]:
            if name not in attributes:
                object.__delattr__(value, name)
        for name, item in attributes.items():
            object.__setattr__(value, name, item)


BY_VALUE_ONLY = Shared()


class DefinedClasses(Shared):
    """Classes by their names.

    Args:
        find: the class of a name, as this side has it; None where it has none.
    """

    def __init__(self, names: Collection[str], find: Callable[[str], Any]) -> None:
        self._names, self._find = frozenset(names), find

    def name_of(self, kind: type) -> str:
        """See Shared."""
        name = kind.__name__
        return name if name in self._names and self._find(name) is kind else ""

    def new(self, name: str) -> Any:
        """See Shared."""
        kind = self._find(name) if name in self._names else None
        if not isinstance(kind, type):
            raise CodecError(f"an instance of {name[:200]}, which is no class here")
        return object.__new__(kind)


def _slots(kind: type) -> list[str]:
    found = [vars(base) for base in kind.__mro__]
    return [n for names in found for n, v in names.items() if type(v) is MemberDescriptorType]
