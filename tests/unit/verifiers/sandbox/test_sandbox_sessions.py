"""Functions in the sandbox: calls by value, and endings that cannot be mistaken for answers."""

import pytest

from verifiers.sandbox.interface import Ending, JobEnded, Limits, Rejected, RemoteError

LIMITS = Limits(wall_s=20.0, cpu_s=10.0)


@pytest.fixture
def call(strong):
    """Load a program that defines f, and call it once."""

    def call_it(source, *args, limits=LIMITS):
        with strong.open_function(source, "f", limits) as function:
            return function.call(args, {})

    return call_it


def test_several_calls_share_one_loaded_program(strong):
    source = "seen = []\ndef f(x, *, times=1):\n    seen.append(x)\n    return seen * times"
    with strong.open_function(source, "f", LIMITS) as function:
        assert function.call((1,), {}) == [1]
        assert function.call(("a",), {"times": 2}) == [1, "a", 1, "a"]


def test_what_a_candidate_does_to_its_arguments_stays_in_the_job(call):
    mine = [3, 1, 2]
    assert call("def f(x):\n    x.clear()\n    return x", mine) == []
    assert mine == [3, 1, 2]


def test_a_large_argument_and_a_large_result_cross(call):
    value = list(range(100_000))
    assert call("def f(x):\n    return x[::-1]", value) == value[::-1]


def test_an_error_of_the_candidate_comes_with_its_name_and_words(strong):
    source = "def f(x):\n    raise {0: ValueError('zero'), 1: SystemExit(0)}[x]"
    with strong.open_function(source, "f", LIMITS) as function:
        with pytest.raises(RemoteError) as caught:
            function.call((0,), {})
        assert (caught.value.type_name, caught.value.message) == ("ValueError", "zero")
        with pytest.raises(RemoteError, match="SystemExit"):
            function.call((1,), {})
        with pytest.raises(RemoteError, match="KeyError"):
            function.call((2,), {})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def f(:", "SyntaxError"),
        ("raise OSError('while loading')", "while loading"),
        ("g = 1", "defines no 'f'"),
        ("f = 1", "not callable"),
        ("import sys; sys.exit(0)", "SystemExit"),
    ],
)
def test_a_program_that_does_not_load_says_why(call, source, reason):
    with pytest.raises(RemoteError, match=reason):
        call(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def f(): yield 1", "generator"),
        ("def f(): return f", "function"),
        ("def f(): return object()", "object"),
        ("def f():\n    a = []\n    a.append(a)\n    return a", "inside itself"),
        ("def f(): return {n * (2**61 - 1) for n in range(1, 1000)}", "one hash"),
        ("def f():\n    import os\n    os.write(3, bytes([255] * 100))", "a frame of"),
        (
            "def f():\n    import os\n    while True: os.write(3, b'\\0\\0\\1\\0' + b'x' * 99)",
            "bytes",
        ),
    ],
)
def test_results_that_do_not_cross_are_rejected(call, source, reason):
    with pytest.raises(Rejected, match=reason) as caught:
        call(source)
    assert not caught.value.is_argument


def test_an_argument_that_does_not_cross_is_told_apart(call):
    with pytest.raises(Rejected, match="type object") as caught:
        call("def f(x): pass", object())
    assert caught.value.is_argument


def test_a_result_that_overrides_equality_comes_as_a_plain_value(call):
    source = (
        "class Same(int):\n    def __eq__(self, other): return True\n"
        "    __hash__ = int.__hash__\ndef f(): return Same(1)"
    )
    result = call(source)
    assert type(result) is int
    assert result == 1
    assert result != 2


def test_an_answer_given_before_its_question_is_passed_over(strong):
    """The candidate writes a frame of its own with a made-up id ahead of the real answer."""
    source = (
        "import os\nframe = bytes(16) + b'V' + b'T'\n"
        "def f(x):\n    os.write(3, len(frame).to_bytes(4, 'little') + frame)\n    return x"
    )
    with strong.open_function(source, "f", LIMITS) as function:
        assert function.call((5,), {}) == 5
        assert function.call((6,), {}) == 6


ENDED = {
    "exits": ("def f():\n    import os\n    os._exit(0)", {}, Ending.EXITED),
    "loops": ("def f():\n    while True: pass", {"cpu_s": 0.3}, Ending.TIMEOUT),
    "loops while it is loaded": ("while True: pass", {"cpu_s": 0.3}, Ending.TIMEOUT),
    "sleeps": ("def f():\n    import time\n    time.sleep(99)", {"wall_s": 0.5}, Ending.TIMEOUT),
    "takes all memory": ("def f(): return bytearray(10**9)", {}, Ending.MEMORY),
    "crashes": ("def f():\n    import ctypes\n    ctypes.string_at(0)", {}, Ending.CRASH),
    "prints without end": ("def f():\n    while True: print('x' * 9999)", {}, Ending.OUTPUT),
    "hangs up": (
        "def f():\n    import os, time\n    os.close(3)\n    time.sleep(99)",
        {"wall_s": 0.5},
        Ending.TIMEOUT,
    ),
    "writes half an answer": (
        "def f():\n    import os\n    os.write(3, (99).to_bytes(4, 'little'))\n    os._exit(0)",
        {},
        Ending.EXITED,
    ),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_job_that_is_over_has_no_answer(strong, name):
    source, limits, ending = ENDED[name]
    bounds = Limits(**({"wall_s": 20.0, "cpu_s": 10.0} | limits))

    def call_twice():
        with strong.open_function(source, "f", bounds) as function:
            with pytest.raises(JobEnded):
                function.call((), {})
            function.call((), {})

    with pytest.raises(JobEnded) as caught:
        call_twice()
    assert caught.value.outcome.ending is ending, caught.value.outcome


def test_the_pool_serves_on_after_sessions_that_failed(strong):
    for _ in range(2 * strong.num_zygotes):
        with strong.open_function("def f():\n    return 1", "f", LIMITS) as function:
            assert function.call((), {}) == 1
