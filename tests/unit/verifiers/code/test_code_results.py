"""What of a function's results, objects and changes its tests see; the sandbox is a fake."""

import pytest

from tests.helpers.fake_sandbox import FakeSandbox
from verifiers.base import Completion, Status, verify_all
from verifiers.code.functions import FunctionVerifier

ALWAYS = "class A:\n    def __eq__(self, other): return True\n"


@pytest.fixture(scope="module")
def verifier():
    made = FunctionVerifier(FakeSandbox())
    yield made
    made.close()


@pytest.fixture
def graded(verifier):
    def grade(code, *tests, **info):
        info = info or {"test_list": list(tests)}
        text = f"```python\n{code}\n```"
        return verify_all(verifier, [Completion("", text, None, info)])[0]

    return grade


RIGHT = {
    "generator": (
        "def f(n): yield from range(n)",
        "g = f(3)\nassert next(g) == 0 and [*g] == [1, 2]",
    ),
    "generator without end": (
        "import itertools\ndef f(): return itertools.count()",
        "import itertools\nassert list(itertools.islice(f(), 5)) == [0, 1, 2, 3, 4]",
    ),
    "generator that hangs where nobody asks": (
        "def f():\n    yield 1\n    while True: pass",
        "assert next(f()) == 1",
    ),
    "generator that raises": (
        "def f():\n    yield 1\n    raise ValueError('x')",
        "g = f()\nassert next(g) == 1\ntry:\n    next(g)\nexcept ValueError: g = 3\nassert g == 3",
    ),
    "map and zip": (
        "def f(a, b): return map(str, a), zip(a, b)",
        "m, z = f([1, 2], 'ab')\nassert ' '.join(m) == '1 2' and dict(z) == {1: 'a', 2: 'b'}",
    ),
    "range": (
        "def f(n): return range(n)",
        "assert f(3) == range(3) and f(3)[1] == 1 and 2 in f(3)",
    ),
    "deque": (
        "from collections import deque\ndef f(x): return deque(x, maxlen=2)",
        "from collections import deque\nassert f([1, 2, 3]) == deque([2, 3]) and f([]).maxlen == 2",
    ),
    "views": (
        "def f(d): return d.keys(), d.values(), d.items()",
        "k, v, i = f({'a': 1})\nassert k == {'a'} and list(v) == [1] and ('a', 1) in i",
    ),
    "fraction and decimal": (
        "from fractions import Fraction\nfrom decimal import Decimal\n"
        "def f(): return Fraction(2, 6), Decimal('1.10')",
        "a, b = f()\nassert a * 3 == 1 and a.denominator == 3 and str(b) == '1.10'",
    ),
    "dates": (
        "import datetime as d\ndef f(): return (d.datetime(2024, 1, 2, 3, tzinfo=d.timezone.utc),"
        " d.date(2024, 2, 29), d.time(1, 2), d.timedelta(days=2))",
        "import datetime\na, b, c, d = f()\nassert a.isoformat() == '2024-01-02T03:00:00+00:00'\n"
        "assert b == datetime.date(2024, 2, 29) and c.minute == 2 and d.days == 2",
    ),
    "match": (
        "import re\ndef f(s): return re.match('(?P<a>a+)(b)?', s)",
        "m = f('aac')\nassert m and m.group() == m['a'] == 'aa' and m.groups() == ('aa', None)\n"
        "assert m.span(1) == (0, 2) and m.groupdict() == {'a': 'aa'} and f('x') is None",
    ),
    "counters": (
        "from collections import *\ndef f(x):\n    d = defaultdict(list)\n    d[1] += [2]\n"
        "    return Counter(x), OrderedDict(a=1), d",
        "c, o, d = f('aab')\nassert c.most_common(1) == [('a', 2)] and c['z'] == 0\n"
        "assert o == {'a': 1} and d[1] == [2] and d[7] == []",
    ),
    "named tuples": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\n"
        "def f(n): return [P(i, -i) for i in range(n)]",
        "for p in f(2):\n    assert p.x == -p.y and p == (p.x, p.y)\n"
        "assert f(2) == [(0, 0), (1, -1)]\nassert str(f(1)[0]) == 'P(x=0, y=0)'",
    ),
    "array, bytes and types": (
        "import array\ndef f(n): return array.array('i', n), bytearray(n), type(n)",
        "a, b, t = f([1, 2])\nassert list(a) == [1, 2] and b == bytes([1, 2]) and t is list",
    ),
    "a giant integer": ("def f(n): return 10**n", "assert len(str(f(6000))) == 6001"),
    "arguments of those types": (
        "def f(xs): return sum(xs)",
        "from collections import deque\nassert f(deque([1, 2])) == f(range(3)) == 3",
    ),
    "an object's attributes": (
        "class Node:\n    def __init__(self, v, n): self.val, self.next = v, n\n"
        "def f(xs):\n    h = None\n    for x in xs: h = Node(x, h)\n    return h",
        "h = f([1, 2])\nassert h.val == 2 and h.next.val == 1 and h.next.next is None\n"
        "assert h.next is h.next and h != None",
    ),
    "an object as an argument": (
        "class Node:\n    def __init__(self, v): self.val = v\ndef f(n): return n.val\nmake = Node",
        "n = make(3)\nn.val = n.val + 1\nassert f(n) == 4",
    ),
    "a function that is returned": (
        "def f(n):\n    def add(x): return x + n\n    return add",
        "assert f(2)(3) == 5",
    ),
    "a class": (
        "class Bag:\n    def __init__(self): self.items = []\n"
        "    def add(self, x): self.items.append(x)\n"
        "    def __len__(self): return len(self.items)\n"
        "    def __str__(self): return f'Bag{self.items}'\n"
        "    def __getitem__(self, i): return self.items[i]",
        "b = Bag()\nb.add(4)\nb.add(5)\nassert len(b) == 2 and str(b) == 'Bag[4, 5]'\n"
        "assert b[1] == 5 and list(b) == b.items == [4, 5] and 5 in b and f'{b}' == 'Bag[4, 5]'",
    ),
    "operators of a class": (
        "class Vec:\n    def __init__(self, x): self.x = x\n"
        "    def __add__(self, o): return Vec(self.x + o.x)\n"
        "    def __rmul__(self, n): return Vec(n * self.x)\n"
        "    def __neg__(self): return Vec(-self.x)",
        "u = Vec(5)\nw = u + Vec(3)\nassert w.x == 8 and (2 * u).x == 10\nassert (-u).x == -5",
    ),
    "a class method": (
        "class Temp:\n    def __init__(self, c): self.c = c\n    @classmethod\n"
        "    def of(cls, f): return cls((f - 32) / 1.8)",
        "assert abs(Temp.of(212).c - 100) < 1e-9",
    ),
    "a changed list": ("def f(xs): xs.sort()", "xs = [3, 1]\nf(xs)\nassert xs == [1, 3]"),
    "a changed list, as None": (
        "def f(xs): xs.sort()",
        "xs = [3, 1]\nassert f(xs) is None\nassert xs == [1, 3]",
    ),
    "a changed list and a result": (
        "def f(xs):\n    xs[:] = [x for x in xs if x]\n    return len(xs)",
        "xs = [0, 3, 1]\nn = f(xs)\nassert n == 2\nassert xs[:n] == [3, 1]",
    ),
    "changed dicts and sets": (
        "def f(d, s, *, q):\n    d['k'] = [1]\n    s.discard(1)\n    q.append(3)",
        "from collections import deque\nd, s, q = {}, {1, 2}, deque()\nf(d, s, q=q)\n"
        "assert (d, s, q) == ({'k': [1]}, {2}, deque([3]))",
    ),
    "changed lists inside": (
        "def f(g):\n    g[0][0] = 7\n    g.append(g[0])",
        "g = [[0, 0]] * 2\nrow = g[0]\nf(g)\nassert g == [[7, 0]] * 3 and all(r is row for r in g)",
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_are_paid_for(graded, name):
    verdict = graded(*RIGHT[name])
    assert (verdict.reward, verdict.reason) == (1.0, "")


NOT_PAID = {
    "a generator is no list": ("def f(n): yield from range(n)", "assert f(2) == [0, 1]", "wrong"),
    "a range is no list": ("def f(n): return range(n)", "assert f(2) == [0, 1]", "wrong"),
    "no end": ("import itertools\nf = itertools.count", "assert list(f(0)) == []", "rejected"),
    "a lie about equality": (ALWAYS + "def f(): return A()", "assert f() == 3", "rejected"),
    "a lie inside": (ALWAYS + "def f(): return [A()]", "assert f() == [3]", "rejected"),
    "a lie about a text": (
        "class A:\n    def startswith(self, x): return True\ndef f(): return A()",
        "assert f().startswith('q')",
        "rejected",
    ),
    "a lie about items": (
        "class A:\n    def __contains__(self, x): return True\ndef f(): return A()",
        "assert 3 in f()",
        "rejected",
    ),
    "a lie about differences": (
        "class A:\n    def __sub__(self, x): return 0\ndef f(): return A()",
        "assert abs(f() - 1.5) < 1e-6",
        "rejected",
    ),
    "a lie about a sum": (
        "class A:\n    def __radd__(self, x): return 6\ndef f(): return A()",
        "assert sum([f()]) == 6",
        "rejected",
    ),
    "a lie that the tests catch": (
        ALWAYS + "def f(): return A()",
        "try:\n    f() == 3\nexcept BaseException:\n    pass",
        "rejected",
    ),
    "a name of a tuple's own": (
        "class P(tuple):\n    _fields = ('count',)\ndef f(): return P((1,))",
        "assert f().count == 1",
        "rejected",
    ),
    "both sides emptied": (
        "def f(xs):\n    xs.clear()\n    return []",
        "xs = [2, 1]\nout = f(xs)\nassert out == sorted(xs)",
        "wrong",
    ),
    "both sides emptied, in one line": (
        "def f(xs):\n    xs.clear()\n    return 0",
        "xs = [2, 1]\nassert f(xs) == len(xs)\nassert xs[:2] == [2, 1]",
        "wrong",
    ),
    "both sides emptied, with a literal beside": (
        "def f(xs):\n    xs.clear()\n    return []",
        "xs = [2, 1]\nout = f(xs)\nassert xs[2:] == []\nassert out == sorted(xs)",
        "wrong",
    ),
}


@pytest.mark.parametrize("name", NOT_PAID)
def test_what_the_job_says_of_itself_earns_nothing(graded, name):
    *task, status = NOT_PAID[name]
    verdict = graded(*task)
    assert (verdict.reward, verdict.status) == (0.0, status), verdict


def test_a_method_of_a_solution_continues_its_prompt_or_brings_its_class(graded, verifier):
    prompt = "class Solution:\n    def top(self, xs):\n        "
    test = "def check(candidate):\n    assert candidate(xs=[3, 9]) == 9\n"
    row = {"prompt": prompt, "entry_point": "Solution().top", "test": test}
    whole = "class Solution:\n    def top(self, xs):\n        return max(xs)"
    assert graded(whole, **row).reward == 1.0
    assert graded(whole.replace("max", "min"), **row).status is Status.WRONG
    for body in ("return max(xs)", "        best = max(xs)\n        return best"):
        completion = Completion(prompt, body, None, row)
        assert verify_all(verifier, [completion])[0].reward == 1.0


def test_a_check_that_the_tests_make_passes_right_answers_and_fails_wrong_ones(graded):
    test = "def check(candidate):\n    assert candidate(3) == 6\n\ncheck(twice)\n"
    row = {"prompt": "def twice(x):\n", "entry_point": "twice", "test": test}
    assert graded("def twice(x): return 2 * x", **row).reward == 1.0
    assert graded("def twice(x): return 3 * x", **row).status is Status.WRONG


def test_tests_that_only_the_solution_could_decide_are_no_verdict(graded):
    verdict = graded("class P:\n    pass", "assert P() == P()")
    assert (verdict.reward, verdict.status) == (None, Status.INFRASTRUCTURE)
    assert "the solution's P" in verdict.reason
