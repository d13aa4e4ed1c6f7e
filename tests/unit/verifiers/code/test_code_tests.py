"""What of a task's tests runs in the trusted process, and what in the job."""

import pytest

from rlsys.errors import VerifierError
from verifiers.code.tests_plan import plan_of

CHECK = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\n"


def test_a_check_runs_outside_behind_the_prompt_and_the_job_gets_nothing():
    plan = plan_of({"prompt": "def helper(): pass\n", "test": CHECK, "entry_point": "f"})
    assert plan.script.startswith("def helper(): pass\n")
    assert plan.script.endswith("check(candidate)\n")
    assert (plan.proxies, plan.entry_point) == (("candidate",), "f")
    assert (plan.job_suffix, plan.dispatched, plan.num_asserts) == ("", False, 2)


def test_a_check_may_call_the_function_by_its_own_name():
    check = "def check(candidate):\n    assert candidate(1) == f(1)\n"
    plan = plan_of({"prompt": "def f(x):\n", "test": check, "entry_point": "f"})
    assert plan.script.endswith("\n\nf = candidate\ncheck(candidate)\n")


def test_asserts_call_the_function_that_all_of_them_name():
    plan = plan_of({"test_list": ["assert set(f([1])) == {1}", "assert len(f(2)) == 1"]})
    assert (plan.function, plan.proxies, plan.job_suffix) == ("f", ("f",), "")
    assert plan.num_asserts == 2


def test_a_builtins_name_is_the_function_where_no_other_is_called():
    plan = plan_of({"test_list": ["assert sum(10, 15) == 6"]})
    assert plan.proxies == ("sum",)


def test_modules_that_the_asserts_name_are_imported_outside():
    plan = plan_of({"test_list": ["assert f(1) == math.sqrt(1)"]})
    assert plan.script.startswith("import math\n")
    assert plan.job_suffix == ""


def test_arguments_that_only_the_solution_can_make_are_made_in_the_job():
    tests = ["assert f([Pair(5, 24)], 4) == 31415", "assert f([], n=1) == 27182"]
    plan = plan_of({"test_list": tests})
    assert plan.dispatched
    assert plan.proxies == ("rlsys_case_1", "f")
    assert "lambda: f([Pair(5, 24)], 4),\n    f,\n" in plan.job_suffix
    assert plan.script == "assert rlsys_case_1() == 31415\nassert f([], n=1) == 27182\n"


@pytest.mark.parametrize("argument", ["int", "[len, 3]", "lambda x: x + 1", "key=str"])
def test_arguments_that_are_no_plain_values_are_made_in_the_job(argument):
    plan = plan_of({"test_list": [f"assert f({argument}) == 31415"]})
    assert f"lambda: f({argument})," in plan.job_suffix
    assert plan_of({"test_list": ["assert f(int('3'), max(1, 2)) == 3"]}).job_suffix == ""


def test_no_expected_value_enters_the_job():
    setup = "root = Node(1)\nroot.left = Node(2)"
    plan = plan_of({"test_list": ["assert f(root) == 31415"], "test_setup_code": setup})
    assert setup in plan.job_suffix
    assert "31415" not in plan.job_suffix
    assert "Node" not in plan.script


def test_a_setup_that_needs_nothing_of_the_solution_stays_outside():
    plan = plan_of({"test_list": ["assert f(limit) == 3"], "test_setup_code": "limit = 9"})
    assert (plan.script, plan.job_suffix) == ("limit = 9\nassert f(limit) == 3\n", "")


def test_names_bound_inside_an_argument_are_no_names_of_the_solution():
    plan = plan_of({"test_list": ["assert f([x for x in range(3)]) == 3"]})
    assert plan.job_suffix == ""


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({}, "neither test with entry_point nor test_list"),
        ({"test": CHECK}, "column entry_point: expected a text"),
        ({"test": "x = 1", "entry_point": "f"}, r"does not define check\(candidate\)"),
        ({"test": "def check(", "entry_point": "f"}, "are not Python"),
        ({"test_list": "assert f(1)"}, "column test_list: expected a list of texts"),
        ({"test_list": ["assert True"]}, "do not all call one function"),
    ],
)
def test_tests_that_cannot_be_run_are_an_error(info, message):
    with pytest.raises(VerifierError, match=message):
        plan_of(info)
