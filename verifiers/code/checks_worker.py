"""The program that runs a data set's tests outside the grading process; started by checks_process.

    grader  <-- frames on stdin/stdout -->  keeper, which forks  checker  <-- the same frames -->

The keeper imports once what tests use and forks a checker per task. The tests are trusted, but what
they compare comes from a hostile program: values of a closed list of types, possibly huge. So a
checker has a memory limit, and the grader kills it, with its keeper, at a deadline. Requests to the
candidate (remote.py) travel to the grader, which passes them on to the job and the answers back,
unread; the job itself is never connected to this process.

Frames are a length and a marshal document: exact built-in types only, and both ends are ours.
It is run by `python -I`, so that nothing in the grader's folder is imported but this package.
"""

import ast
import builtins
import contextlib
import gc
import marshal
import os
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from verifiers.code.handles import operate, plain
from verifiers.code.remote import Calls, Function, TestsError, changing
from verifiers.code.tests_marks import CHANGING, OPERATE, PLAIN, Mark, marked
from verifiers.code.tests_names import bound_names
from verifiers.parent import end_with_parent

LENGTH = struct.Struct("<I")
_OUT_OF_MEMORY = 3
"""Exit status of a checker."""
PRELOADED = (
    *("array", "bisect", "collections", "copy", "cmath", "datetime", "decimal", "fractions"),
    *("functools", "heapq", "itertools", "json", "math", "operator", "random", "re"),
    *("statistics", "string", "time", "typing"),
)
_ORDINARY = (
    *("ArithmeticError", "AssertionError", "AttributeError", "IndexError", "KeyError"),
    *("LookupError", "NameError", "NotImplementedError", "OverflowError", "RecursionError"),
    *("RuntimeError", "TypeError", "UnicodeError", "ValueError", "ZeroDivisionError"),
)
"""What a test may catch by name. Never StopIteration, which would silently end a loop over
`map(candidate, ...)`, nor anything that is not an Exception."""


class CandidateError(Exception):
    """The candidate raised. A subclass of it is also a subclass of the builtin of that name."""


_RAISED: dict[str, type[Exception]] = {
    name: type(name, (CandidateError, vars(builtins)[name]), {}) for name in _ORDINARY
}


def main() -> None:
    """Serve until stdin closes."""
    memory_mb = int(sys.argv[1])
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)  # tests may print, or ask for input
    os.dup2(nothing, 1)
    sys.set_int_max_str_digits(0)  # the deadline bounds what long ones cost
    for name in PRELOADED:
        __import__(name)
    gc.freeze()
    send(replies, ("ready",))
    while (task := receive(requests)) is not None:
        keeper = os.getpid()
        pid = os.fork()
        if not pid:
            try:
                _confine(keeper, memory_mb)
                send(replies, ("done", *check(_calls(requests, replies), *task)))
                os._exit(0)
            except MemoryError:
                os._exit(_OUT_OF_MEMORY)
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        if status:
            if os.waitstatus_to_exitcode(status) == _OUT_OF_MEMORY:
                send(replies, ("done", "memory", 0, "the comparison ran out of memory"))
            else:
                send(replies, ("died", status))
            # It may have left half an answer of the job's in the pipe. That must never be read as
            # the next task: so nothing more is read.
            return


def check(
    calls: Calls,
    prelude: str,
    script: str,
    proxies: tuple[tuple[str, str, str], ...],
    shared: tuple[str, ...],
    marks: tuple[Mark, ...],
    share: bool,
) -> tuple[str, int, str]:
    """Run one task's tests: how they ended, asserts that held, and what failed.

    Args:
        proxies: (name in the script, name in the job, mode of served.py) of what is the job's.
        shared: classes of the tests whose instances cross.
        marks: places in the script (tests_marks.py).
        share: go on after a failed assert and count (else the first failure ends the tests).
    """
    names: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
    names |= {CHANGING: changing, OPERATE: operate, PLAIN: plain}
    time.sleep = _sleep(calls)
    counts = _Counts()
    tree = marked(ast.parse(script, "<tests>"), marks)
    if share:
        tree = _Counting().visit(tree)
        names["__count__"] = counts
    code = compile(ast.fix_missing_locations(tree), "<tests>", "exec")
    ended, reason = "passed", ""
    try:
        exec(compile(prelude, "<prompt>", "exec"), names)
        names |= {name: Function(calls, target, mode) for name, target, mode in proxies}
        if shared:
            calls.share(shared, _classes_of(names))
        exec(code, names)
    except MemoryError:
        raise
    except BaseException as error:  # whatever ends the tests early is a failure with its name
        ended, reason = _failure(error, calls, script)
    if calls.rejected:
        return "rejected", counts.held, calls.rejected
    if calls.stopped:
        return "stopped", counts.held, ""
    if ended == "passed" and not calls.count:
        ended, reason = "tests", "the tests never called the function"
    if ended == "passed" and counts.first:
        ended, reason = _failure(counts.first, calls, script)
    return ended, counts.held, reason


