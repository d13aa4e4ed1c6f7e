"""Right answers of tests with helpers, nodes, changed arguments, and packages and names."""

import pytest

from tests.helpers.decided_programs import HELPERS, REVERSE, graded

RIGHT = {
    "a changed list beside a variable": (
        (
            "def f(nums, v):\n    k=0\n    for x in nums:\n        if x!=v:\n"
            "            nums[k]=x; k+=1\n    return k"
        ),
        {
            "test_list": [
                "nums = [3,2,2,3]\nexpected = [2,2]\nk = f(nums, 3)\nassert nums[:k] == expected"
            ]
        },
    ),
    "cases in a loop": (
        (
            "def f(nums, v):\n    k=0\n    for x in nums:\n        if x!=v:\n"
            "            nums[k]=x; k+=1\n    return k"
        ),
        {
            "test_list": [
                (
                    "for nums, val, expected in [([3,2,2,3], 3, [2,2]), ([1], 1, [])]:\n"
                    "    k = f(nums, val)\n    assert k == len(expected)\n"
                    "    assert sorted(nums[:k]) == sorted(expected)"
                )
            ]
        },
    ),
    "the judge of LeetCode": (
        (
            "def f(nums, v):\n    k=0\n    for x in nums:\n        if x!=v:\n"
            "            nums[k]=x; k+=1\n    return k"
        ),
        {
            "test_list": [
                (
                    "nums = [3,2,2,3]\nexpected = [2,2]\nk = f(nums, 3)\n"
                    "assert k == len(expected)\nfor i in range(k):\n"
                    "    assert nums[i] == expected[i]"
                )
            ]
        },
    ),
    "a helper of the tests": (
        (
            "def f(nums, v):\n    k=0\n    for x in nums:\n        if x!=v:\n"
            "            nums[k]=x; k+=1\n    return k"
        ),
        {
            "prompt": "",
            "entry_point": "f",
            "test": (
                "def check(candidate):\n    def run(nums, val, expected):\n"
                "        k = candidate(nums, val)\n"
                "        assert nums[:k] == expected\n"
                "    run([3,2,2,3], 3, [2,2])\n    run([1], 2, [1])\n"
            ),
        },
    ),
    "nodes of a class of the tests": (
        (
            "def rev(head):\n    prev = None\n    while head:\n"
            "        head.next, prev, head = prev, head, head.next\n"
            "    return prev"
        ),
        {
            "prompt": "",
            "entry_point": "rev",
            "test": HELPERS
            + (
                "def check(candidate):\n"
                "    assert out(candidate(build([1,2,3]))) == [3,2,1]\n"
                "    xs = list(range(300))\n"
                "    assert same(candidate(build(xs)), build(xs[::-1]))\n"
            ),
        },
    ),
    "nodes of a class of the prompt": (
        REVERSE,
        {
            "prompt": "from typing import *\n" + HELPERS,
            "entry_point": "Solution().rev",
            "test": (
                "def check(candidate):\n"
                "    assert same(candidate(head = build([1,2,3])), build([3,2,1]))\n"
                "    assert candidate(None) is None"
            ),
        },
    ),
    "nodes of a class in a comment": (
        REVERSE,
        {
            "prompt": (
                "# Definition for singly-linked list.\n# class ListNode:\n"
                "#     def __init__(self, val=0, next=None):\n"
                "#         self.val = val\n#         self.next = next\n"
                "class Solution:\n    def rev(self, head):\n        pass\n"
            ),
            "entry_point": "Solution().rev",
            "test": (
                "def check(candidate):\n"
                "    n = candidate(ListNode(1, ListNode(2)))\n"
                "    assert n.val == 2 and n.next.val == 1 and n.next.next is None"
            ),
        },
    ),
    "nodes in a list of asserts": (
        "def total(n): return 0 if n is None else n.val + total(n.next)",
        {
            "test_list": [
                (
                    "class ListNode:\n    def __init__(self, val, next=None):\n"
                    "        self.val, self.next = val, next"
                ),
                "assert total(ListNode(1, ListNode(2))) == 3",
                "x = ListNode(4)\nassert total(x) == 4",
            ]
        },
    ),
    "a node changed in place": (
        "def f(root):\n    root.val = 9\n    root.next = type(root)(7)",
        {
            "test_list": [
                (
                    "class Node:\n    def __init__(self, val, next=None):\n"
                    "        self.val, self.next = val, next"
                ),
                "x = Node(4)\nf(x)\nassert x.val == 9 and x.next.val == 7",
            ]
        },
    ),
    "a ring of nodes": (
        "def f(n):\n    return n.next.next is n",
        {
            "test_list": [
                (
                    "class Node:\n    def __init__(self, val, next=None):\n"
                    "        self.val, self.next = val, next"
                ),
                "x = Node(4)\nx.next = Node(5, x)\nassert f(x)",
            ]
        },
    ),
    "an enumeration of the prompt": (
        "def f(c): return c.value",
        {
            "prompt": "from enum import Enum\nclass Color(Enum):\n    RED = 1\n\ndef f(c):\n",
            "entry_point": "f",
            "test": "def check(candidate):\n    assert candidate(Color.RED) == 1",
        },
    ),
    "an enumeration of the tests": (
        "def f(c): return c.value",
        {
            "test_list": [
                "from enum import Enum\nclass Color(Enum):\n    RED = 1",
                "assert f(Color.RED) == 1",
            ]
        },
    ),
    "a class inside check": (
        "def f(n): return n.v + 1",
        {
            "prompt": "",
            "entry_point": "f",
            "test": (
                "def check(candidate):\n    class N:\n"
                "        def __init__(self, v): self.v = v\n"
                "    assert candidate(N(3)) == 4\n"
            ),
        },
    ),
    "a type that is passed back": (
        "def f(x): return x",
        {"test_list": ["y = f(3)\nassert f(type(y)) is int"]},
    ),
    "numpy without import": (
        "def f(x): return [v/3 for v in x]",
        {"test_list": ["assert np.allclose(f([1,2]), [0.3333333333, 0.6666666667])"]},
    ),
    "a Counter without import": (
        "def f(x): return list(x)",
        {"test_list": ["assert Counter(f('aab')) == Counter('aba')"]},
    ),
    "a closure": ("def f(n): return lambda x: x+n", {"test_list": ["assert f(2)(3) == 5"]}),
    "names of typing": (
        "class Solution:\n    def f(self, xs: List[int]) -> Optional[int]:\n        return max(xs)",
        {"test_list": ["assert Solution().f([1,2]) == 2"]},
    ),
    "names of typing that the prompt does not import": (
        "class Solution:\n    def f(self, xs: List[int]) -> int:\n        return max(xs)",
        {
            "prompt": "class Solution:\n    def f(self, xs: List[int]) -> int:\n",
            "entry_point": "Solution().f",
            "test": "def check(candidate):\n    assert candidate([1, 2]) == 2\n",
        },
    ),
    "names of typing behind a future import": (
        (
            "from __future__ import annotations\nclass Solution:\n"
            "    def f(self, xs: List[int]) -> Optional[int]:\n"
            "        d: Dict[int,int] = {}\n        return max(xs)"
        ),
        {"test_list": ["assert Solution().f([1,2]) == 2"]},
    ),
    "arrays": (
        "import numpy as np\ndef f(a): return a * 2",
        {
            "test_list": [
                "import numpy as np\nassert np.array_equal(f(np.array([1,2])), np.array([2,4]))",
                "assert (f(np.array([[1.5]])) == np.array([[3.0]])).all()",
                "assert f(np.zeros((2,3))).shape == (2,3)",
            ]
        },
    ),
    "a number of numpy's": (
        "def f(a): return type(a).__name__",
        {"test_list": ["import numpy as np\nassert f(np.float32(1)) == 'float32'"]},
    ),
    "functions of the tests as arguments": (
        "def f(g, x): return g(x)",
        {
            "test_list": [
                "def sq(x): return x*x",
                "assert f(sq, 3) == 9",
                "key = lambda x: -x\nassert f(key, 3) == -3",
                "assert f(math.sqrt, 4) == 2",
                "import re\np = re.compile('a')\nassert f(p.match, 'b') is None",
                "assert f(sum, (i for i in [1,2])) == 3",
            ]
        },
    ),
    "iterators as arguments": (
        "def f(g): return sum(g)",
        {
            "test_list": [
                "assert f(x for x in [1,2]) == 3",
                "g = iter([4,5])\nassert f(g) == 9",
                "assert f(map(int, ['1'])) == 1",
            ]
        },
    ),
    "an instance of a helper's as an argument": (
        "def f(x): return x.v",
        {
            "test_list": [
                "class Odd(dict):\n    v = 3\ndef make():\n    return Odd()",
                "assert f(make()) == 3",
                "odd = make()\nassert f(odd) == 3",
            ]
        },
    ),
    "a clock that goes on": (
        (
            "import time\nclass Watch:\n    def __init__(self): self.at = time.time()\n"
            "    passed = property(lambda self: time.time() - self.at)"
        ),
        {
            "text": "Write a class Watch.",
            "test_list": ["w = Watch()\nassert w.passed >= 0\nassert w.passed < 60"],
        },
    ),
    "a file as an argument": (
        "def f(g): return g.read()",
        {"test_list": ["import io\nassert f(io.StringIO('ab')) == 'ab'"]},
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_are_paid_for(verifier, name):
    verdict = graded(verifier, *RIGHT[name])
    assert (verdict.reward, verdict.reason) == (1.0, "")
