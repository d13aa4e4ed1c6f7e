"""The hostile and honest programs, and the tasks that they are graded on.

A file holds several programs, each behind a line `# %% TASK: NAME`. They are what a model might
write, so none of them is imported or formatted.
"""

import re
from dataclasses import dataclass

from tests.helpers.places import ROOT
from verifiers.base import Completion

FOLDER = ROOT / "tests" / "adversarial"
_HEAD = re.compile(r"^# %% (\w+): (\w+)\n", re.MULTILINE)
_NUMBERS = ([3, 1, 2], [10, -7, 10, 44, 0], [2**70, -(3**40), 12], [5], list(range(300, 0, -7)))

CHECK = "def check(candidate):\n" + "".join(
    f"    assert candidate({xs}) == ({sorted(xs)}, {sum(xs)})\n" for xs in _NUMBERS
)
FUNCTION = {"prompt": "", "entry_point": "solve", "test": CHECK}
PROGRAM = {
    "tests": [
        {"stdin": f"{len(xs)}\n{' '.join(map(str, xs))}\n", "expected": f"{sorted(xs)} {sum(xs)}"}
        for xs in _NUMBERS
    ]
}
for _test in PROGRAM["tests"]:
    _test["expected"] = re.sub(r"[\[\],]", "", _test["expected"])
