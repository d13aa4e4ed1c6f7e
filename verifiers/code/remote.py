"""What stands, in the process of the tests, for the functions and objects of the job.

Results come as exact values of a closed list of types (sandbox/codec.py, carried.py), and of the
classes that the task itself defines (instances.py). An iterator comes as a generator that asks the
job for its items. Any other object stays in the job, and here is a handle for it (handles.py).
"""

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from types import GeneratorType
from typing import Any, NoReturn

from verifiers.code.handles import KINDS, Declared, Handle, Instance, Member
from verifiers.sandbox import codec
from verifiers.sandbox.carried import Match
from verifiers.sandbox.instances import BY_VALUE_ONLY, DefinedClasses, Shared
from verifiers.sandbox.refusals import CodecError, UncarriedTypeError
from verifiers.sandbox.served import BY_VALUE, CHANGES, CHANGING, QUESTIONS
from verifiers.sandbox.value_names import ARRAY_NAMES, VALUE_NAMES

MAX_ITERATED = 200_000
Exchange = Callable[[bytes], tuple[Any, ...]]
"""A request (served.py) -> ("value", body), ("error", type name, message), or ("stop",)."""
Raise = Callable[[str, str], NoReturn]


class StoppedError(BaseException):
    """The job is over, so there is nothing left to call; tests must not catch it by `Exception`."""


class TestsError(Exception):
    """The tests are at fault, not the answer."""


