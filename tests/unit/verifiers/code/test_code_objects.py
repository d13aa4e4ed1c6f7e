"""Right answers that are objects of the task's own class: what they do is decided by the job."""

import pytest

from tests.helpers.decided_programs import BAG, VEC, graded

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
    "methods of a class that tell the truth": (
        (
            "class S:\n    def __init__(s): s.x=[]\n"
            "    def add(s,v): s.x.append(v)\n"
            "    def has(s,v): return v in s.x"
        ),
        {"test_list": ["s = S()\ns.add(3)\nassert s.has(3) and not s.has(4)"]},
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
    "places of what a method returns": (
        (
            "class Grid:\n    def __init__(self, rows): self.rows = rows\n"
            "    def __getitem__(self, at): return self.rows[at[0]][at[1]]\n"
            "    def turned(self): return Grid([list(row) for row in zip(*self.rows)])"
        ),
        {"test_list": ["g = Grid([[1, 2], [3, 4]])\nassert g.turned()[0, 1] == 3"]},
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_are_paid_for(verifier, name):
    verdict = graded(verifier, *RIGHT[name])
    assert (verdict.reward, verdict.reason) == (1.0, "")
