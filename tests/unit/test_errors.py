import pickle

import pytest

from rlsys import errors
from rlsys.errors import ConfigError, RlsysError, WorkerError
from rlsys.loop.ledger import LedgerError


def subclasses(kind: type) -> list[type]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in subclasses(child))]


def with_a_message(kind: type) -> bool:
    """Errors that hold more than a message are tested beside their definition."""
    return "__init__" not in vars(kind)


@pytest.mark.parametrize("kind", list(filter(with_a_message, subclasses(RlsysError))))
def test_every_error_survives_pickling_with_its_message(kind: type) -> None:
    error = pickle.loads(pickle.dumps(kind("loop.steps=0: must be at least 1")))
    assert type(error) is kind
    assert str(error) == "loop.steps=0: must be at least 1"


def test_every_public_error_derives_from_the_root() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    assert {RlsysError, ConfigError, WorkerError} <= set(kinds)
    assert all(issubclass(kind, RlsysError) for kind in kinds)
    assert issubclass(LedgerError, RlsysError)


def test_bad_input_is_a_value_error_and_a_dead_worker_is_not() -> None:
    assert issubclass(ConfigError, ValueError)
    assert not issubclass(WorkerError, ValueError)
