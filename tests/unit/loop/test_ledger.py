import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.loop.ledger import Ledger, LedgerError, State

LIFE = [State.SAMPLED, State.GRADED, State.READY, State.TRAINED]


def test_a_group_lives_from_admission_to_training() -> None:
    ledger = Ledger()
    ledger.admit(7, "p")
    assert ledger.living == {7: State.ADMITTED}
    for state in LIFE:
        ledger.move(7, state)
    assert ledger.living == {}
    assert ledger.line() == "admitted 1 = trained 1 + dropped 0 + alive 0"


def test_drops_are_counted_by_reason() -> None:
    ledger = Ledger()
    for group, reason in ((1, "no_signal"), (2, "failed"), (3, "no_signal")):
        ledger.admit(group, "p")
        ledger.drop(group, reason)
    ledger.admit(4, "p")
    ledger.check()
    assert ledger.line() == ("admitted 4 = trained 0 + dropped 3 (failed 1, no_signal 2) + alive 1")
    assert ledger.to_dict() == {
        "admitted": 4,
        "trained": 0,
        "dropped": {"failed": 1, "no_signal": 2},
        "alive": 1,
    }


def test_a_group_cannot_be_trained_twice() -> None:
    ledger = Ledger()
    ledger.admit(1, "p")
    for state in LIFE:
        ledger.move(1, state)
    with pytest.raises(LedgerError, match="group 1 cannot go from ended to trained"):
        ledger.move(1, State.TRAINED)


def test_a_dropped_group_cannot_be_trained() -> None:
    ledger = Ledger()
    ledger.admit(1, "p")
    ledger.drop(1, "failed")
    with pytest.raises(LedgerError, match="group 1 cannot go from ended"):
        ledger.move(1, State.SAMPLED)


def test_a_group_cannot_skip_a_state() -> None:
    ledger = Ledger()
    ledger.admit(1, "p")
    with pytest.raises(LedgerError, match="from admitted to ready"):
        ledger.move(1, State.READY)


def test_a_living_group_cannot_be_admitted_again() -> None:
    ledger = Ledger()
    ledger.admit(1, "p")
    with pytest.raises(LedgerError, match="group 1 was admitted twice"):
        ledger.admit(1, "p")


def test_a_ledger_that_does_not_close_is_an_error() -> None:
    ledger = Ledger(admitted=3, trained=1)
    with pytest.raises(LedgerError, match="does not close: admitted 3 = trained 1"):
        ledger.check()


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([*LIFE, "admit", "drop"]))))
def test_the_ledger_closes_whatever_is_tried(moves: list[tuple[int, str]]) -> None:
    ledger = Ledger()
    for group, what in moves:
        try:
            if what == "admit":
                ledger.admit(group, "p")
            elif what == "drop":
                ledger.drop(group, "tried")
            else:
                ledger.move(group, State(what))
        except LedgerError:
            continue
    ledger.check()
    assert set(ledger.living.values()) <= {State.ADMITTED, State.SAMPLED, State.GRADED, State.READY}
