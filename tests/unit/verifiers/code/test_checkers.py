"""Comparison of a program's output with the expected one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.errors import VerifierError
from verifiers.code.checkers import checker_named


@pytest.mark.parametrize(
    ("name", "expected", "given_", "same"),
    [
        ("exact", b"1 2\n", b"1 2", True),
        ("exact", b"1 2\n", b"1 2\r\n\r\n", True),
        ("exact", b"1 2\n", b"1  2\n", False),
        ("exact", b"a\nb\n", b"a\n", False),
        ("tokens", b"1 2\n3", b" 1\t2 3\n\n", True),
        ("tokens", b"1 2", b"1 2 3", False),
        ("tokens", b"1", b"1.0", False),
        ("tokens", b"yes", b"YES", False),
        ("tokens", b"12", "１２".encode(), False),
        ("tokens", b"1 2", "1\u00a02".encode(), False),
        ("tokens", b"1 2", b"1\x002", False),
        ("float", b"0.5", b"5e-1", True),
        ("float", b"0.5", b"0.5000009", True),
        ("float", b"0.5", b"0.500002", False),
        ("float:1e-3", b"1000.0", b"1000.9", True),
        ("float:1e-3", b"1000.0", b"1001.1", False),
        ("float:0.1", b"yes 2.0", b"yes 2.1", True),
        ("float:0.1", b"yes", b"no", False),
        ("float", b"1000001", b"1000002", False),
        ("float", b"1000001", b"+1000001", True),
        ("float", b"3", b"3.0000000001", True),
        ("float", b"0.5", b"0_5", False),
        ("float", b"1.0", b"1_0e-1", False),
        ("float", b"1.0", b"nan", False),
        ("float", b"nan", b"1.0", False),
        ("float", b"1.0", b"inf", False),
        ("float", b"1e999", b"2e999", False),
        ("float", b"1.0", "１.0".encode(), False),
        ("float", b"1.0", b"0x1p0", False),
        ("float", b"1.0", b"9" * 100_000, False),
        ("tokens", b"1", b"", False),
        ("judge", b"1 2\n3", b" 1\t2 3\n\n", True),
        ("judge", b"6.0", b"6", True),
        ("judge", b"6", b"6.0", True),
        ("judge", b"6", b"6.0000001", False),
        ("judge", b"0", b"1e-9", False),
        ("judge", b"0.0", b"1e-9", True),
        ("judge", b"0.666666666667", b"0.66666667", True),
        ("judge", b"0.6667", b"0.66666667", False),
        ("judge", b"1e6", b"1000000.5", True),
        ("judge", b"1e6", b"1000002", False),
        ("judge", b"123456789012345678", b"123456789012345679", False),
        ("judge", b"123456789012345678", b"123456789012345680.0", False),
        ("judge", b"10", b"010", False),
        ("judge", b"0010", b"10.0", False),
        ("judge", b"0.5", b"0_5", False),
        ("judge", b"1.0", b"nan", False),
        ("judge", b"1.0", "１.0".encode(), False),
        ("judge", b"YES 0.50", b"YES 0.5", True),
        ("judge", b"YES", b"yes", False),
    ],
)
def test_outputs_are_compared_as_the_checker_says(name, expected, given_, same):
    assert (checker_named(name)(expected, given_) == "") is same


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_different_integers_never_match_within_a_tolerance(a, b):
    difference = checker_named("float:0.5")(str(a).encode(), str(b).encode())
    assert (difference == "") is (a == b)


def test_the_first_difference_is_told():
    assert checker_named("tokens")(b"1 2 3", b"1 9 3") == "token 2: '9' is not the expected one"
    assert checker_named("tokens")(b"1 2 3", b"1") == "1 tokens, expected 3"
    assert checker_named("exact")(b"a\nb", b"a\nc") == "line 2: 'c' is not the expected text"
    assert checker_named("exact")(b"a\nb", b"a") == "1 lines, expected 2"


@pytest.mark.parametrize(
    "name", ["", "floats", "float:", "float:x", "float:-1", "token", "float:1e-9999"]
)
def test_an_unknown_checker_is_an_error_that_names_the_valid_ones(name):
    with pytest.raises(VerifierError, match="judge, exact, tokens, float:1e-6"):
        checker_named(name)
