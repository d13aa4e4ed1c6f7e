"""Where the expressions of a task's tests are decided; the sandbox is a fake."""

import pytest

from rlsys.errors import VerifierError
from tests.helpers.fake_sandbox import FakeSandbox
from verifiers.base import Completion, verify_all
from verifiers.code.functions import FunctionVerifier
from verifiers.code.tests_plan import plan_of

BAG = """class Bag:
    def __init__(self, xs): self.xs = list(xs)
    def __len__(self): return len(self.xs)
    def __getitem__(self, i): return self.xs[i]
    def __contains__(self, x): return x in self.xs
    def __iter__(self): return iter(self.xs)
    def __str__(self): return f'Bag({self.xs})'
    def __repr__(self): return f'Bag{self.xs}'
    def __add__(self, o): return Bag(self.xs + o.xs)
    def __iadd__(self, o):
        self.xs += o.xs
        return self
    def __eq__(self, o): return self.xs == o.xs
    def __mul__(self, n): return Bag(self.xs * n)
    def __neg__(self): return Bag([-x for x in self.xs])
    def __float__(self): return float(len(self.xs))
    def __bool__(self): return bool(self.xs)
"""
VEC = """class Vec:
    def __init__(self, x, y): self.x, self.y = x, y
    def __add__(self, o): return Vec(self.x+o.x, self.y+o.y)
    def __sub__(self, o): return Vec(self.x-o.x, self.y-o.y)
    def __mul__(self, o):
        if isinstance(o, Vec): return self.x*o.x + self.y*o.y
        return Vec(self.x*o, self.y*o)
    __rmul__ = __mul__
    def __abs__(self): return (self.x**2+self.y**2)**.5
    def __str__(self): return f'Vec({self.x}, {self.y})'
"""
LIAR = """class Liar:
    def __eq__(s,o): return True
    def __sub__(s,o): return 0
    __add__=__mul__=__rsub__=__sub__
    def __contains__(s,o): return True
    def __len__(s): return 3
    def __getitem__(s,i): return i
    def __getattr__(s,n): return lambda *a: True
    def __float__(s): return 3.5
    def __abs__(s): return 0
    def __str__(s): return '3'
"""
REVERSE = """class Solution:
    def rev(self, head: Optional[ListNode]) -> Optional[ListNode]:
        prev = None
        while head:
            head.next, prev, head = prev, head, head.next
        return prev
"""
HELPERS = """class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next

def build(xs):
    head = None
    for x in reversed(xs): head = ListNode(x, head)
    return head
def out(n):
    r = []
    while n:
        r.append(n.val); n = n.next
    return r
def same(p, q):
    if p is None and q is None: return True
    if not p or not q: return False
    return p.val == q.val and same(p.next, q.next)
"""


@pytest.fixture(scope="module")
def verifier():
    made = FunctionVerifier(FakeSandbox())
    yield made
    made.close()


def graded(verifier, code, info):
    completion = Completion(info.get("prompt", ""), f"```python\n{code}\n```", None, info)
    return verify_all(verifier, [completion])[0]