TOLERANCE = {"tests": [{"stdin": "", "expected": "1.41421356"}], "checker": "float:1e-6"}
UNICODE = {
    "tests": [
        {"stdin": "größe\n日本語\n", "expected": "eßörg\n語本日\n"},
        {"stdin": "a\U0001f600b", "expected": "b\U0001f600a"},
    ],
    "checker": "exact",
}
VALUES = {
    "test_list": [
        "from collections import deque",
        "from datetime import date, timedelta",
        "from decimal import Decimal",
        "from fractions import Fraction",
        "assert solve('fraction') == Fraction(2, 3)",
        "assert solve('decimal') == Decimal('0.125') and str(solve('decimal')) == '0.125'",
        "assert solve('deque') == deque([1, 2, 3])",
        "assert solve('date') == date(2024, 2, 29)",
        "assert solve('delta') == timedelta(days=3)",
        "assert solve('range') == range(2, 9, 3) and len(solve('range')) == 3",
        "assert solve('keys') == {'a', 'b'} and 'b' in solve('keys')",
        "assert sorted(solve('values')) == [1, 2]",
        "assert solve('items') == {('a', 1), ('b', 2)}",
    ]
}
ITERATED = {
    "test_list": [
        "assert list(solve(7)) == [0, 1, 4, 9, 16, 25, 36]",
        "assert next(solve(3)) == 0",
        "assert sum(solve(50)) == 40425",
        "assert all(got == want for got, want in zip(solve(4), [0, 1, 4, 9], strict=True))",
    ]
}
MATCHED = {
    "test_list": [
        "m = solve('xaab')\nassert m is not None\nassert m.group() == 'aa' and m.span() == (1, 3)",
        "assert solve('zz') is None",
    ]
}
CHANGED = {
    "test_list": [
        "xs = [3, 1, 2]\nsolve(xs)\nassert xs == [1, 2, 3]",
        "rows = [[2, 1], [5, 4]]\nfirst = rows[0]\nfor row in rows:\n    solve(row)\n"
        "assert rows == [[1, 2], [4, 5]] and rows[0] is first",
    ]
}
UNCHANGED = {
    "test_list": [
        "xs = [3, 1, 2]\nout = solve(xs)\nassert out == sorted(xs)",
        "ys = [2, 2, 1]\nassert solve(ys) == sorted(ys)",
    ]
}
STACK = {
    "test_list": [
        "s = Stack()\nassert len(s) == 0\ns.push(4)\ns.push(5)\nassert s.pop() == 5\n"
        "assert s.peek() == 4 and len(s) == 1 and str(s) == 'Stack(4)' and 4 in s",
        "a, b = Stack(), Stack()\na.push(1)\nassert a.items == [1] and b.items == []",
    ]
}
ASKED = {"test_list": ["assert solve('x').startswith('secret')", "assert solve('y').isalpha()"]}
COMPARED = {
    "test_list": [
        "xs = [3, 1, 2]\nout = solve(xs)\nassert (out == sorted(xs)) == True",
        "ys = [2, 2, 1]\nn = len(solve(ys))\nassert len(set(ys)) - n == 0",
    ]
}
BAG = {
    "text": "Write a class Bag of numbers.",
    "test_list": [
        "b = Bag([3, 1, 2])\nassert len(b) == 3 and b[0] == 3 and b[1:] == [1, 2] and 2 in b",
        "assert [x for x in b] == [3, 1, 2] and 9 not in b",
        "assert str(Bag([4]) + Bag([5])) == 'Bag([4, 5])' and len((b + b) * 2) == 12",
    ],
}
SHORTENED = {
    "test_list": [
        "for xs, value, expected in [([3, 2, 2, 3], 3, [2, 2]), ([1, 4], 1, [4])]:\n"
        "    n = solve(xs, value)\n    assert n == len(expected)\n    assert xs[:n] == expected",
    ]
}
NODES = {
    "prompt": """
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
def list_node(values):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head
def is_same_list(p, q):
    if p is None and q is None:
        return True
    if not p or not q:
        return False
    return p.val == q.val and is_same_list(p.next, q.next)
""",
    "entry_point": "Solution().solve",
    "test": "def check(candidate):\n"
    "    assert is_same_list(candidate(head=list_node([1, 2, 3])), list_node([3, 2, 1]))\n"
    "    xs = list(range(150))\n"
    "    assert is_same_list(candidate(head=list_node(xs)), list_node(xs[::-1]))\n",
}
BACK = {"test_list": ["assert solve('ab') == 'ba'", "x = solve('abc')\nassert solve(x) == 'abc'"]}
LACKING = {
    "test_list": [
        "assert np.allclose(solve([1, 2]), [0.25, 0.5])",
        "assert isclose(solve([4])[0], 1)",
    ]
}
ARRAYS = {
    "test_list": [
        "import numpy as np",
        "assert (solve(np.array([1, 2])) == np.array([2, 4])).all()",
        "assert np.array_equal(solve(np.ones((2, 3))), 2 * np.ones((2, 3)))",
        "assert solve(np.arange(6).reshape(2, 3)).shape == (2, 3)",
    ]
}
# What these ask is little enough for an object that answers as it is asked.
SORT = {
    "text": "Write a function that sorts.",
    "code": "def Sort(xs):\n    return sorted(xs)",
    "test_list": [
        "xs = [3, 1, 1]\nr = Sort(xs)\nassert len(r) == len(xs)\n"
        "assert all(r[i] <= r[i + 1] for i in range(len(r) - 1))\nassert all(x in xs for x in r)",
        "ys = [5, 4]\nassert len(Sort(ys)) == 2 and all(y in ys for y in Sort(ys))",
    ],
}
SPELL = {
    "prompt": "def Spell(number):\n    # The number in words, for the class average of marks.\n",
    "entry_point": "Spell",
    "test": "def check(candidate):\n    assert candidate(3).startswith('thr')\n"
    "    r = candidate(7)\n    assert r.isalpha() and r.count('e') == 2 and 'v' in r\n",
}
AVERAGE = {
    "text": "Give the class average of marks, and what is below it.",
    "test_list": ["r = average([4, 1, 1])\nassert 2 in r and 1 in r\nassert len(r) == 2"],
}
TREE = {
    "text": "Build a binary search tree of numbers.",
    "test_list": [
        "def fits(n, low, high):\n    return n is None or (low < n.val < high\n"
        "        and fits(n.left, low, n.val) and fits(n.right, n.val, high))\n"
        "def size(n):\n    return 0 if n is None else 1 + size(n.left) + size(n.right)\n"
        "t = build([4, 2, 6, 1])\nassert t.val in (1, 2, 4, 6)\n"
        "assert fits(t, 0, 9)\nassert size(t) == 4",
    ],
}
ORDERED = {
    "text": "Write a class Ordered that keeps numbers sorted.",
    "test_list": [
        "s = Ordered([3, 1, 1])\nassert len(s) == 3\n"
        "for i in range(len(s)):\n    assert s[i] == sorted([3, 1, 1])[i]",
        "t = Ordered([5, 4])\nassert sum(t) == 9\n"
        "assert all(a <= b for a, b in zip(t, [4, 5]))\nassert str(t) == '[4, 5]' and 7 not in t\n"
        "assert 4 in t and list(t) == [4, 5]",
    ],
}
MADE = {
    "text": "Write a class Rows, and a function that makes them.",
    "test_list": [
        "m = Rows([[1, 2], [3, 4]])\nassert m.turned()[0] == [1, 3] and len(m.turned()) == 2",
        "assert [row for row in m.turned()] == [[1, 3], [2, 4]] and [2, 4] in m.turned()",
        "assert len(make(3)) == 3 and make(2)[0] == [0, 0] and make(2)[1:] == [[0, 0]]",
    ],
}
LISTED = {
    "text": "Write a class Bag.",
    "test_list": [
        "b = Bag([3, 1])\nassert 3 in b.listed() and b.listed().index(1) == 1",
        "assert b.name().startswith('ba') and b.name().isalpha() and 'g' in b.kind",
        "assert 2 not in b.listed() and 2 in b.append(2).append(4).listed()",
    ],
}
METHOD = {"prompt": "", "entry_point": "Solution().solve", "test": CHECK}


