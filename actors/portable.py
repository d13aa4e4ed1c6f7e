"""Exceptions that cross from a member to the driver, whatever they hold.

Ray pickles an exception. One that cannot be pickled would lose its type, one that cannot be read
back its message, and one whose pickling raises ends the whole actor. The whole traceback stays in
the member's log; a person is told in one line what was raised, and at which line of which file.
"""

import functools
import inspect
import re
import sys
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.exceptions import RayActorError, RayTaskError

from rlsys.errors import RlsysError

_COLOUR = re.compile(r"\x1b\[\d+m")
_FRAME = re.compile(
    r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)(?:\n[ |]+(?P<code>(?!File ").+))?'
)
_MARKERS = re.compile(r"^[ |]*[\^~]+[\^~ ]*$", re.MULTILINE)
"""What Python puts below the part of a line that failed."""
_HEADING = re.compile(r"^ray::.*$", re.MULTILINE)
"""Ray's, above the traceback of a process."""
_LIBRARIES = ("/site-packages/", "/dist-packages/", f"/lib/python{sys.version_info[0]}.")
_THIS = Path(__file__).name
_MOST_CHARS = 800
_MARK = "| "
"""Before each line of a traceback that is told to the driver: it did not end the process, and
rlsys.logs, which asks what did, must not take it for that."""


class ForeignError(Exception):
    """Stands for an exception that cannot travel: its type and message as text."""


def portable(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method of a member, which raises nothing that cannot travel."""
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            try:
                return await method(*args, **kwargs)
            except Exception as error:  # raised again, or its stand-in with it as the cause
                raise_portable(error)

        return awaited

    @functools.wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:  # raised again, or its stand-in with it as the cause
            raise_portable(error)

    return called


def raise_portable(error: Exception) -> None:
    """Raise the error, or a ForeignError where it would not arrive as it is. One that is not of
    ours, which say all there is to say, leaves its traceback in this process's log."""
    if not isinstance(error, RlsysError):
        whole = "".join(traceback.format_exception(error))
        print("told to the driver:", file=sys.stderr)
        print(textwrap.indent(whole, _MARK, lambda _: True), end="", file=sys.stderr, flush=True)
    if _travels(error):
        raise error
    raise ForeignError("".join(traceback.format_exception_only(error)).strip()) from error


def _travels(error: Exception) -> bool:
    try:
        copy = cloudpickle.loads(cloudpickle.dumps(error))
        return type(copy) is type(error) and str(copy) == str(error)
    except Exception:  # whatever a foreign class does when it is pickled: it does not travel
        return False


def describe(error: RayTaskError) -> str:
    """What a member raised, in one line: type, message, and where; of the calls on the way there
    the last that is of no library."""
    while isinstance(error.cause, RayTaskError):
        error = error.cause  # it was raised in yet another member, which this one had asked
    cause = error.cause
    told = str(cause) if isinstance(cause, ForeignError) else f"{type(cause).__name__}: {cause}"
    return _in_a_line(told, _frames(_plain(error)))


def describe_unmade(error: RayActorError) -> str:
    """The same of an actor whose class could not be imported where it was to run, or whose
    constructor raised: Ray has the traceback as text, without calls of its own, and the exception
    stands at its end."""
    text = _plain(error)
    frames = _frames(text)
    ends = [match.end() for match in (*frames, *_HEADING.finditer(text))]
    return _in_a_line(_MARKERS.sub("", text[max(ends, default=0) :]), frames)


def _plain(error: Exception) -> str:
    return _COLOUR.sub("", str(error))


def _frames(text: str) -> list[re.Match[str]]:
    """The calls of a traceback, but for those of this file."""
    return [match for match in _FRAME.finditer(text) if Path(match["file"]).name != _THIS]


def _in_a_line(told: str, frames: list[re.Match[str]]) -> str:
    told = " ".join(told.split())
    if len(told) > _MOST_CHARS:
        told = f"{told[:_MOST_CHARS]}..."
    if not frames:
        return told
    own = [match for match in frames if not any(part in match["file"] for part in _LIBRARIES)]
    last = (own or frames)[-1]
    code = f": {last['code']}" if last["code"] else ""
    return f"{told}; at {last['file']}:{last['line']}, in {last['name']}{code}"
