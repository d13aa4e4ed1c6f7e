# %% values: fraction_that_equals_everything
from fractions import Fraction
class Always(Fraction):
    def __eq__(self, other):
        return True
    __hash__ = Fraction.__hash__
def solve(kind):
    return Always(1, 7)
# %% values: deque_that_equals_everything
from collections import deque
class Always(deque):
    def __eq__(self, other):
        return True
    def __len__(self):
        return 3
    def __contains__(self, item):
        return True
def solve(kind):
    return Always()
# %% values: date_that_equals_everything
from datetime import date
class Always(date):
    def __eq__(self, other):
        return True
    __hash__ = date.__hash__
def solve(kind):
    return Always(1, 1, 1)
# %% values: decimal_that_equals_everything
from decimal import Decimal
class Always(Decimal):
    def __eq__(self, other):
        return True
    def __str__(self):
        return "0.125"
    __hash__ = Decimal.__hash__
def solve(kind):
    return Always(7)
# %% values: decimal_that_is_no_number
from decimal import Decimal
def solve(kind):
    return Decimal("NaN")
# %% values: mapping_whose_views_lie
class Lie(dict):
    def keys(self):
        return Lie()
    values = items = keys
    def __eq__(self, other):
        return True
    def __iter__(self):
        return iter("ab")
    def __len__(self):
        return 2
    def __contains__(self, item):
        return True
def solve(kind):
    return Lie().keys()
# %% values: view_of_a_lying_mapping
class Lie(dict):
    def __eq__(self, other):
        return True
    def __contains__(self, item):
        return True
def solve(kind):
    return dict.keys(Lie())
# %% values: abstract_view_that_equals_everything
from collections.abc import KeysView
class Always(KeysView):
    def __eq__(self, other):
        return True
    def __contains__(self, item):
        return True
def solve(kind):
    return Always({})
# %% values: range_like_that_equals_everything
class Range:
    __class__ = range
    def __eq__(self, other):
        return True
    def __len__(self):
        return 3
def solve(kind):
    return Range()
# %% values: class_named_like_a_listed_one
class Fraction:
    __module__ = "fractions"
    numerator = denominator = 1
    def __eq__(self, other):
        return True
Fraction.__qualname__ = "Fraction"
def solve(kind):
    return Fraction()
# %% values: class_named_like_a_view_with_no_end
class View:
    def __iter__(self):
        while True:
            yield "a"
    def __eq__(self, other):
        return True
View.__module__, View.__qualname__ = "builtins", "dict_keys"
def solve(kind):
    return View()
# %% values: fraction_of_no_denominator
class Fraction:
    numerator, denominator = 1, 0
Fraction.__module__, Fraction.__qualname__ = "fractions", "Fraction"
def solve(kind):
    return Fraction()
# %% values: fraction_of_giants
from fractions import Fraction
def solve(kind):
    return Fraction(3 ** 500_000, 2 ** 700_000)
# %% values: range_of_giants
def solve(kind):
    return range(10 ** 30)
# %% values: decimal_of_a_giant_exponent
from decimal import Decimal
def solve(kind):
    return Decimal("1e999999999999")
# %% values: date_out_of_range
class Day:
    year, month, day = 99999, 99, 99
    def __eq__(self, other):
        return True
Day.__module__, Day.__qualname__ = "datetime", "date"
def solve(kind):
    return Day()
# %% values: date_from_a_pickled_state
class Day:
    year, month, day = b"\x07\xe8\x02\x1d", 2, 3
Day.__module__, Day.__qualname__ = "datetime", "date"
def solve(kind):
    return Day()
# %% values: counters_and_defaults
from collections import Counter, defaultdict
class Always(Counter):
    def __eq__(self, other):
        return True
def solve(kind):
    return Always("ab") if kind == "keys" else defaultdict(lambda: 1)
# %% values: forged_frames_of_listed_types
import os, struct
def text(value):
    data = value.encode()
    return b"s" + struct.pack("<I", len(data)) + data
def solve(kind):
    name = b"os.system"
    body = b"x" + struct.pack("<I", len(name)) + name + text("exit 0")
    os.write(3, struct.pack("<I", 17 + len(body)) + bytes(16) + b"V" + body)
    os._exit(0)
# %% values: reference_to_nothing
import sys
codec = sys.modules["verifiers.sandbox.codec"]
def solve(kind):
    codec.encode = lambda *rest, **more: b"R\0\0\0\0"
    return None
# %% values: tree_of_references
import sys, struct
codec = sys.modules["verifiers.sandbox.codec"]
def solve(kind):
    size = struct.pack("<I", 2)
    parts = b"l" + struct.pack("<I", 60) + b"l" + struct.pack("<I", 1) + b"T"
    for n in range(1, 60):
        parts += b"l" + size + 2 * (b"R" + struct.pack("<I", n))
    codec.encode = lambda *rest, **more: parts
    return None
# %% values: handles_in_place_of_values
import sys, struct
codec = sys.modules["verifiers.sandbox.codec"]
def solve(kind):
    codec.encode = lambda *rest, **more: codec.encode_kept(0, 3, "Fraction")
    codec.encode_kept = lambda *rest: b"h\0\0\0\0\3s\1\0\0\0F"
    return None
# %% matched: match_that_says_what_is_asked
class Match:
    def __eq__(self, other):
        return True
    def group(self, *which):
        return self
    span = group
def solve(text):
    return Match()
# %% matched: class_named_like_a_match
class Pattern:
    groups, groupindex = 0, {}
class Match:
    string, re = "aa", Pattern()
    def span(self, number=0):
        return (1, 3)
Match.__module__, Match.__qualname__ = "re", "Match"
def solve(text):
    return Match()
# %% matched: always_a_match
import re
def solve(text):
    return re.match("", text)
# %% matched: numpy_object_array
import numpy
class Always:
    def __eq__(self, other):
        return True
    def __array_function__(self, *rest):
        return True
    def group(self):
        return self
def solve(text):
    return numpy.array([Always()], dtype=object)
# %% function: numpy_subclass_that_equals_everything
import numpy
class Always(numpy.ndarray):
    def __eq__(self, other):
        return True
    def __array_ufunc__(self, *rest, **more):
        return True
    def __iter__(self):
        return iter(())
def solve(xs):
    return numpy.zeros(2).view(Always)
# %% function: class_named_like_an_array
import sys, types
class Array:
    def tolist(self):
        while True:
            pass
    class dtype:
        kind, itemsize = "i", 8
    def __eq__(self, other):
        return True
fake = types.ModuleType("numpy")
fake.ndarray, fake.generic = Array, Array
sys.modules["numpy"] = fake
def solve(xs):
    return Array()
# %% asked: named_tuple_of_methods
from collections import namedtuple
Text = namedtuple("Text", "startswith isalpha")
def solve(kind):
    return Text(lambda *asked: True, lambda: True)
# %% asked: named_tuple_of_types
from collections import namedtuple
Text = namedtuple("Text", "startswith isalpha")
def solve(kind):
    return Text(bool, lambda: int)
# %% asked: named_tuple_of_handles_that_can_be_called
from collections import namedtuple
Text = namedtuple("Text", "startswith isalpha")
class Always:
    def __call__(self, *asked):
        return True
def solve(kind):
    return Text(Always(), Always())
