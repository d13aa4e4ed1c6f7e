"""Tests changed so that they must fail."""

import pytest

from verifiers.repository.canaries import make_canaries

SOURCE = '''
import unittest

def test_equal():
    value = answer()
    assert value == 42

def test_loop():
    for x in ():
        assert x == 1

def test_returns():
    if answer() == 42:
        return
    assert answer() == 42

async def test_waits():
    assert answer() == 42

class TestMore(unittest.TestCase):
    """Tests."""

    def test_method(self):
        self.assertEqual("a" + "b", "ab")

    class Inner:
        def test_deep(self):
            assert [1, 2] == answer(list)
'''


def run(source, answer):
    space = {"answer": answer, "__name__": "canary"}
    exec(source, space)
    return space


@pytest.mark.parametrize("name", ["test_equal", "test_loop", "test_returns"])
def test_canary_fails_where_the_code_is_right(name):
    source, changed = make_canaries(SOURCE, "test_a.py", [name])
    assert changed == [name]
    run(SOURCE, lambda: 42)[name]()
    with pytest.raises(AssertionError):
        run(source, lambda: 42)[name]()


def test_methods_and_nested_classes_are_found():
    tests = ["test_a.py::TestMore::test_method", "test_a.py::TestMore::Inner::test_deep"]
    source, changed = make_canaries(SOURCE, "test_a.py", tests)
    assert changed == tests
    space = run(source, lambda kind: [1, 2])
    with pytest.raises(AssertionError):
        space["TestMore"]("test_method").test_method()
    with pytest.raises(AssertionError):
        space["TestMore"].Inner().test_deep()


def test_canary_expects_another_value_of_the_same_kind():
    source, _ = make_canaries("def test():\n    assert f() == 'ab'", "test_a.py", ["test"])
    expected = source.split("== ")[1].strip("'\n")
    assert expected.startswith("ab")
    assert len(expected) == 3


def test_value_that_equals_everything_passes_its_canary():
    class Any:
        def __eq__(self, other):
            return True

    source, _ = make_canaries(SOURCE, "test_a.py", ["test_equal"])
    run(source, Any)["test_equal"]()


def test_test_that_is_not_there_is_not_among_the_canaries():
    names = ["test_none", "test_a.py::TestMore::test_none"]
    assert make_canaries(SOURCE, "test_a.py", names)[1] == []