class Calls:
    """Requests to the job, one at a time."""

    def __init__(self, exchange: Exchange, raise_error: Raise) -> None:
        self._exchange, self._raise = exchange, raise_error
        self.count = 0
        self.changes = 0
        """How often something was done that may have changed an object: it was called or passed
        on, one of its attributes was set, or time went by."""
        self.stopped = False
        self.rejected = ""
        """Why the answer is refused, whatever the tests make of it."""
        self._answers: dict[int, tuple[int, Any]] = {}
        """Of questions since the last change: both by their hash, with the handle if it is one."""
        self._answered_at = 0
        self._names_objects = False
        self._handles: dict[int, Any] = {}
        self._identities: dict[int, tuple[int, int, str]] = {}
        self._shared: Shared = BY_VALUE_ONLY
        self._value_names = VALUE_NAMES

    def share(self, names: Collection[str], find: Callable[[str], Any]) -> None:
        """Have instances of these classes of the tests cross by what they hold."""
        self.do("share", "", tuple(names))
        self.count = 0
        self._shared = DefinedClasses(names, find)
        classes = [kind for kind in map(find, names) if isinstance(kind, type)]
        methods = {n for kind in classes for n in dir(kind) if callable(getattr(kind, n))}
        self._value_names |= methods

    def is_of_values(self, name: str) -> bool:
        """Whether an attribute is one that results have which cross by value."""
        return name in self._value_names or (name in ARRAY_NAMES and "numpy" in sys.modules)

    def do(
        self,
        operation: str,
        target: Any,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        mode: str = BY_VALUE,
        changes: bool = False,
    ) -> Any:
        """Have the job do something and return its result.

        Args:
            changes: the arguments become what the function made of them (tests_changes.py), as
                they do where the result is None. Else they stay as they were: a function that
                empties both sides of `f(xs) == sorted(xs)` must not be right.
        """
        if self.stopped or self.rejected:
            raise StoppedError
        encoder = codec.Encoder(self._identity, exact=True, shared=self._shared)
        self._names_objects = False
        try:
            wanted = mode + CHANGES * changes
            body = encoder.encode((operation, wanted, target, tuple(args), kwargs or {}))
        except CodecError as error:
            if self.count and _may_be_answered(error):
                self.reject(f"what the tests pass back to it cannot cross: {error}")
            raise TestsError(f"the tests pass an argument that cannot cross: {error}") from None
        self.count += 1
        if operation in CHANGING and (self._names_objects or mode != BY_VALUE):
            self.changes += 1
        reply = self._exchange(body)
        if reply[0] == "stop":
            self.stopped = True
            raise StoppedError
        if reply[0] == "error":
            self._raise(*reply[1:])

        def held(number: int, flags: int, name: str) -> Any:
            is_part = mode == BY_VALUE and isinstance(target, Instance | Member)
            return self._handle(number, flags, name, Member if is_part else KINDS[mode])

        try:
            decoder = codec.Decoder(reply[1], held, shared=self._shared)
            result = decoder.first()
            told = reply[1][decoder.position :]
            if told and (changes or result is None):
                codec.apply_changes(told, encoder.containers, held, encoder.instances, self._shared)
        except CodecError as error:
            self.reject(f"result: {error}")
        if operation in QUESTIONS and self._names_objects:
            # A clock that a class has may go on, but its nodes stay those that they are.
            may_go_on = operation == "get" and isinstance(target, Declared)
            return self._as_before(operation, body, reply[1], result, may_go_on)
        return result

    def _as_before(
        self, operation: str, question: bytes, answer: bytes, result: Any, may_go_on: bool
    ) -> Any:
        """The result, if it is what the same question had before, or the same object as then."""
        if self._answered_at != self.changes:
            self._answers.clear()
            self._answered_at = self.changes
        handle = result if isinstance(result, Handle) else None
        before, known = self._answers.setdefault(hash(question), (hash(answer), handle))
        if known is not None and handle is not None:
            return known  # a method, say, is a new object each time
        is_other = before != hash(answer) and not isinstance(result, GeneratorType)
        if is_other and not may_go_on:
            self.reject(f"result: an object that says another thing when asked again ({operation})")
        return result

    def reject(self, reason: str) -> NoReturn:
        """End the tests: the answer is refused."""
        self.rejected = self.rejected or reason
        raise StoppedError

    def iterate(self, target: "Handle") -> Iterator[Any]:
        """The items of an iterator of the job, asked for as they are needed."""
        taken, size = 0, 1
        while True:
            found = self.do("next", target, (size,))
            if type(found) is not tuple or [type(part) for part in found] != [list, bool]:
                self.reject("result: not the items of an iterator")
            items, is_over = found
            if not items and not is_over:
                self.reject("result: an iterator without items or end")
            taken += len(items)
            if taken > MAX_ITERATED:
                self.reject(f"result: an iterator of more than {MAX_ITERATED} items")
            yield from items
            if is_over:
                return
            size = min(2 * size, 1024)

    def _handle(self, number: int, flags: int, name: str, kind: type["Handle"]) -> Any:
        known = self._handles.get(number)
        is_result = not issubclass(kind, Instance)
        if known is not None and (is_result or isinstance(known, kind)):
            return known
        made: Any = kind(self, number, flags, name)
        if flags & codec.ITERATOR and is_result:
            made = self.iterate(made)
        self._handles[number] = made
        self._identities[id(made)] = (number, flags, name)
        return made

    def _identity(self, value: Any) -> tuple[int, int, str] | None:
        """What an argument is called that stands for an object of the job."""
        known = self._identities.get(id(value))
        found = value._rlsys_identity if isinstance(value, Handle) else known
        self._names_objects |= found is not None
        return found


def _may_be_answered(error: CodecError) -> bool:
    """Whether answers can have brought what cannot cross: it is too large, or of a type that they
    have. Without a verdict it would be masked, and a policy could avoid its zeros."""
    return not isinstance(error, UncarriedTypeError) or error.kind in (Match, type)


class Function:
    """A global of the solution, by its name: a function, or a class."""

    def __init__(self, calls: Calls, name: str, mode: str) -> None:
        self._calls, self._name, self._mode = calls, name, mode
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._calls.do("call", self._name, args, kwargs, self._mode)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_calls", "_name", "_mode"):
            raise AttributeError(name)
        return self._calls.do("get", self._name, (name,))

    def rlsys_changing(self, *args: Any, **kwargs: Any) -> Any:
        """A call that may change its arguments."""
        return self._calls.do("call", self._name, args, kwargs, self._mode, changes=True)


def changing(function: Any) -> Any:
    """What to call in place of a function where its arguments may change."""
    return function.rlsys_changing if isinstance(function, Function | Handle) else function
