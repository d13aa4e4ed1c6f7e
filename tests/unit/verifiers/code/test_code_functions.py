"""Functions graded by their tests; the sandbox is a fake."""

import pytest

from tests.helpers.fake_sandbox import FakeSandbox
from verifiers.base import Completion, Status, verify_all
from verifiers.code.functions import FunctionVerifier

CHECK = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\n"
HUMANEVAL = {"prompt": "def f(x):\n", "entry_point": "f", "test": CHECK}
MBPP = {"test_list": ["assert f(1) == 2", "assert f(2) == 3", "assert f(3) == 4"]}
RIGHT = "```python\ndef f(x):\n    return x + 1\n```"


@pytest.fixture(scope="module")
def verifier():
    made = FunctionVerifier(FakeSandbox())
    yield made
    made.close()


@pytest.fixture(scope="module")
def continuous():
    made = FunctionVerifier(FakeSandbox(), continuous=True)
    yield made
    made.close()


def graded(verifier, text, info, **more):
    verdict = verify_all(verifier, [Completion("", text, None, info, **more)])[0]
    return verdict.reward, verdict.status, verdict.reason


def body(lines, head="def f(x):"):
    return f"```python\n{head}\n    {lines}\n```"


@pytest.mark.parametrize("info", [HUMANEVAL, MBPP], ids=["check", "asserts"])
@pytest.mark.parametrize(
    ("text", "reward", "status"),
    [
        (RIGHT, 1.0, Status.CORRECT),
        (body("return x"), 0.0, Status.WRONG),
        (body("return x + 1 if x < 2 else 0"), 0.0, Status.WRONG),
        (body("return None"), 0.0, Status.WRONG),
        (body("raise KeyError(x)"), 0.0, Status.CRASH),
        (body("raise MemoryError"), 0.0, Status.MEMORY),
        (body("return lambda: 1"), 0.0, Status.REJECTED),
        (body("return (", "def f(x):"), 0.0, Status.UNPARSABLE),
        ("```python\n1 / 0\n```", 0.0, Status.CRASH),
        ("```python\n# ends: timeout\n```", 0.0, Status.TIMEOUT),
        ("```python\n# ends: output\n```", 0.0, Status.REJECTED),
        ("```python\n# ends: exited\n```", 0.0, Status.CRASH),
        ("", 0.0, Status.UNPARSABLE),
        ("<think>" + RIGHT, 0.0, Status.UNPARSABLE),
    ],
)
def test_a_function_is_right_when_all_its_tests_pass(verifier, info, text, reward, status):
    if "# ends" in text:
        info = info | {"prompt": ""}  # so that the script of the fake is the first line
    found = graded(verifier, text, info)
    assert found[:2] == (reward, status), found


def test_a_solution_without_the_function_is_a_crash(verifier):
    found = graded(verifier, body("return 1", "def g(x):"), MBPP)
    assert found == (0.0, Status.CRASH, "KeyError: 'f'")


def test_a_continuation_of_the_prompt_is_graded_as_a_whole_function(verifier):
    assert graded(verifier, "    return x + 1\n\nprint(f(1))", HUMANEVAL)[0] == 1.0


def test_no_test_and_no_expected_value_enters_the_sandbox(verifier):
    check = "def check(candidate):\n    assert candidate(1) == 31415 - 31413\n"
    verifier.sandbox.functions.clear()
    assert graded(verifier, RIGHT, HUMANEVAL | {"test": check})[0] == 1.0
    [(source, entry_point, _)] = verifier.sandbox.functions
    assert entry_point == "f"
    assert "check" not in source
    assert "31415" not in source


def test_objects_of_the_solution_stay_in_the_job(verifier):
    solution = (
        "```python\nclass Node:\n    def __init__(self, v):\n        self.v, self.next = v, None\n"
        "def total(node):\n    return node.v + (total(node.next) if node.next else 0)\n```"
    )
    info = {
        "test_list": ["assert total(root) == 3", "assert total(Node(5)) == 5"],
        "test_setup_code": "root = Node(1)\nroot.next = Node(2)",
    }
    assert graded(verifier, solution, info)[0] == 1.0
    wrong = info | {"test_list": ["assert total(root) == 3", "assert total(Node(5)) == 6"]}
    assert graded(verifier, solution, wrong)[:2] == (0.0, Status.WRONG)


