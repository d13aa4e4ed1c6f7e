"""Exceptions that cross from a member to the driver, whatever they hold.

Ray pickles an exception. One that cannot be pickled would lose its type, one that cannot be read
back its message, and one whose pickling raises ends the whole actor.
"""

import functools
import inspect
import re
import traceback
from collections.abc import Callable
from typing import Any

from ray import cloudpickle
from ray.exceptions import RayTaskError

_COLOUR = re.compile(r"\x1b\[\d+m")
_ACTOR = re.compile(r", actor_id=\w+, repr=.*\)$", re.MULTILINE)


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
    """Raise the error, or a ForeignError where it would not arrive as it is."""
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
    """What a member raised: type and message, then its traceback as it was printed there."""
    cause = error.cause
    told = str(cause) if isinstance(cause, ForeignError) else f"{type(cause).__name__}: {cause}"
    return f"{told}\n{_ACTOR.sub(')', _COLOUR.sub('', str(error)))}"
