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
