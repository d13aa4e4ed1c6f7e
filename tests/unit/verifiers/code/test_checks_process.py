"""A data set's tests in a process that can be killed."""

import marshal
import os
import signal
import time

import pytest

from rlsys.errors import VerifierError
from verifiers.code.checks_process import ChecksProcess, Ended
from verifiers.code.checks_worker import LENGTH
from verifiers.code.tests_plan import plan_of
from verifiers.sandbox import codec


@pytest.fixture(scope="module")
def checks():
    process = ChecksProcess(memory_mb=512)
    yield process
    process.close()


def arguments(request):
    _, _, _, args, kwargs = codec.Decoder(request, refers=True).whole()
    return args, kwargs


def run(checks, tests, function, share=False, within_s=20.0):
    """Run asserts of a function f, which is given as plain Python."""

    def call(request):
        args, kwargs = arguments(request)
        try:
            return ("value", codec.encode(function(*args, **kwargs)))
        except ArithmeticError as error:
            return ("error", type(error).__name__, str(error))

    plan = plan_of({"test_list": tests})
    return checks.run(plan, share, call, time.monotonic() + within_s)


def test_asserts_that_hold_pass(checks):
    tests = ["assert f(2, b=[1]) == (2, [1])", "assert math.isclose(f(3, b=0)[0], 3.0)"]
    assert run(checks, tests, lambda a, b: (a, b)).ended is Ended.PASSED


def test_a_failed_assert_is_quoted(checks):
    tested = run(checks, ["assert f(1) == 1", "assert f(2) == 3"], lambda a: a)
    assert (tested.ended, tested.reason) == (Ended.WRONG, "failed: assert f(2) == 3")


def test_what_the_candidate_raises_is_a_crash_with_its_name(checks):
    tested = run(checks, ["assert f(0) == 1"], lambda a: 1 / a)
    assert (tested.ended, tested.reason) == (Ended.CRASH, "ZeroDivisionError: division by zero")


def test_a_comparison_that_raises_is_a_wrong_answer(checks):
    tested = run(checks, ["assert f(0) < 1"], lambda a: None)
    assert (tested.ended, tested.reason) == (Ended.WRONG, "TypeError in: assert f(0) < 1")


def test_tests_may_expect_an_ordinary_exception(checks):
    test = "try:\n    f(0)\nexcept ZeroDivisionError:\n    pass\nelse:\n    assert False"
    assert run(checks, [test], lambda a: 1 / a).ended is Ended.PASSED
    assert run(checks, [test], lambda a: 1).ended is Ended.WRONG


@pytest.mark.parametrize("name", ["StopIteration", "SystemExit", "GeneratorExit", "object"])
def test_an_exception_that_ends_loops_or_programs_is_only_an_exception(checks, name):
    test = "for got, want in zip(map(lambda x: f(x), [1, 2]), [1, 2]):\n    assert got == want"
    plan = plan_of({"test_list": [test]})

    def call(request):
        return ("error", name, "forged")

    tested = checks.run(plan, False, call, time.monotonic() + 20)
    assert (tested.ended, tested.reason) == (Ended.CRASH, f"{name}: forged")


def test_an_assert_counts_once_where_the_share_is_asked_for(checks):
    tests = ["assert f(0) == 1", "for i in (1, 2, 3):\n    assert f(i) < 3", "assert f(1) == 1"]
    tests += ["for i in (1, 2):\n    assert f(i) == i"]
    tested = run(checks, tests, lambda a: 7 // a and a, share=True)
    assert (tested.held, tested.ended) == (2, Ended.CRASH)


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("import threading\nassert f(threading.Event())", "cannot cross"),
        ("assert [].x and f(1)", "AttributeError"),
        ("if False:\n    assert f(1)", "never called the function"),
    ],
)
def test_tests_at_fault_are_told_from_wrong_answers(checks, test, reason):
    tested = run(checks, [test], lambda a: a)
    assert tested.ended is Ended.TESTS
    assert reason in tested.reason


@pytest.mark.parametrize("answer", [b"", b"?", b"l\xff\xff\xff\xff", b"R\0\0\0\0", b"i\1\0\0\0\1x"])
def test_an_answer_that_is_no_value_is_refused_whatever_the_tests_catch(checks, answer):
    test = "try:\n    f(1)\nexcept BaseException:\n    pass"
    plan = plan_of({"test_list": [test]})
    tested = checks.run(plan, False, lambda _: ("value", answer), time.monotonic() + 20)
    assert tested.ended is Ended.REJECTED, tested


def test_tests_may_print_and_ask_for_input(checks):
    test = "print('x' * 100000)\ntry:\n    input()\nexcept EOFError:\n    pass\nassert f(1) == 1"
    assert run(checks, [test], lambda a: a).ended is Ended.PASSED


def test_a_comparison_without_end_is_killed_at_the_deadline_and_the_next_task_runs(checks):
    began = time.monotonic()
    tested = run(checks, ["assert f(1) ** 10**10 == 3"], lambda a: 3**1000, within_s=0.5)
    assert tested.ended is Ended.TIMEOUT
    assert time.monotonic() - began < 2.0
    assert run(checks, ["assert f(1) == 1"], lambda a: a).ended is Ended.PASSED


