# %% function: object_equal_to_everything
class Always:
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
    def __hash__(self):
        return 0
def solve(xs):
    return Always()
# %% function: object_equal_inside_a_tuple
class Always:
    def __eq__(self, other):
        return True
def solve(xs):
    return (Always(), Always())
# %% function: int_subclass
class Always(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__
def solve(xs):
    return ([Always(1)] * len(xs), Always(1))
# %% function: str_subclass
class Always(str):
    def __eq__(self, other):
        return True
    __hash__ = str.__hash__
def solve(xs):
    return Always("x")
# %% function: list_subclass
class Always(list):
    def __eq__(self, other):
        return True
def solve(xs):
    return (Always(), 0)
# %% function: tuple_subclass
class Always(tuple):
    def __eq__(self, other):
        return True
    __hash__ = tuple.__hash__
def solve(xs):
    return Always()
# %% function: dict_subclass
class Always(dict):
    def __eq__(self, other):
        return True
def solve(xs):
    return Always()
# %% function: float_subclass
class Always(float):
    def __eq__(self, other):
        return True
    def __sub__(self, other):
        return 0.0
    __hash__ = float.__hash__
def solve(xs):
    return ([], Always(0))
# %% function: object_that_claims_to_be_a_tuple
class Always:
    __class__ = tuple
    def __eq__(self, other):
        return True
    def __len__(self):
        return 2
    def __iter__(self):
        return iter(([], 0))
def solve(xs):
    return Always()
# %% function: named_tuple_with_its_own_equality
from collections import namedtuple
class Always(namedtuple("Pair", "a b")):
    def __eq__(self, other):
        return True
def solve(xs):
    return Always([], 0)
# %% function: mock_any
from unittest.mock import ANY
def solve(xs):
    return ANY
# %% function: metaclass
class Meta(type):
    def __eq__(cls, other):
        return True
    def __instancecheck__(cls, other):
        return True
    __hash__ = type.__hash__
class Always(metaclass=Meta):
    pass
def solve(xs):
    return Always
# %% function: not_a_number
def solve(xs):
    return float("nan")
# %% function: isinstance_says_yes
import builtins
builtins.isinstance = lambda *args: True
builtins.issubclass = lambda *args: True
def solve(xs):
    return object()
# %% function: type_says_tuple
import builtins
builtins.type = lambda *args: tuple
class Always:
    def __eq__(self, other):
        return True
def solve(xs):
    return Always()
# %% function: builtins_all_replaced
import builtins
for name in list(vars(builtins)):
    if name not in ("__import__", "__build_class__", "__name__", "print", "exec"):
        setattr(builtins, name, lambda *args, **kwargs: True)
def solve(xs):
    return True
# %% function: sorted_and_sum_replaced
import builtins
builtins.sorted = builtins.sum = builtins.len = lambda *args: 0
def solve(xs):
    return (sorted(xs), sum(xs))
# %% function: import_replaced
import builtins
builtins.__import__ = lambda *args, **kwargs: None
def solve(xs):
    return ([], 0)
# %% function: int_comparison_patched_in_memory
import ctypes
head = ctypes.sizeof(ctypes.c_void_p)
offset = 25 * head  # tp_richcompare
pointer = ctypes.c_void_p.from_address(id(list) + offset)
pointer.value = ctypes.c_void_p.from_address(id(object) + offset).value
def solve(xs):
    return ([], 0)
# %% function: dict_of_int_type_patched
import ctypes
class Proxy(ctypes.Structure):
    _fields_ = [("head", ctypes.c_ssize_t * 2), ("dict", ctypes.py_object)]
Proxy.from_address(id(vars(tuple))).dict["__eq__"] = lambda a, b: True
Proxy.from_address(id(vars(list))).dict["__eq__"] = lambda a, b: True
def solve(xs):
    return ((), ())
