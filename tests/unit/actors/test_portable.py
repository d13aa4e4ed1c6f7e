"""Exceptions of members arrive at the driver with their type and message, whatever they hold."""

import asyncio
import json
import pickle
import threading
import traceback

import pytest
from ray.exceptions import ActorDiedError, RayTaskError

from actors.member import AsyncMember, Member
from actors.portable import ForeignError, describe, describe_unmade
from rlsys.errors import WeightSyncError
from rlsys.logs import last_exception


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


def told(error: Exception) -> str:
    """What a person is told, as Ray hands the error to the driver."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        Failing().work(error)
    seen = caught.value
    assert seen.__traceback__ is not None
    seen.__traceback__ = seen.__traceback__.tb_next  # without this function
    return describe(RayTaskError("work", "".join(traceback.format_exception(seen)), seen))


@pytest.mark.parametrize("told_first", list(ERRORS))
def test_a_person_is_told_one_line_with_the_line_of_the_file(told_first: str) -> None:
    line = told(ERRORS[told_first]())
    assert told_first in line.split("; at ")[0]
    assert f"; at {__file__}:" in line
    assert line.endswith(", in work: raise error")
    assert "\n" not in line


def test_of_an_error_inside_a_library_the_call_of_it_is_told() -> None:
    class Deep(Member):
        def work(self) -> None:
            json.loads("{")

    with pytest.raises(json.JSONDecodeError) as caught:
        Deep().work()
    text = "".join(traceback.format_exception(caught.value))
    line = describe(RayTaskError("work", text, caught.value))
    assert line.startswith("JSONDecodeError: Expecting property name")
    assert line.endswith(', in work: json.loads("{")')


def unmade(error: Exception) -> str:
    """What is told of an actor whose constructor raised."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        raise error
    text = "".join(traceback.format_exception(caught.value))
    return describe_unmade(ActorDiedError(RayTaskError("Member.__init__", text, caught.value)))


def test_of_an_actor_that_could_not_be_made_the_exception_is_told_and_not_rays_words() -> None:
    line = unmade(ValueError("no such\ntensor"))
    assert line.startswith(f"ValueError: no such tensor; at {__file__}:")
    assert line.endswith(", in unmade: raise error")


def test_of_a_class_that_a_node_cannot_import_the_package_is_told() -> None:
    # As Ray tells it, without its own calls.
    heading = "\x1b[36mray::verifier-0:Member.__init__()\x1b[39m (pid=1, repr=<x.Member object>)"
    marks = "             ^^^^^^"
    lines = [
        *(heading, marks),
        "RuntimeError: The actor with name Member failed to import on the worker. This may be",
        *("because needed library dependencies are not installed:", "", heading, marks),
        "ModuleNotFoundError: No module named 'no_such_package'",
    ]
    error = ActorDiedError(RayTaskError("Member.__init__", "\n".join(lines), RuntimeError()))
    assert describe_unmade(error) == "ModuleNotFoundError: No module named 'no_such_package'"


def test_what_another_member_raised_is_told_as_its_own() -> None:
    inner = RayTaskError("pull", 'File "/a/b.py", line 3, in pull\n', ValueError("no weights"))
    outer = RayTaskError("publish", "", inner)
    assert describe(outer) == "ValueError: no weights; at /a/b.py:3, in pull"


def test_a_message_of_a_thousand_words_is_cut() -> None:
    line = describe(RayTaskError("work", "", ValueError("word\n" * 1000)))
    assert len(line) < 900
    assert line.endswith("...")


def test_the_whole_traceback_stays_in_the_members_log(capfd: pytest.CaptureFixture[str]) -> None:
    told(KeyError("level"))
    printed = capfd.readouterr().err
    assert "| Traceback (most recent call last):\n" in printed
    assert printed.endswith("| KeyError: 'level'\n")
    # rlsys.logs asks what ended a process, which this did not.
    assert last_exception(printed) == ""
    told(WeightSyncError("tensor lm_head"))
    assert capfd.readouterr().err == ""


def test_an_exception_that_can_travel_is_raised_as_it_is() -> None:
    for error in (WeightSyncError("tensor lm_head"), KeyError("level")):
        assert all(seen is error for seen in raised(error))