def _classes_of(names: dict[str, Any]) -> Callable[[str], Any]:
    """Finds classes that the tests define, inside a function, too."""

    found: dict[str, type] = {}

    def find(name: str) -> Any:
        own = names.get(name, found.get(name))
        if not isinstance(own, type):
            defined = [c for c in object.__subclasses__() if c.__module__ == names["__name__"]]
            found.update({c.__name__: c for c in defined})
            own = found.get(name)
        return own

    return find


def _sleep(calls: Calls, sleep: Callable[..., None] = time.sleep) -> Callable[..., None]:
    """A sleep after which objects may have changed: an entry of a cache is too old, say."""

    def do(seconds: float) -> None:
        sleep(seconds)
        calls.changes += 1

    return do


def _calls(requests: int, replies: int) -> Calls:
    """Requests to the job, by way of the grader."""

    def exchange(body: bytes) -> tuple[Any, ...]:
        send(replies, ("request", body))
        try:
            reply = receive(requests)
        except MemoryError:
            # Not to be caught by a test: half an answer was read, and nothing may read on.
            os._exit(_OUT_OF_MEMORY)
        if reply is None:
            os._exit(0)
        return tuple(reply)

    return Calls(exchange, _raise)


def _raise(type_name: str, message: str) -> NoReturn:
    raise _RAISED.get(type_name, CandidateError)(type_name, message)


class _Counts:
    """Which assert statements held each time, in `share` mode."""

    def __init__(self) -> None:
        self._met: set[int] = set()
        self._failed: set[int] = set()
        self.first: Exception | None = None

    @property
    def held(self) -> int:
        """Statements that were met and held each time: a loop makes no more of one."""
        return len(self._met - self._failed)

    @contextlib.contextmanager
    def __call__(self, number: int) -> Iterator[None]:
        """The `with` block around an assert statement."""
        self._met.add(number)
        try:
            yield
        except (TestsError, MemoryError):
            raise
        except Exception as error:
            self._failed.add(number)
            self.first = self.first or error
        except BaseException:
            self._failed.add(number)
            raise


class _Counting(ast.NodeTransformer):
    """`assert x` -> `with __count__(1): assert x`."""

    def __init__(self) -> None:
        self._count = 0

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self._count += 1
        count = ast.Call(ast.Name("__count__", ast.Load()), [ast.Constant(self._count)], [])
        return ast.copy_location(ast.With([ast.withitem(count)], [node]), node)


def _failure(error: BaseException, calls: Calls, script: str) -> tuple[str, str]:
    """wrong, crash (the candidate raised) or tests (they are at fault), and the reason."""
    if isinstance(error, CandidateError):
        return "crash", ": ".join(str(part) for part in error.args)[:300]
    if isinstance(error, TestsError):
        return "tests", str(error)[:300]
    by_themselves = not calls.count or _lacks_name(error, script)
    if by_themselves and not isinstance(error, AssertionError):
        return "tests", f"the tests fail by themselves: {type(error).__name__}: {error}"[:300]
    line = _failed_line(error, script)
    if isinstance(error, AssertionError):
        return "wrong", f"failed: {line}"[:200]
    return "wrong", f"{type(error).__name__} in: {line}"[:200]


def _lacks_name(error: BaseException, script: str) -> bool:
    """Whether a name is bound nowhere in the tests. One that they bind only after some answers
    (`for last in f(xs)`) is missing for the answer's sake."""
    if not isinstance(error, NameError) or isinstance(error, UnboundLocalError):
        return False
    return error.name not in bound_names(ast.parse(script))


def _failed_line(error: BaseException, script: str) -> str:
    traceback, number = error.__traceback__, 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<tests>":
            number = traceback.tb_lineno
        traceback = traceback.tb_next
    lines = script.split("\n")
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def send(descriptor: int, message: tuple[Any, ...]) -> None:
    """Write one frame. Raises ValueError when the message is not of exact built-in types."""
    body = marshal.dumps(message)
    data = memoryview(LENGTH.pack(len(body)) + body)
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int) -> Any:
    """Read one frame; None at the end of the stream."""
    head = _read(descriptor, LENGTH.size)
    if head is None:
        return None
    body = _read(descriptor, LENGTH.unpack(head)[0])
    return None if body is None else marshal.loads(body)


def _read(descriptor: int, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, min(size - len(parts), 2**20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _confine(keeper_pid: int, memory_mb: int) -> None:
    """A limit on memory, and an end with the keeper."""
    end_with_parent()
    if os.getppid() != keeper_pid:
        os._exit(1)
    limit = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
