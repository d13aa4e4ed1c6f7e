"""Programs of classes of their own, and the verdict on a program by a task's tests."""

from typing import Any

from verifiers.base import Completion, Verdict, verify_all
from verifiers.code.functions import FunctionVerifier

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


def graded(verifier: FunctionVerifier, code: str, info: dict[str, Any]) -> Verdict:
    completion = Completion(info.get("prompt", ""), f"```python\n{code}\n```", None, info)
    return verify_all(verifier, [completion])[0]
