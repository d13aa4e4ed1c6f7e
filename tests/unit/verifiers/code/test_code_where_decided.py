"""What a job says of itself, and tests that only it could decide, earn nothing."""

import pytest

from rlsys.errors import VerifierError
from tests.helpers.decided_programs import HELPERS, LIAR, graded
from tests.helpers.fake_sandbox import FakeSandbox
from verifiers.code.functions import FunctionVerifier
from verifiers.code.tests_plan import plan_of

NOT_PAID = {
    "a liar behind an operator": (
        *(
            LIAR
            + (
                "class Vec:\n    x=1\n    def __init__(s,*a): pass\n"
                "    def __mul__(s,o): return Liar()\n"
                "    def __str__(s): return 'Vec'"
            ),
            {
                "text": "class Vec:",
                "test_list": ["u = Vec(1,2)\nv = Vec(3,4)\nassert abs(u*v - 11.0) < 1e-9"],
            },
        ),
        "rejected",
    ),
    "expected is the argument itself": (
        *(
            "def f(nums, v):\n    nums.clear()\n    return 0",
            {
                "test_list": [
                    "nums = [3,2]\nexpected = nums\nk = f(nums, 3)\nassert nums[:k] == expected"
                ]
            },
        ),
        "wrong",
    ),
    "expected shares its rows": (
        *(
            "def f(nums):\n    [r.clear() for r in nums]\n    return 2",
            {
                "test_list": [
                    (
                        "nums = [[3],[2]]\nexpected = sorted(nums)\nk = f(nums)\n"
                        "assert nums[:k] == expected"
                    )
                ]
            },
        ),
        "wrong",
    ),
    "an emptied argument": (
        *(
            "def f(nums, v):\n    nums.clear()\n    return 0",
            {
                "test_list": [
                    (
                        "nums = [3,2,2,3]\nexpected = [2,2]\nk = f(nums, 3)\n"
                        "assert nums[:k] == expected"
                    )
                ]
            },
        ),
        "wrong",
    ),
    "expected is the function's word": (
        *(
            "def f(nums):\n    nums.clear()\n    return []",
            {
                "test_list": [
                    "nums = [3,2]\nexpected = f([1])\nk = f(nums)\nassert nums == expected"
                ]
            },
        ),
        "wrong",
    ),
    "wrong nodes": (
        *(
            (
                "class Solution:\n"
                "    def rev(self, head: Optional[ListNode]) -> Optional[ListNode]:\n"
                "        prev = None\n        while head:\n"
                "            head.next, prev, head = prev, head, head.next\n"
                "        return head\n"
            ),
            {
                "prompt": "from typing import *\n" + HELPERS,
                "entry_point": "Solution().rev",
                "test": (
                    "def check(candidate):\n"
                    "    assert same(candidate(head = build([1,2,3])), build([3,2,1]))\n"
                ),
            },
        ),
        "wrong",
    ),
    "a class under the name of the task's own": (
        *(
            "class P:\n    def __eq__(s,o): return True\ndef f(a):\n    return P()",
            {
                "test_list": [
                    (
                        "from dataclasses import dataclass\n@dataclass\nclass P:\n"
                        "    x: int\n    y: int"
                    ),
                    "assert f(3) == P(3, 3)",
                ]
            },
        ),
        "wrong",
    ),
    "another class for the task's own": (
        *(
            LIAR + "def f(a):\n    return Liar()",
            {
                "test_list": [
                    (
                        "from dataclasses import dataclass\n@dataclass\nclass P:\n"
                        "    x: int\n    y: int"
                    ),
                    "assert f(3) == P(3, 3)",
                ]
            },
        ),
        "rejected",
    ),
    "a match that is passed back": (
        *(
            "import re\ndef f(x): return re.match('a','a')",
            {"test_list": ["y = f(3)\nassert f(y) == 3"]},
        ),
        "rejected",
    ),
    "an argument that became a match": (
        *(
            "import re\ndef f(x): x[:] = [re.match('a','a')]",
            {"test_list": ["x=[1]\nf(x)\nf(x)\nassert x == [1]"]},
        ),
        "rejected",
    ),
    "the type of a match": (
        *(
            "import re\ndef f(x): return re.match('a','a')",
            {"test_list": ["y = f(3)\nassert f(type(y)) == 3"]},
        ),
        "rejected",
    ),
    "an np of its own": (
        *(
            "class np:\n    allclose = lambda *a: True\ndef f(x): return 0",
            {"test_list": ["assert np.allclose(f([1,2]), [0.3333333333, 0.6666666667])"]},
        ),
        "wrong",
    ),
    "an isclose of its own": (
        *(
            "def isclose(*a): return True\ndef f(x): return 0",
            {"test_list": ["assert isclose(f(2), 1.5)"]},
        ),
        "wrong",
    ),
    "a liar compared with an array": (
        *(
            LIAR + "def f(a): return Liar()",
            {
                "test_list": [
                    "import numpy as np\nassert (f(np.array([1,2])) == np.array([2,4])).all()"
                ]
            },
        ),
        "rejected",
    ),
    "a liar with an array's methods": (
        *(
            LIAR + "def f(a): return Liar()",
            {"test_list": ["import numpy as np\nassert f(np.array([1,2])).all()"]},
        ),
        "rejected",
    ),
    "a liar as an array": (
        *(
            LIAR + "def f(a): return Liar()",
            {
                "test_list": [
                    "import numpy as np\nassert np.allclose(f(np.array([1,2])), np.array([2,4]))"
                ]
            },
        ),
        "rejected",
    ),
}


