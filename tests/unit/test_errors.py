import pickle

import pytest

from rlsys import errors
from rlsys.errors import ConfigError, RlsysError, WorkerError, first_cause, instead, nearest
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
    own = [k for k in vars(errors).values() if getattr(k, "__module__", "") == errors.__name__]
    kinds = [k for k in own if isinstance(k, type)]
    assert {RlsysError, ConfigError, WorkerError} <= set(kinds)
    assert all(issubclass(kind, RlsysError) for kind in kinds)
    assert issubclass(LedgerError, RlsysError)


def test_bad_input_is_a_value_error_and_a_dead_worker_is_not() -> None:
    assert issubclass(ConfigError, ValueError)
    assert not issubclass(WorkerError, ValueError)


@pytest.mark.parametrize(
    ("typed", "names", "meant"),
    [
        ("dappo", ["dapo", "dppo", "gspo"], "dapo"),
        ("gpro", ["gspo", "grpo"], "grpo"),
        ("kl_coef", ["kl", "kl_coefficient", "kl_coefs_of"], "kl_coefficient"),
        ("GSM8K", ["gsm8k", "math"], "gsm8k"),
        ("tran.jsonl", ["train.jsonl", "test.jsonl"], "train.jsonl"),
        ("quesiton", ["answer", "question"], "question"),
        ("zzz", ["answer", "question"], None),
        ("", ["answer"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_name_needs_the_fewest_keystrokes(
    typed: str, names: list[str], meant: str | None
) -> None:
    assert nearest(typed, names) == meant
    assert nearest(typed, reversed(names)) == meant


def test_a_stricter_cutoff_finds_less() -> None:
    assert nearest("dappo", ["dapo"], cutoff=0.9) is None
    assert nearest("dapo", ["dapo"], cutoff=1.0) == "dapo"


def test_the_end_of_an_error_lists_what_there_is() -> None:
    assert instead("zz", ["bb", "a"]) == "; there are: a, bb"
    assert instead("bbc", ["bbb", "a"]) == "; did you mean 'bbb'?; there are: a, bbb"
    assert instead("b", []) == "; there are: none"


def test_the_first_cause_is_the_first_leaf() -> None:
    first, second = WorkerError("first"), WorkerError("second")
    nested = ExceptionGroup("", [ExceptionGroup("", [first]), second])
    assert first_cause(nested) is first
