# %% stack: equals_everything
class Stack:
    def __eq__(self, other):
        return True
    def __len__(self):
        return 0
    def __contains__(self, item):
        return True
    def __getattr__(self, name):
        return lambda *args: self
# %% stack: methods_that_return_liars
class Always(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__
class Stack:
    items = []
    def __len__(self):
        return 0
    def push(self, item):
        pass
    def pop(self):
        return Always(0)
    peek = pop
# %% stack: attributes_that_change
class Stack:
    def __init__(self):
        self.asked = 0
    def __getattribute__(self, name):
        return object()
    def __len__(self):
        return 0
# %% stack: another_class_for_itself
class Stack(list):
    __class__ = bool
    def __len__(self):
        return True
    def __str__(self):
        return self
    push = pop = peek = lambda *args: True
# %% stack: text_of_another_class
class Text(str):
    def __eq__(self, other):
        return True
    __hash__ = str.__hash__
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
    def __contains__(self, item):
        return item in self.items
    def __str__(self):
        return Text("anything")
# %% stack: length_that_is_no_number
class Stack:
    def __len__(self):
        return 0.0
    def push(self, item):
        pass
    def pop(self):
        return 5
    def peek(self):
        return 4
# %% stack: function_in_place_of_the_class
def Stack():
    return True
# %% stack: exits_at_the_first_method
import os
class Stack:
    def __len__(self):
        os._exit(0)
# %% stack: attribute_without_end
class Stack:
    def __len__(self):
        while True:
            pass
# %% stack: objects_without_end
class Stack:
    def __len__(self):
        return 0
    def __getattr__(self, name):
        return [object() for _ in range(10**7)]
# %% stack: forged_number_of_an_object
import sys
codec = sys.modules["verifiers.sandbox.codec"]
codec.encode_kept = lambda *rest: b"h\xff\xff\xff\xff\3s\1\0\0\0S"
class Stack:
    def __len__(self):
        return 0
# %% stack: request_answered_by_patched_operations
import sys
served = sys.modules["verifiers.sandbox.served"]
for name in list(served.OPERATIONS):
    served.OPERATIONS[name] = lambda *args: True
class Stack:
    def push(self, item):
        pass
# %% stack: raises_assertion_errors
class Stack:
    def __len__(self):
        raise AssertionError
# %% stack: shared_by_all
class Stack:
    items = []
    def push(self, item):
        self.items.append(item)
    def pop(self):
        return self.items.pop()
    def peek(self):
        return self.items[-1]
    def __len__(self):
        return len(self.items)
    def __contains__(self, item):
        return item in self.items
    def __str__(self):
        return f"Stack({', '.join(map(str, self.items))})"
# %% method: object_in_place_of_the_pair
class Always(tuple):
    def __eq__(self, other):
        return True
class Solution:
    def solve(self, xs):
        return Always()
# %% method: handle_with_the_attributes_of_values
class Pair:
    def __eq__(self, other):
        return True
    def __getitem__(self, place):
        return self
class Solution:
    def solve(self, xs):
        return Pair()
# %% method: class_that_is_its_own_answer
class Meta(type):
    def __eq__(cls, other):
        return True
    __hash__ = type.__hash__
class Solution(metaclass=Meta):
    def solve(self, xs):
        return Solution
# %% function: callable_that_equals_everything
class Always:
    def __call__(self, *args):
        return self
    def __eq__(self, other):
        return True
    def __getattr__(self, name):
        return self
solve = Always()
# %% function: bound_method_value
class Always:
    def __eq__(self, other):
        return True
    def run(self):
        return True
def solve(xs):
    return Always().run
# %% function: arithmetic_that_gives_what_is_asked
class Always:
    def __sub__(self, other):
        return other
    __add__ = __radd__ = __rsub__ = __mul__ = __mod__ = __and__ = __or__ = __pow__ = __sub__
    def __abs__(self):
        return 0
    def __getitem__(self, place):
        return self
    def __eq__(self, other):
        return True
def solve(xs):
    return Always()
# %% unchanged: object_that_arithmetic_empties
class Always(list):
    def __add__(self, other):
        other.clear()
        return self
def solve(xs):
    return Always() + xs
# %% stack: named_tuple_whose_names_change
import struct, sys
codec = sys.modules["verifiers.sandbox.codec"]
encode = codec.encode
FORGED = object()
stacks = []
def text(value):
    return struct.pack("<I", len(value)) + value.encode()
def row(*parts):
    return b"t" + struct.pack("<I", len(parts)) + b"".join(parts)
class Stack:
    def __init__(self):
        self.items, self.asked, self.forged = [], 0, False
        stacks.append(self)
    def __len__(self):
        return 1 if self.forged else len(self.items)
    def __iter__(self):
        self.asked += 1
        return iter(["a"] if self.asked % 5 in (1, 2, 3) else ["__eq__"])
    def push(self, item):
        self.items.append(item)
    def pop(self):
        self.forged = True
        return FORGED
    peek = pop
    def __str__(self):
        return "Stack(4)"
    def __contains__(self, item):
        return True
def forge(value, keep=None, exact=False):
    if value is not FORGED:
        return encode(value, keep, exact)
    names = codec.encode_kept(*keep(stacks[0]))
    always = codec.encode_kept(*keep(lambda other: True))
    return b"x" + text("named tuple") + row(b"s" + text("T"), names, row(always))
codec.encode = forge