@pytest.mark.parametrize("name", NOT_PAID)
def test_what_the_job_says_of_itself_earns_nothing_and_has_a_verdict(verifier, name):
    *task, status = NOT_PAID[name]
    verdict = graded(verifier, *task)
    assert (verdict.reward, verdict.status) == (0.0, status), verdict


REFUSED = [
    (["b = Bag([1,2,3])", "assert 2 in b"], "nothing tells whether the solution's Bag"),
    (["assert len(Bag([1,2,3])) == 3"], "nothing tells whether the solution's Bag"),
    (["assert Split('a b').count('a') == 1"], "nothing tells whether the solution's Split"),
    (["assert str(Total([1]) + Total([2])) == '3'"], "nothing tells whether the solution's Total"),
    (["assert [b.n for b in sorted([Bag(2), Bag(1)])] == [1, 2]"], "the solution's Bag"),
    (
        ["a = Bag([1])\na.x = 3\nb = Bag([1])\nassert a == b"],
        "compares an object of the solution's Bag",
    ),
    (["b = Bag()\nb.x = 1\nbags = [b, Bag()]\nbags.sort()"], "orders or compares objects"),
    (
        [
            "bags = [Bag(n) for n in (2, 1)]\nassert bags[0].x == 2\nassert max(bags).x == 2",
            "assert Bag(3).x == 3",
        ],
        "orders or compares objects",
    ),
    (["assert same(f(2), 1.5)", "assert f(3) == 0"], "asks same, which the tests do not define"),
    (["assert ok(f(2))", "assert f(3) == 0"], "asks ok, which the tests do not define"),
    (["assert torch2.equal(f(1), 3)"], "use 'torch2'"),
    (["assert f(3).equals([1])"], "tells the solution's own .equals"),
    (["assert (f(3) - 5).norm() < 1e-6"], "how far off"),
    (["q = Queue()\nq.x = 1\nq = q.add(4)\nassert 4 in q"], "an object of the solution's Queue"),
    (["r = f(3)\nassert r.equals([1])"], "tells the solution's own .equals"),
    (["r = f(3)\nassert r.owner == 2\nassert r.count(3)"], "tells the solution's own .count"),
    (["import io, sys\nsys.stdin = io.StringIO('3')\nassert f() == 3"], "input or output"),
    (["from contextlib import redirect_stdout\nwith redirect_stdout(None):\n    f()"], "output"),
    (["from unittest.mock import patch\nwith patch('builtins.input'):\n    f()"], "output"),
    (["r = Root(9)\nr.n = 2\nassert abs(Root(9) - 3) < 1e-6"], "how far off"),
    (["r = Root(9)\nr.n = 2\nd = 3 - r\nassert not d"], "how far off"),
    (
        ["import numpy as np\na = np.array([1,2])\nf(a)\nassert a.tolist() == [2,3]"],
        "changed in place",
    ),
]


@pytest.mark.parametrize(("tests", "message"), REFUSED)
def test_tests_that_only_the_solution_could_decide_are_an_error_before_a_run(tests, message):
    with pytest.raises(VerifierError, match=message):
        plan_of({"test_list": tests}, ["numpy"])


def test_arrays_as_arguments_need_numpy_in_the_sandbox():
    row = {"test_list": ["import numpy as np", "assert f(np.array([1, 2])) == 3"]}
    assert plan_of(row, ["numpy"]).packages == {"numpy"}
    with pytest.raises(VerifierError, match=r"add it to sandbox\.packages"):
        plan_of(row)


def test_objects_of_other_packages_are_an_error_before_a_run():
    row = {"test_list": ["import pytest", "assert f(pytest.approx(3)) == 3"]}
    with pytest.raises(VerifierError, match="passes what pytest makes"):
        plan_of(row)


def test_a_text_that_is_asked_for_twice_is_the_same():
    code = (
        "class Two:\n    n = 0\n    def __str__(self):\n        self.n += 1\n"
        "        return '12' if self.n == 1 else '21'\ndef f(): return Two()"
    )
    made = FunctionVerifier(FakeSandbox())
    tests = ["r = f()\nassert str(r) == '12'\nassert str(r)[0] == '2'"]
    assert graded(made, code, {"test_list": tests}).reward == 0.0
    made.close()
