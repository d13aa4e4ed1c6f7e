"""Exceptions of members arrive at the driver with their type and message, whatever they hold."""

import asyncio
import pickle
import threading

import pytest

from actors.member import AsyncMember, Member
from actors.portable import ForeignError
from rlsys.errors import WeightSyncError


class Locked(Exception):
    """Cannot be pickled."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = threading.Lock()


class TwoArguments(Exception):
    """Is pickled, and cannot be read back."""

    def __init__(self, tensor: str, shape: str) -> None:
        super().__init__(f"{tensor} has shape {shape}")


class Refusing(Exception):
    """Raises when it is pickled: in a Ray actor, that is the actor's end."""

    def __reduce__(self) -> str:
        raise ValueError("no")


class Mute(Exception):
    """Cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError("no")


ERRORS = {
    "Locked: tensor a": lambda: Locked("tensor a"),
    "TwoArguments: a has shape (2, 3)": lambda: TwoArguments("a", "(2, 3)"),
    "Refusing: tensor a": lambda: Refusing("tensor a"),
    "Mute: <exception str() failed>": lambda: Mute(),
    "ExceptionGroup: two (1 sub-exception)": lambda: ExceptionGroup("two", [Locked("a")]),
}


class Failing(Member):
    def work(self, error: Exception) -> None:
        raise error


class AsyncFailing(AsyncMember):
    async def work(self, error: Exception) -> None:
        raise error


def raised(error: Exception) -> list[Exception]:
    """What comes out of a plain member and of one of coroutines."""
    with pytest.raises(Exception) as plain:  # noqa: PT011
        Failing().work(error)
    with pytest.raises(Exception) as awaited:  # noqa: PT011
        asyncio.run(AsyncFailing().work(error))
    return [plain.value, awaited.value]


@pytest.mark.parametrize("told", list(ERRORS))
def test_an_exception_that_cannot_travel_is_told_and_stays_the_cause(told: str) -> None:
    error = ERRORS[told]()
    for seen in raised(error):
        assert type(seen) is ForeignError
        assert told in str(seen)
        assert seen.__cause__ is error
        assert str(pickle.loads(pickle.dumps(seen))) == str(seen)


def test_an_exception_that_can_travel_is_raised_as_it_is() -> None:
    for error in (WeightSyncError("tensor lm_head"), KeyError("level")):
        assert all(seen is error for seen in raised(error))
