"""Programs graded by their output; the sandbox is a fake."""

import pytest

from rlsys.errors import VerifierError
from tests.helpers.fake_sandbox import FakeSandbox
from verifiers.base import Completion, Status, verify_all
from verifiers.code.programs import ProgramVerifier

TESTS = [
    {"stdin": "1 2\n", "expected": "3\n"},
    {"stdin": "2 2\n", "expected": "4"},
    {"stdin": "5 5\n", "expected": "10"},
]
RIGHT = "```python\nprint(sum(map(int, input().split())))\n```"


def graded(text, info=None, **options):
    verifier = ProgramVerifier(FakeSandbox(), **options)
    info = {"tests": TESTS} if info is None else info
    verdict = verify_all(verifier, [Completion("", text, None, info)])[0]
    return verdict, verifier.sandbox.programs


@pytest.mark.parametrize(
    ("text", "reward", "status", "reason"),
    [
        (RIGHT, 1.0, Status.CORRECT, ""),
        (
            "```python\nprint(3)\n```",
            0.0,
            Status.WRONG,
            "test 2 of 3: token 1: '3' is not the expected one",
        ),
        ("```python\nprint(int(input()))\n```", 0.0, Status.CRASH, "test 1 of 3: exit status 1"),
        ("```python\nprint(\n```", 0.0, Status.UNPARSABLE, "test 1 of 3: exit status 1"),
        ("# ends: timeout", 0.0, Status.TIMEOUT, "test 1 of 3: as scripted"),
        ("# ends: memory", 0.0, Status.MEMORY, "test 1 of 3: as scripted"),
        ("# ends: output", 0.0, Status.REJECTED, "test 1 of 3: as scripted"),
        ("", 0.0, Status.UNPARSABLE, "no code"),
    ],
)
def test_a_program_is_right_when_every_output_is(text, reward, status, reason):
    verdict, _ = graded(text)
    assert (verdict.reward, verdict.status, verdict.reason) == (reward, status, reason)


def test_a_failure_after_the_right_output_is_a_failure():
    text = "```python\nprint(sum(map(int, input().split())))\n1 / 0\n```"
    assert graded(text)[0].reward == 0.0


def test_the_first_failed_test_ends_the_grading_unless_the_share_is_asked_for():
    text = "```python\nprint(4)\n```"
    verdict, programs = graded(text)
    assert (verdict.reward, len(programs)) == (0.0, 1)
    verdict, programs = graded(text, continuous=True)
    assert (verdict.reward, len(programs)) == (pytest.approx(1 / 3), 3)
    assert verdict.reason == "test 1 of 3: token 1: '4' is not the expected one"


def test_only_the_program_and_its_input_enter_the_sandbox():
    _, programs = graded(RIGHT)
    source = "print(sum(map(int, input().split())))\n"
    assert [(s, i) for s, i, _ in programs] == [
        (source, b"1 2\n"),
        (source, b"2 2\n"),
        (source, b"5 5\n"),
    ]


def test_columns_of_code_contests_are_read_too():
    info = {"tests": {"inputs": ["1 2\n"], "outputs": ["3\n"]}}
    assert graded(RIGHT, info)[0].reward == 1.0


def test_a_row_names_its_checker_before_the_option():
    tests = [{"stdin": "", "expected": "0.3333333333"}]
    text = "```python\nprint(1 / 3)\n```"
    assert graded(text, {"tests": tests})[0].reward == 1.0
    assert graded(text, {"tests": tests, "checker": "tokens"})[0].reward == 0.0
    assert graded(text, {"tests": tests}, checker="tokens")[0].reward == 0.0
    assert graded(text, {"tests": tests, "checker": "float:1e-6"})[0].reward == 1.0
    assert graded(text, {"tests": tests}, checker="float")[0].reward == 1.0
    assert graded(text, {"tests": tests, "checker": "exact"}, checker="float")[0].reward == 0.0


@pytest.mark.parametrize(
    "tests",
    [
        None,
        [],
        {},
        [{"stdin": "1"}],
        [3],
        {"inputs": ["1"], "outputs": []},
        [{"stdin": 1, "expected": "1"}],
    ],
)
def test_rows_without_tests_have_no_reward(tests):
    verdict, _ = graded(RIGHT, {"tests": tests})
    assert (verdict.reward, verdict.status) == (None, Status.INFRASTRUCTURE)
    assert "list of {stdin, expected}" in verdict.reason


def test_a_program_may_print_a_mib_more_than_is_expected_up_to_a_limit_of_the_row():
    long = "7 " * 2**20
    tests = [{"stdin": "", "expected": "1"}, {"stdin": "", "expected": long}]
    _, programs = graded(RIGHT, {"tests": tests}, continuous=True)
    assert [limits.output_mb for _, _, limits in programs] == pytest.approx([1.0, 3.0], abs=1e-5)
    verdict, programs = graded(RIGHT, {"tests": tests}, output_mb=1)
    assert (verdict.reward, verdict.status, programs) == (None, Status.INFRASTRUCTURE, [])
    assert "test 2: an expected output of 2.0 MiB, more than output_mb=1" in verdict.reason


def test_an_unknown_checker_is_found_when_the_verifier_is_made():
    with pytest.raises(VerifierError, match="no checker 'floaty'"):
        ProgramVerifier(FakeSandbox(), checker="floaty")
    assert graded(RIGHT, {"tests": TESTS, "checker": "floaty"})[0].reward is None


def test_the_self_test_passes():
    verifier = ProgramVerifier(FakeSandbox())
    cases = verifier.self_test()
    verdicts = verify_all(verifier, [completion for completion, _ in cases])
    assert [verdict.reward for verdict in verdicts] == [reward for _, reward in cases]


def test_a_program_that_sleeps_through_its_tests_gets_a_verdict(monkeypatch):
    """Without a bound on all tests together it would end its worker's deadline with no verdict."""
    now = iter(range(0, 1000, 9))
    monkeypatch.setattr("verifiers.code.programs.time.monotonic", lambda: float(next(now)))
    verdict, programs = graded(RIGHT, total_s=20.0)
    assert (verdict.reward, verdict.status) == (0.0, Status.TIMEOUT)
    assert verdict.reason == "test 3 of 3: all tests together: more than total_s=20"
    assert len(programs) == 2


def test_the_rows_own_limit_holds_for_each_of_its_tests(monkeypatch):
    now = iter(range(0, 1000, 9))
    monkeypatch.setattr("verifiers.code.programs.time.monotonic", lambda: float(next(now)))
    info = {"tests": TESTS, "limits": {"wall_s": 30.0}}
    assert graded(RIGHT, info, total_s=20.0)[0].reward == 1.0
