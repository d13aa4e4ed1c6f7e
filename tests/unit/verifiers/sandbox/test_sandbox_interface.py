"""The types that cross between a sandbox and its callers."""

import pickle

import pytest

from rlsys.errors import ConfigError
from verifiers.sandbox.interface import Ending, JobEnded, Limits, Outcome, Rejected, RemoteError


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_that_is_not_above_zero_is_refused_by_name(value):
    with pytest.raises(ConfigError, match=r"limits\.wall_s"):
        Limits(wall_s=value)


@pytest.mark.parametrize(
    "error",
    [
        RemoteError("ValueError", "no"),
        Rejected("a generator", is_argument=True),
        JobEnded(Outcome(Ending.TIMEOUT, None, None, b"", b"", 1.0, 1.0, "more than 1 s")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling_with_their_words(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)
