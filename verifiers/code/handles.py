"""What stands, in the process of the tests, for the objects that stay in the job.

    Handle    of a result: is not None, has a text, gives attributes (but no methods that values
              have: `.val`, not `.count()`), is a number, can be called and passed as an argument.
              Its items come once, as a list: len(), indexing and `in` are decided on that list
    Member    of what a method or an attribute of an object gives: has methods that values have,
              too, as long as they are told nothing, or give objects, and never a truth
    Instance  of a class that the tests use as one (tests_objects.py): has all attributes, and is
              asked itself for len(), items and arithmetic
    Declared  of such a class by the task's own words: is asked for `in`, too

A handle never compares: what is equal is decided here, between values, and never by the job. What
it answers to a question it answers again, until something is done that may change it: else an
object could be three numbers to one line of a test, and none to the next. A result that is used in
another way ends the tests, as an answer that is refused.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from verifiers.sandbox import codec
from verifiers.sandbox.served import (
    ARITHMETIC,
    AS_DECLARED,
    AS_OBJECT,
    BY_VALUE,
    OPERATIONS,
    UNARY,
)

if TYPE_CHECKING:
    from verifiers.code.remote import Calls


class Handle:
    """An object of the job that is no value."""

    __slots__ = ("_rlsys_calls", "_rlsys_identity", "_rlsys_listed")
    _rlsys_calls: "Calls"
    _rlsys_identity: tuple[int, int, str]
    _rlsys_listed: tuple[int, Any, Any]
    """How many changes there had been, the length and the items then."""

    def __init__(self, calls: "Calls", number: int, flags: int, name: str) -> None:
        object.__setattr__(self, "_rlsys_calls", calls)
        object.__setattr__(self, "_rlsys_identity", (number, flags, name))
        object.__setattr__(self, "_rlsys_listed", (-1, None, None))

    def _rlsys_do(self, operation: str, *args: Any) -> Any:
        return self._rlsys_calls.do(operation, self, args)

    def _rlsys_exact(self, kind: type, operation: str, *args: Any) -> Any:
        value = self._rlsys_do(operation, *args)
        if type(value) is not kind:
            self._rlsys_calls.reject(f"result: {operation} gave a {type(value).__name__}")
        return value

    def _rlsys_refuse(self, use: str) -> NoReturn:
        name = self._rlsys_identity[2]
        self._rlsys_calls.reject(f"result: a value of type {name}, which does not cross ({use})")

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_rlsys")):
            raise AttributeError(name)
        found = self._rlsys_do("get", name)
        if isinstance(found, Handle) and found._rlsys_identity[1] & codec.CALLABLE:
            return self._rlsys_method(name, found)
        return found

    def _rlsys_method(self, name: str, method: "Handle") -> Any:
        if self._rlsys_calls.is_of_values(name):
            self._rlsys_refuse(f"method {name}")
        return method

    def __setattr__(self, name: str, value: Any) -> None:
        self._rlsys_do("set", name, value)

    def __delattr__(self, name: str) -> None:
        self._rlsys_do("delete", name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._rlsys_identity[1] & codec.CALLABLE:
            self._rlsys_refuse("call")
        return self._rlsys_calls.do("call", self, args, kwargs)

    def rlsys_changing(self, *args: Any, **kwargs: Any) -> Any:
        """A call that may change its arguments."""
        return self._rlsys_calls.do("call", self, args, kwargs, changes=True)

    def __bool__(self) -> bool:
        return bool(self._rlsys_exact(bool, "bool"))

    def __eq__(self, other: object) -> bool:
        if other is None:
            return False
        self._rlsys_refuse("comparison")

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        self._rlsys_refuse("hash")

    def __str__(self) -> str:
        return str(self._rlsys_exact(str, "str"))

    def __repr__(self) -> str:
        return str(self._rlsys_exact(str, "repr"))

    def __format__(self, form: str) -> str:
        return format(str(self), form)

    def __int__(self) -> int:
        return int(self._rlsys_exact(int, "int"))

    def __float__(self) -> float:
        return float(self._rlsys_exact(float, "float"))

    def __complex__(self) -> complex:
        return complex(self._rlsys_exact(complex, "complex"))

    def _rlsys_list(self) -> tuple[int | None, Any]:
        """Length and items, as the job told them all at once."""
        changes, length, items = self._rlsys_listed
        if changes != self._rlsys_calls.changes:
            length, items = self._rlsys_exact(tuple, "list")
            if items is not None and length not in (None, len(items)):
                self._rlsys_calls.reject("result: an object of another length than its items have")
            listed = (self._rlsys_calls.changes, length, items)
            object.__setattr__(self, "_rlsys_listed", listed)
        return length, items

    def _rlsys_items(self, use: str) -> Any:
        _, items = self._rlsys_list()
        if items is None:
            self._rlsys_refuse(use)
        return items

    def __len__(self) -> int:
        length, _ = self._rlsys_list()
        if length is None:
            raise TypeError(f"object of type {self._rlsys_identity[2]!r} has no len()")
        return length

    def __getitem__(self, key: Any) -> Any:
        items = self._rlsys_items("item")
        if type(items) is list and type(key) not in (int, slice):
            self._rlsys_refuse("item")
        return items[key]

    def __contains__(self, item: Any) -> bool:
        return item in self._rlsys_items("in")

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rlsys_items("iteration"))


class Member(Handle):
    """What a method or an attribute of an object gives, if it is no value."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        is_place = type(key) in (int, slice)
        return super().__getitem__(key) if is_place else self._rlsys_do("item", key)

    def _rlsys_method(self, name: str, method: Handle) -> Any:
        if not self._rlsys_calls.is_of_values(name):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            is_verdict = args or kwargs or isinstance(answer, bool)
            if is_verdict and answer is not None and not isinstance(answer, Handle):
                self._rlsys_refuse(f"method {name}")
            return answer

        return call