def test_a_job_that_ends_in_a_call_decides_the_verdict_whatever_the_tests_catch(verifier):
    head = "from tests.helpers.fake_sandbox import outcome\nfrom verifiers.sandbox.interface import Ending\n"
    text = f"```python\n{head}def f(x):\n    return outcome(Ending.TIMEOUT, reason='late')\n```"
    check = "def check(f):\n    try:\n        f(1)\n    except BaseException:\n        pass"
    found = graded(verifier, text, HUMANEVAL | {"test": check})
    assert found == (0.0, Status.TIMEOUT, "late")


@pytest.mark.parametrize(
    ("text", "reward", "status"),
    [
        (RIGHT, 1.0, Status.CORRECT),
        (body("return 2"), 1 / 3, Status.WRONG),
        (body("return x + 1 if x != 2 else 1 / 0"), 2 / 3, Status.CRASH),
        (body("return [] if x == 3 else x + 1"), 2 / 3, Status.WRONG),
        (body("return print if x == 3 else x + 1"), 2 / 3, Status.REJECTED),
        (body("return 0"), 0.0, Status.WRONG),
    ],
)
def test_the_share_of_asserts_is_paid_on_request(continuous, text, reward, status):
    found = graded(continuous, text, MBPP)
    assert found[:2] == (pytest.approx(reward), status)


def test_an_assert_in_a_loop_holds_where_it_does_each_time_and_a_share_is_below_one(continuous):
    loop = "def check(candidate):\n    for i in range(9):\n        assert candidate(i) == i + 1\n"
    end = "from tests.helpers.fake_sandbox import outcome; return outcome('timeout')"
    text = body(f"if x == 8:\n        {end}\n    return x + 1")
    assert graded(continuous, text, HUMANEVAL | {"test": loop})[0] == 0.0
    late = f"{loop}    candidate(8)\n".replace("range(9)", "range(8)")
    assert graded(continuous, text, HUMANEVAL | {"test": late})[0] == pytest.approx(1 / 2)


def test_a_loop_makes_no_more_of_an_assert_than_one(continuous):
    trivial = "def check(candidate):\n    for i in range(99):\n        assert candidate(0) == 1\n"
    rest = "    assert candidate(1) == 2\n    assert candidate(2) == 3\n"
    found = graded(continuous, body("return 1"), HUMANEVAL | {"test": trivial + rest})
    assert found[:2] == (pytest.approx(1 / 3), Status.WRONG)


def test_a_row_s_limits_come_before_the_options(verifier):
    verifier.sandbox.functions.clear()
    graded(verifier, RIGHT, MBPP | {"limits": {"wall_s": 2, "memory_mb": 64}})
    graded(verifier, RIGHT, MBPP)
    limits = [limits for *_, limits in verifier.sandbox.functions]
    assert [(one.wall_s, one.cpu_s, one.memory_mb) for one in limits] == [
        (2.0, 2.0, 64),
        (10.0, 5.0, 512),
    ]


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({}, "neither test with entry_point nor test_list"),
        (MBPP | {"limits": {"wall_s": -1}}, "must be numbers above 0"),
        (
            {"test_list": ["assert f(1) == undefined"]},
            "'undefined', which neither they nor the task",
        ),
        ({"test_list": ["import sys\nassert f(sys.stdin) == 2"]}, "about input or output"),
    ],
)
def test_rows_that_cannot_be_graded_have_no_reward(verifier, info, reason):
    reward, status, told = graded(verifier, RIGHT, info)
    assert (reward, status) == (None, Status.INFRASTRUCTURE)
    assert reason in told


def test_a_sandbox_that_fails_gives_no_reward_and_the_others_keep_theirs(verifier):
    texts = [RIGHT, "```python\n# ends: setup\n```", body("return 0")]
    verdicts = verify_all(verifier, [Completion("", text, None, MBPP) for text in texts])
    assert [v.reward for v in verdicts] == [1.0, None, 0.0]
    assert verdicts[1].reason == "SandboxError: as scripted"
    assert [v.level for v in verdicts] == ["strong", "", "strong"]


def test_reasons_are_one_line_of_valid_text(verifier):
    reason = graded(verifier, body("raise ValueError('a\\n\\ud800' * 999)"), MBPP)[2]
    assert reason.startswith("ValueError: a \\ud800a \\ud800a")
    assert len(reason.encode()) < 1500


def test_the_self_test_passes(verifier):
    # The fake cannot survive a program that ends its process.
    cases = [case for case in verifier.self_test() if "_exit" not in case[0].text]
    verdicts = verify_all(verifier, [completion for completion, _ in cases])
    assert [v.reward for v in verdicts] == [reward for _, reward in cases]