def test_a_comparison_that_grows_too_large_is_out_of_memory(checks):
    tested = run(checks, ["assert f(1) * 10**9 == 3"], lambda a: "a")
    assert tested.ended is Ended.MEMORY


@pytest.mark.parametrize("caught", ["Exception", "BaseException"])
def test_the_end_of_the_job_stops_the_tests_whatever_they_catch(checks, caught):
    test = f"try:\n    f(1)\nexcept {caught}:\n    pass\nf(2)\nassert f(3) == 3"
    asked = []

    def call(request):
        asked.append(arguments(request)[0])
        return ("stop",)

    tested = checks.run(plan_of({"test_list": [test]}), True, call, time.monotonic() + 20)
    assert (tested.ended, tested.held, asked) == (Ended.STOPPED, 0, [(1,)])
    assert run(checks, ["assert f(1) == 1"], lambda a: a).ended is Ended.PASSED


def test_what_the_caller_raises_ends_the_process_and_the_next_task_runs(checks):
    with pytest.raises(KeyError):
        run(checks, ["assert f(1) == 1"], lambda a: {}[a])
    assert run(checks, ["assert f(1) == 1"], lambda a: a).ended is Ended.PASSED


def test_each_task_starts_from_the_same_state(checks):
    spoil = "import math\nmath.sqrt = None\nassert f(1) == 1"
    assert run(checks, [spoil], lambda a: a).ended is Ended.PASSED
    assert run(checks, ["assert f(1) == math.sqrt(1)"], lambda a: a).ended is Ended.PASSED


def test_a_lost_process_is_an_error_once_and_then_replaced():
    checks = ChecksProcess(memory_mb=512)

    def call(request):
        os.kill(checks._keeper.pid, signal.SIGKILL)
        checks._keeper.wait()
        return ("value", codec.encode(1))

    plan = plan_of({"test_list": ["assert f(1) == 1"]})
    with pytest.raises(VerifierError, match="tests' process"):
        checks.run(plan, False, call, time.monotonic() + 20)
    assert run(checks, ["assert f(1) == 1"], lambda a: a).ended is Ended.PASSED
    checks.close()


SCRIPT_OF_THE_JOB = "open({path!r}, 'w')"


def flood(path, filled_mb):
    """A generator's answers that fill the tests' memory, then one that could be read as tasks
    wherever a page of the pipe begins."""
    task = marshal.dumps(("", SCRIPT_OF_THE_JOB.format(path=path), (), False))
    page = (LENGTH.pack(len(task)) + task).ljust(4096, b"\0")
    last = page * 2000
    reply = ("value", codec.encode(([last], False)))
    whole = LENGTH.pack(0) + marshal.dumps(reply)
    last = last[whole.index(page) % 4096 :]
    yield codec.encode_kept(0, codec.ITERATOR, "generator")
    for _ in range(filled_mb):
        yield codec.encode(([b"x" * 2**20], False))
    while True:
        yield codec.encode(([last], False))


def test_an_answer_cut_off_by_the_memory_limit_is_never_read_as_a_task(tmp_path):
    """What stays in the pipe is the candidate's; it would run outside the sandbox."""
    path = str(tmp_path / "written")
    plan = plan_of({"test_list": ["assert list(f(7)) == [0]"]})
    checks = ChecksProcess(memory_mb=128)
    for filled_mb in (48, 56, 64):
        answers = flood(path, filled_mb)
        tested = checks.run(
            plan, False, lambda _, a=answers: ("value", next(a)), time.monotonic() + 20
        )
        assert (tested.ended, tested.reason) == (Ended.MEMORY, "the comparison ran out of memory")
        assert run(checks, ["assert f(1) == 1"], lambda a: a).ended is Ended.PASSED
        assert not os.path.exists(path)
    checks.close()


def test_no_test_catches_the_end_of_memory_while_an_answer_is_read():
    test = "kept = []\ntry:\n    kept.extend(f(7))\nexcept Exception:\n    pass\nassert f(1) == 1"
    checks = ChecksProcess(memory_mb=128)
    for filled_mb in (48, 56, 64):
        answers = flood("nowhere", filled_mb)
        tested = checks.run(
            plan_of({"test_list": [test]}),
            False,
            lambda _, a=answers: ("value", next(a)),
            time.monotonic() + 20,
        )
        assert tested.ended is Ended.MEMORY
    checks.close()


@pytest.mark.parametrize(
    "test",
    [
        "for last in f([]):\n    pass\nassert last == 2",
        "def check():\n    for last in f([]):\n        pass\n    assert last == 2\ncheck()",
        "try:\n    f(-1)\nexcept ValueError as error:\n    kept = error\nassert 'low' in str(kept)",
    ],
)
def test_a_name_that_the_answer_left_unbound_is_a_wrong_answer(checks, test):
    """Without a verdict it would be masked, and a policy could avoid its zeros."""
    assert run(checks, [test], lambda a: []).ended is Ended.WRONG