class Instance(Handle):
    """An object of a class that the tests use as one."""

    __slots__ = ("_rlsys_iterated",)
    _rlsys_iterated: tuple[int, list[Any], list[int]]
    """How many changes there had been, the items that came since, and, if known, their number."""

    def __init__(self, calls: "Calls", number: int, flags: int, name: str) -> None:
        super().__init__(calls, number, flags, name)
        object.__setattr__(self, "_rlsys_iterated", (-1, [], []))

    def _rlsys_method(self, name: str, method: Handle) -> Handle:
        return method

    def __len__(self) -> int:
        return int(self._rlsys_exact(int, "len"))

    def __index__(self) -> int:
        return int(self._rlsys_exact(int, "index"))

    def __round__(self, *places: Any) -> Any:
        return self._rlsys_do("round", *places)

    def __getitem__(self, key: Any) -> Any:
        return self._rlsys_do("item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._rlsys_do("set item", key, value)

    def __delitem__(self, key: Any) -> None:
        self._rlsys_do("delete item", key)

    def __iter__(self) -> Iterator[Any]:
        iterator = self._rlsys_do("iter")
        if isinstance(iterator, Handle):  # the object itself, which is then at another place
            self._rlsys_calls.changes += 1
            return self._rlsys_calls.iterate(iterator)
        return self._rlsys_as_before(iterator)

    def _rlsys_as_before(self, items: Iterator[Any]) -> Iterator[Any]:
        """The items, if they are those of the last time."""
        calls = self._rlsys_calls
        if self._rlsys_iterated[0] != calls.changes:
            object.__setattr__(self, "_rlsys_iterated", (calls.changes, [], []))
        changes, known, total = self._rlsys_iterated
        place = 0
        for item in items:
            if changes != calls.changes:
                yield from (item, *items)
                return
            if place == len(known) and not total:
                known.append(item)
            elif place == len(known) or not _is_same(known[place], item):
                calls.reject("result: an object with other items when asked again")
            place += 1
            yield item
        if changes == calls.changes:
            total.append(place)
            if place != len(known):
                calls.reject("result: an object with fewer items when asked again")

    def __next__(self) -> Any:
        self._rlsys_calls.changes += 1
        items, is_over = self._rlsys_do("next", 1)
        if is_over and not items:
            raise StopIteration
        return items[0]

    __hash__ = object.__hash__


class Declared(Instance):
    """An object of what the task itself calls a class, or the tests use as nothing else."""

    __slots__ = ()

    def __contains__(self, item: Any) -> bool:
        return bool(self._rlsys_exact(bool, "contains", item))


KINDS: dict[str, type[Handle]] = {BY_VALUE: Handle, AS_OBJECT: Instance, AS_DECLARED: Declared}
"""What stands for an object, by the mode of the request."""


def _is_same(before: Any, now: Any) -> bool:
    if isinstance(now, Handle):
        return isinstance(before, Handle)
    return type(before) is type(now) and (before == now or before != before)


def operate(name: str, left: Any, *right: Any) -> Any:
    """An operator whose result the tests use as an object of the solution (tests_objects.py)."""
    if isinstance(left, Instance):
        return left._rlsys_calls.do(name, left, right, mode=AS_OBJECT)
    if right and isinstance(right[0], Instance) and f"r{name}" in OPERATIONS:
        own = right[0]
        return own._rlsys_calls.do(f"r{name}", own, (left,), mode=AS_OBJECT)
    return OPERATIONS[name](left, *right)


def plain(value: Any) -> Any:
    """An object where the tests may mean a value (tests_marks.py)."""
    is_object = isinstance(value, Instance)
    return Member(value._rlsys_calls, *value._rlsys_identity) if is_object else value


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Handle, *args: Any) -> NoReturn:
        self._rlsys_refuse(name)

    return refuse


def _with_objects(name: str) -> Callable[..., Any]:
    """An operator of a result, which is done with an object of a class alone: of a number that is
    expected it could say that nothing is left."""

    def do(self: Handle, *others: Any) -> Any:
        if not others or not isinstance(others[0], Instance):
            self._rlsys_refuse(name)
        return self._rlsys_do(name, *others)

    return do


def _doing(operation: str) -> Callable[..., Any]:
    def do(self: Instance, *args: Any) -> Any:
        return self._rlsys_do(operation, *args)

    return do


for _name in (*ARITHMETIC, *(f"r{name}" for name in ARITHMETIC), *UNARY):
    setattr(Handle, f"__{_name.rstrip('_')}__", _with_objects(_name))
    setattr(Instance, f"__{_name.rstrip('_')}__", _doing(_name))
for _name in ("lt", "le", "gt", "ge", "next", "setitem", "index", "round"):
    setattr(Handle, f"__{_name}__", _refusing(_name))
