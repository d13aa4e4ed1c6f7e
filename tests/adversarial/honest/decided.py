# %% bag: plain
class Bag:
    def __init__(self, items):
        self.items = list(items)
    def __len__(self):
        return len(self.items)
    def __getitem__(self, place):
        return self.items[place]
    def __contains__(self, item):
        return item in self.items
    def __str__(self):
        return f"Bag({self.items})"
    def __add__(self, other):
        return Bag(self.items + other.items)
    def __mul__(self, count):
        return Bag(self.items * count)
# %% bag: a_list
class Bag(list):
    def __str__(self):
        return f"Bag({list(self)})"
    def __add__(self, other):
        return Bag([*self, *other])
    def __mul__(self, count):
        return Bag([*self] * count)
# %% shortened: in_place
def solve(xs, value):
    n = 0
    for x in xs:
        if x != value:
            xs[n] = x
            n += 1
    return n
# %% shortened: by_removing
def solve(xs, value):
    while value in xs:
        xs.remove(value)
    return len(xs)
# %% nodes: names_of_typing_without_import
class Solution:
    def solve(self, head: Optional[ListNode]) -> Optional[ListNode]:
        before = None
        while head:
            head.next, before, head = before, head, head.next
        return before
# %% nodes: defines_the_class_again
from __future__ import annotations
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
class Solution:
    def solve(self, head: Optional[ListNode]) -> Optional[ListNode]:
        values: List[int] = []
        while head:
            values.append(head.val)
            head = head.next
        made = None
        for value in values:
            made = ListNode(value, made)
        return made
# %% back: plain
def solve(text):
    return text[::-1]
# %% lacking: plain
def solve(xs):
    return [x / 4 for x in xs]
# %% arrays: plain
import numpy
def solve(a):
    return numpy.add(a, a)
