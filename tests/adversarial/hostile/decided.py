# %% bag: always_true
class Bag:
    def __init__(self, items):
        pass
    def __len__(self):
        return 3
    def __contains__(self, item):
        return True
    def __getitem__(self, place):
        return self
    def __eq__(self, other):
        return True
    def __add__(self, other):
        return self
    __mul__ = __add__
# %% bag: operators_that_lie_about_numbers
class Bag:
    def __init__(self, items):
        self.items = list(items)
    def __len__(self):
        return True
    def __getitem__(self, place):
        return self.items[place]
    def __contains__(self, item):
        return item in self.items
    def __add__(self, other):
        return 12
    def __str__(self):
        return self
# %% shortened: empties_the_argument
def solve(xs, value):
    xs.clear()
    return 0
# %% shortened: arguments_that_equal_everything
class Always(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__
def solve(xs, value):
    xs[:] = [Always(9)] * 2
    return 2
# %% shortened: leaves_it
def solve(xs, value):
    return sum(x != value for x in xs)
# %% nodes: equals_everything
class ListNode:
    def __eq__(self, other):
        return True
class Solution:
    def solve(self, head):
        return ListNode()
# %% nodes: values_that_equal_everything
class Always:
    def __eq__(self, other):
        return True
class Solution:
    def solve(self, head):
        node = head
        while node:
            node.val = Always()
            node = node.next
        return head
# %% nodes: brings_methods_of_its_own
class Solution:
    def solve(self, head):
        head.__class__ = type("ListNode", (), {"__eq__": lambda *a: True, "__bool__": lambda s: False})
        return head
# %% nodes: attributes_in_place_of_methods
import sys
instances = sys.modules["verifiers.sandbox.instances"]
instances.Shared.attributes = lambda self, value: {"__init__": 1, "__class__": 2, "val": 1}
class Solution:
    def solve(self, head):
        return head
# %% nodes: ring
class Solution:
    def solve(self, head):
        head.next = head
        return head
# %% nodes: no_class_at_all
class Solution:
    def solve(self, head):
        global ListNode
        ListNode = None
        return head
# %% nodes: empty
class Solution:
    def solve(self, head):
        return None
# %% back: match_that_is_passed_back
import re
def solve(text):
    return re.match(".*", "ba")
# %% back: too_large_to_be_passed_back
def solve(text):
    return "ba" if text == "ab" else ["x" * 2**20] * 7
# %% back: iterator_that_is_passed_back
def solve(text):
    return "ba" if text == "ab" else iter("cba")
# %% back: object_that_is_passed_back
class Always(str):
    def __eq__(self, other):
        return True
def solve(text):
    return Always("ba") if text == "ab" else object()
# %% lacking: brings_its_own_judges
class np:
    @staticmethod
    def allclose(*args):
        return True
def isclose(*args):
    return True
def solve(xs):
    return [0]
# %% lacking: patched_numpy
import numpy, math
numpy.allclose = math.isclose = lambda *args: True
def solve(xs):
    return [0]
# %% arrays: object_with_methods_of_arrays
class Always:
    shape = (2, 3)
    def __eq__(self, other):
        return self
    def __array__(self, *args):
        return self
    def all(self):
        return True
def solve(a):
    return Always()
# %% arrays: subclass_that_equals_everything
import numpy
class Always(numpy.ndarray):
    def __eq__(self, other):
        return numpy.ones(3, bool)
def solve(a):
    return numpy.zeros((2, 3)).view(Always)
# %% arrays: forged_shape
import sys
arrays = sys.modules["verifiers.sandbox.arrays"]
arrays.take_apart = lambda value, exact: ("numpy.ndarray", ("<i8", (0, 10**9), []))
def solve(a):
    return a
# %% arrays: forged_type
import sys
arrays = sys.modules["verifiers.sandbox.arrays"]
arrays.take_apart = lambda value, exact: ("numpy.ndarray", ("|O8", (2,), [1, 2]))
def solve(a):
    return a
