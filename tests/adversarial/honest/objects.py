# %% stack: plain
class Stack:
    def __init__(self):
        self.items = []
    def push(self, item):
        self.items.append(item)
    def pop(self):
        return self.items.pop()
    def peek(self):
        return self.items[-1]
    def __len__(self):
        return len(self.items)
    def __str__(self):
        return f"Stack({', '.join(map(str, self.items))})"
    def __contains__(self, item):
        return item in self.items
# %% stack: a_list
class Stack(list):
    push = list.append
    def peek(self):
        return self[-1]
    def __str__(self):
        return f"Stack({', '.join(map(str, self))})"
    @property
    def items(self):
        return list(self)
# %% stack: a_dataclass
from dataclasses import dataclass, field
@dataclass
class Stack:
    items: list = field(default_factory=list)
    def push(self, item):
        self.items = [*self.items, item]
    def pop(self):
        *self.items, last = self.items
        return last
    def peek(self):
        return self.items[-1]
    def __len__(self):
        return len(self.items)
    def __str__(self):
        return f"Stack({', '.join(map(str, self.items))})"
    def __iter__(self):
        return iter(self.items)
# %% method: plain
class Solution:
    def solve(self, xs):
        return (sorted(xs), sum(xs))
# %% method: static_with_a_helper
class Solution:
    @staticmethod
    def solve(xs):
        return Solution.helper(xs), sum(xs)
    @classmethod
    def helper(cls, xs):
        return sorted(xs)