RIGHT = {
    "an object's length": (
        BAG,
        {"text": "Write a class Bag.", "test_list": ["assert len(Bag([1,2])) == 2"]},
    ),
    "an object's text": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": [
                (
                    "b = Bag([1])\n"
                    "assert str(b) == 'Bag([1])' and repr(b) == 'Bag[1]' and f'{b}' == 'Bag([1])'"
                )
            ],
        },
    ),
    "items and slices of an object": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": [
                "b = Bag([1,2,3])",
                "assert b[0] == 1",
                "assert b[-1] == 3 and b[1:] == [2,3]",
            ],
        },
    ),
    "iteration": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": [
                "b = Bag([1,2,3])",
                "assert list(b) == [1,2,3]",
                "assert sum(b) == 6 and [x for x in b] == [1,2,3]",
                "a,*r = b\nassert r == [2,3]",
            ],
        },
    ),
    "in, where the task says class": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": ["b = Bag([1,2,3])", "assert 2 in b and 7 not in b"],
        },
    ),
    "the length of a sum": (
        BAG,
        {"text": "Write a class Bag.", "test_list": ["assert len(Bag([1]) + Bag([2])) == 2"]},
    ),
    "sums of variables": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": [
                (
                    "a, b = Bag([1]), Bag([2])\nc = a + b\n"
                    "assert len(c) == 2 and list(c) == [1,2]\n"
                    "assert str(a + b) == 'Bag([1, 2])'"
                )
            ],
        },
    ),
    "a chain of operators": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": [
                (
                    "a = Bag([1])\nb = Bag([2])\n"
                    "assert len(a + b + a) == 3 and len((a + b) * 2) == 4 and (-a)[0] == -1"
                )
            ],
        },
    ),
    "a sum in place": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": [
                "a = Bag([1])\nkeep = a\na += Bag([2])\nassert len(a) == 2 and len(keep) == 2"
            ],
        },
    ),
    "an object as a number": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": ["assert float(Bag([1])) == 1.0 and len(Bag([])) == 0"],
        },
    ),
    "truth of an object": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": ["b = Bag([])\nassert not b\nassert len(b) == 0"],
        },
    ),
    "vectors": (
        VEC,
        {
            "test_list": [
                (
                    "u = Vec(1,2)\nv = Vec(3,4)\nassert str(u + v) == 'Vec(4, 6)'\n"
                    "assert u * v == 11\nassert abs(v) == 5.0\n"
                    "assert abs(u*v - 11.0) < 1e-9\nassert (2 * u).x == 2\n"
                    "assert abs(v - u) > 2.8"
                )
            ]
        },
    ),
    "text of what a function returns": (
        BAG + "def make(x): return Bag(x)",
        {"test_list": ["assert str(make([1])) == 'Bag([1])'"]},
    ),
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
    "results that the task's own class compares": (
        "def f(a):\n    return P(a, a)",
        {
            "test_list": [
                "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int",
                "assert f(3) == P(3, 3)",
                "assert f(P(1,2)).x == P(1,2)",
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
    "methods of a class that tell the truth": (
        (
            "class S:\n    def __init__(s): s.x=[]\n"
            "    def add(s,v): s.x.append(v)\n"
            "    def has(s,v): return v in s.x"
        ),
        {"test_list": ["s = S()\ns.add(3)\nassert s.has(3) and not s.has(4)"]},
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
    "what a method returns, measured and indexed": (
        BAG + "    def flip(self): return Bag(self.xs[::-1])",
        {
            "test_list": [
                "b = Bag([1, 2])\nassert b.flip()[0] == 2 and len(b.flip()) == 2",
                "c = Bag([1, 2]).flip()\nassert list(c) == [2, 1] and c[:1] == [2] and 1 in c",
                "assert str(Bag([1]).flip() + Bag([2])) == 'Bag([1, 2])'",
                "assert len(Bag([1]) + Bag([2]).flip()) == 2 and float(Bag([1]).flip()) == 1.0",
            ]
        },
    ),
    "what a function makes, measured and indexed": (
        BAG + "def make(xs): return Bag(xs)\ndef put(b, x): b.xs.append(x)",
        {
            "test_list": [
                "assert len(make([1, 2])) == 2 and make([3])[0] == 3 and [*make([1])] == [1]",
                "b = make([1])\nassert len(b) == 1\nput(b, 2)\nassert len(b) == 2 and 2 in b",
            ]
        },
    ),
    "a mapping that a function makes": (
        (
            "class Table:\n    def __init__(self, d): self.d = d\n"
            "    def keys(self): return self.d.keys()\n"
            "    def __iter__(self): return iter(self.d)\n"
            "    def __getitem__(self, k): return self.d[k]\n"
            "def f(d): return Table(d)"
        ),
        {"test_list": ["t = f({'a': 1})\nassert t['a'] == 1 and 'a' in t and list(t) == ['a']"]},
    ),
    "an object's attribute with the name of a method of texts": (
        "class Book:\n    def __init__(self, t): self.title = t\ndef f(t): return Book(t)",
        {"test_list": ["assert f('x').title == 'x'"]},
    ),
    "an object whose length a sleep changes": (
        (
            "import time\nclass Cache:\n    def __init__(self): self.born = time.time()\n"
            "    def __len__(self): return int(time.time() < self.born + 0.05)"
        ),
        {
            "text": "Write a class Cache.",
            "test_list": [
                "import time\nc = Cache()\nassert len(c) == 1\ntime.sleep(0.06)\nassert len(c) == 0"
            ],
        },
    ),
    "objects in a loop, sorted by a key": (
        BAG,
        {
            "text": "Write a class Bag.",
            "test_list": [
                "bags = [Bag([2, 1]), Bag([1])]",
                "assert [len(b) for b in sorted(bags, key=len)] == [1, 2]",
                "for b in bags:\n    assert b.xs[-1] == 1",
            ],
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
    "places of what a method returns": (
        (
            "class Grid:\n    def __init__(self, rows): self.rows = rows\n"
            "    def __getitem__(self, at): return self.rows[at[0]][at[1]]\n"
            "    def turned(self): return Grid([list(row) for row in zip(*self.rows)])"
        ),
        {"test_list": ["g = Grid([[1, 2], [3, 4]])\nassert g.turned()[0, 1] == 3"]},
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