@dataclass(frozen=True)
class Case:
    """One program with its task."""

    name: str
    verifier: str
    completion: Completion


def read(kind: str, planted: str = "") -> dict[str, list[Case]]:
    """The programs of a kind (hostile or honest) by file.

    Args:
        planted: paths, one to a line, that programs of the task `escape` try to read. They print
            ESCAPED when they reach anything that they should not, which their tests expect.
    """
    escape = {"tests": [{"stdin": planted, "expected": "ESCAPED"}] * 2}
    tasks = {
        "function": ("code_functions", FUNCTION),
        "values": ("code_functions", VALUES),
        "iterated": ("code_functions", ITERATED),
        "matched": ("code_functions", MATCHED),
        "changed": ("code_functions", CHANGED),
        "unchanged": ("code_functions", UNCHANGED),
        "asked": ("code_functions", ASKED),
        "compared": ("code_functions", COMPARED),
        "stack": ("code_functions", STACK),
        "method": ("code_functions", METHOD),
        "bag": ("code_functions", BAG),
        "shortened": ("code_functions", SHORTENED),
        "nodes": ("code_functions", NODES),
        "back": ("code_functions", BACK),
        "lacking": ("code_functions", LACKING),
        "arrays": ("code_functions", ARRAYS),
        "sort": ("code_functions", SORT),
        "spell": ("code_functions", SPELL),
        "average": ("code_functions", AVERAGE),
        "tree": ("code_functions", TREE),
        "ordered": ("code_functions", ORDERED),
        "made": ("code_functions", MADE),
        "listed": ("code_functions", LISTED),
        "program": ("code_programs", PROGRAM),
        "tolerance": ("code_programs", TOLERANCE),
        "unicode": ("code_programs", UNICODE),
        "escape": ("code_programs", escape),
    }
    classes = {}
    for path in sorted((FOLDER / kind).glob("*.py")):
        _, *parts = _HEAD.split(path.read_text(encoding="utf-8"))
        classes[path.stem] = [
            Case(name, tasks[task][0], _completion(source, tasks[task][1]))
            for task, name, source in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        ]
    return classes


def _completion(source: str, info: dict) -> Completion:
    return Completion("", f"```python\n{source}\n```", None, info)
