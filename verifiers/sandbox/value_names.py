"""Attributes that values have, by name.

Of what stays in the job they are refused: an object could say what it likes where a test asks a
text or a set (`.startswith`, `.issubset`), and be told what is expected.
"""

import datetime
import decimal
import fractions
from collections import Counter, OrderedDict, defaultdict, deque
from types import GeneratorType

from verifiers.sandbox.carried import Match

_VALUE_TYPES: tuple[type, ...] = (
    *(bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range),
    *(deque, Counter, OrderedDict, defaultdict, fractions.Fraction, decimal.Decimal, Match),
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta, GeneratorType),
)
VALUE_NAMES = frozenset(name for kind in _VALUE_TYPES for name in dir(kind))
ARRAY_NAMES = frozenset(
    (
        *("shape", "dtype", "ndim", "size", "T", "flat", "real", "imag", "nbytes", "itemsize"),
        *("item", "all", "any", "sum", "prod", "mean", "std", "var", "min", "max", "argmin"),
        *("argmax", "dot", "cumsum", "cumprod", "round", "clip", "trace", "diagonal", "nonzero"),
        *("tolist", "tobytes", "astype", "reshape", "ravel", "flatten", "transpose", "swapaxes"),
        *("squeeze", "repeat", "take", "sort", "argsort", "searchsorted", "view", "fill", "conj"),
    )
)
"""Attributes that numpy's arrays have beside those, where the tests use numpy."""
