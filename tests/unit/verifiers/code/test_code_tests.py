"""What of a task's tests runs in the trusted process, and what in the job."""

import pytest

from rlsys.errors import VerifierError
from verifiers.code.tests_plan import plan_of
from verifiers.sandbox.served import AS_DECLARED, BY_VALUE

CHECK = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\n"


def test_a_check_runs_outside_behind_the_prompt_and_the_job_gets_nothing():
    plan = plan_of({"prompt": "def helper(): pass\n", "test": CHECK, "entry_point": "f"})
    assert plan.prelude == "def helper(): pass\n"
    assert plan.script.endswith("check(candidate)\n")
    assert plan.proxies == (("f", "f", BY_VALUE), ("candidate", "f", BY_VALUE))
    assert (plan.entry_point, plan.job_suffix, plan.num_asserts) == ("f", "", 2)


@pytest.mark.parametrize("call", ["check(f)", "check(candidate)"])
def test_a_check_that_the_tests_make_themselves_is_made_once(call):
    row = {"prompt": "def f(x):\n", "entry_point": "f"}
    assert plan_of(row | {"test": f"{CHECK}\n{call}\n"}).script.count("check(") == 2
    inside = f"{CHECK}\ndef test():\n    {call}\n\ntest()\n"
    assert plan_of(row | {"test": inside}).script.endswith("\n\ncheck(candidate)\n")


def test_a_check_of_a_reference_of_the_tests_is_not_the_solution_s():
    test = f"def f(x):\n    return x + 1\n\n{CHECK}\ncheck(f)\n"
    plan = plan_of({"prompt": "", "entry_point": "f", "test": test})
    assert plan.script.endswith("\n\ncheck(candidate)\n")
    assert plan.proxies == (("candidate", "f", BY_VALUE),)


def test_imports_of_the_solution_stand_for_it():
    test = f"from solution import f\nfrom math import sqrt\nfrom main import *\n{CHECK}"
    plan = plan_of({"prompt": "", "entry_point": "f", "test": test})
    assert plan.script.startswith("pass\nfrom math import sqrt\npass\ndef check")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "assert candidate(1) == helper(2)",
            "use 'helper', which neither they nor",
        ),
        ("from scipy_of_nobody import norm", "import scipy_of_nobody, which is not installed"),
        ("assert scipy_of_nobody.norm(candidate(1)) == 2", "use 'scipy_of_nobody'"),
    ],
)
def test_what_the_tests_lack_themselves_is_an_error_and_not_the_solution_s(line, message):
    with pytest.raises(VerifierError, match=message):
        plan_of({"prompt": "", "entry_point": "f", "test": f"{CHECK}    {line}\n"})


def test_a_method_of_a_class_is_asked_of_an_object_in_the_job():
    prompt = "class Solution:\n    def top(self, xs):\n"
    plan = plan_of({"prompt": prompt, "entry_point": "Solution().top", "test": CHECK})
    assert plan.script.startswith("candidate = Solution().top\n")
    assert plan.proxies == (("Solution", "Solution", AS_DECLARED),)
    assert plan.function == plan.entry_point == "Solution"
    assert plan.head == prompt


@pytest.mark.parametrize(
    ("tests", "classes"),
    [
        (["s = Stack()\ns.push(5)\nassert s.pop() == 5"], {"Stack"}),
        (["s = Stack()", "s.add(5)", "assert s.get() == 5"], {"Stack"}),
        (["assert Solution().top([3]) == 3"], {"Solution"}),
        (["s = stack()\ns.push(5)\nassert len(s) == 1"], {"stack"}),
        (["assert make(3).value == 3"], {"make"}),
        (["assert Find_Max([3]) == 3", "assert 3 == Find_Max([3])"], set()),
        (["assert f(3).count(1) == 3", "x = f(4)\nassert x.strip() == 'a'"], set()),
        (["assert Temp.from_f(3).c == 2"], {"Temp"}),
    ],
)
def test_what_the_tests_use_as_an_object_is_one(tests, classes):
    proxies = plan_of({"test_list": tests}).proxies
    assert {target for _, target, mode in proxies if mode != BY_VALUE} == classes


@pytest.mark.parametrize(
    "tests",
    [
        ["assert Point(1, 2) == Point(1, 2)"],
        ["assert Vec(1) + Vec(2) == Vec(3)"],
        ["assert middle(1, 3) == Point(1, 2)"],
        ["p = Point(1, 2)\nassert p.x == 1", "assert p == Point(1, 2)"],
        ["p = Point(1, 2)\nassert p.x == 1\nassert p != (1, 2)"],
        ["a = Card(1)\nassert a.value == 1\nassert a < Card(2)"],
        ["s = Stack()\ns.push(1)\nassert s in [1]"],
        ["assert Color.name_of(1) == 'red'", "assert f(1) == Color.RED"],
        ["assert isinstance(f(3), Shape) and Shape().sides == 3"],
    ],
)
def test_what_only_the_solution_s_own_methods_could_tell_is_an_error(tests):
    with pytest.raises(VerifierError, match="the solution"):
        plan_of({"test_list": tests})


def test_objects_may_be_compared_with_none_and_by_identity():
    tests = ["n = Node(1)\nassert n != None and n.next is None and n is n and 1 in n"]
    assert plan_of({"test_list": tests}).function == "Node"


def test_lines_that_import_or_belong_together_are_tests():
    plan = plan_of({"test_list": ["import math", "assert f(4) == math.sqrt(16)"]})
    assert plan.function == "f"
    lines = ["def close(a, b):", "    return abs(a - b) < 1e-6", "assert close(f(2), 1.5)"]
    assert plan_of({"test_list": lines}).proxies == (("f", "f", BY_VALUE),)
    plan = plan_of({"test_list": ["from collections import Counter", "assert Counter(f(1)) == {}"]})
    assert plan.function == "f"


def test_variables_of_the_tests_are_arguments_of_a_call_that_is_made_in_the_job():
    test = (
        "def check(candidate):\n    k = 3\n    assert candidate([1], key=lambda v: v + k) == 31415"
    )
    plan = plan_of({"prompt": "", "entry_point": "f", "test": test})
    assert plan.job_suffix.strip() == "rlsys_case_1 = lambda k: f([1], key=lambda v: v + k)"
    assert "rlsys_case_1(k) == 31415" in plan.script


def test_integers_of_any_length_may_stand_in_tests():
    plan = plan_of({"test_list": [f"assert f(1) == {'7' * 5000}"]})
    assert "7" * 5000 in plan.script


def test_asserts_call_the_function_that_all_of_them_name():
    plan = plan_of({"test_list": ["assert set(f([1])) == {1}", "assert len(f(2)) == 1"]})
    assert (plan.function, plan.proxies, plan.job_suffix) == ("f", (("f", "f", BY_VALUE),), "")
    assert plan.num_asserts == 2


def test_a_builtins_name_is_the_function_where_no_other_is_called():
    plan = plan_of({"test_list": ["assert sum(10, 15) == 6"]})
    assert plan.proxies == (("sum", "sum", BY_VALUE),)


def test_modules_that_the_asserts_name_are_imported_outside():
    plan = plan_of({"test_list": ["assert f(1) == math.sqrt(1)"]})
    assert plan.script.startswith("import math\n")
    assert plan.job_suffix == ""


def test_arguments_that_only_the_solution_can_make_are_made_in_the_job():
    tests = ["assert f([Pair(5, 24)], 4) == 31415", "assert f([], n=1) == 27182"]
    plan = plan_of({"test_list": tests})
    assert [name for name, _, _ in plan.proxies] == ["rlsys_case_1", "f"]
    assert plan.job_suffix == "\n\nrlsys_case_1 = lambda: f([Pair(5, 24)], 4)\n"
    assert plan.script == "assert rlsys_case_1() == 31415\nassert f([], n=1) == 27182\n"


@pytest.mark.parametrize("argument", ["int", "[len, 3]", "lambda x: x + 1", "key=str"])
def test_arguments_that_are_no_plain_values_are_made_in_the_job(argument):
    plan = plan_of({"test_list": [f"assert f({argument}) == 31415"]})
    assert f"= lambda: f({argument})\n" in plan.job_suffix
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
