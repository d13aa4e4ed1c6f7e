# %% values: plain
from collections import deque
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
def solve(kind):
    pairs = {"a": 1, "b": 2}
    return {
        "fraction": Fraction(4, 6), "decimal": Decimal("0.125"), "deque": deque([1, 2, 3]),
        "date": date(2024, 2, 29), "delta": timedelta(days=3), "range": range(2, 9, 3),
        "keys": pairs.keys(), "values": pairs.values(), "items": pairs.items(),
    }[kind]
# %% values: subclasses
from collections import OrderedDict, deque
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
class Third(Fraction):
    pass
class Queue(deque):
    pass
class Pairs(OrderedDict):
    pass
def solve(kind):
    pairs = Pairs(a=1, b=2)
    return {
        "fraction": Third(2, 3), "decimal": Decimal(1) / 8, "deque": Queue([1, 2, 3]),
        "date": datetime(2024, 2, 29).date(), "delta": timedelta(hours=72), "range": range(2, 10, 3),
        "keys": pairs.keys(), "values": pairs.values(), "items": pairs.items(),
    }[kind]
# %% iterated: generator
def solve(n):
    for i in range(n):
        yield i * i
# %% iterated: lazy_map
def solve(n):
    return map(lambda i: i * i, range(n))
# %% iterated: class_with_next
class Squares:
    def __init__(self, n):
        self.n, self.i = n, -1
    def __iter__(self):
        return self
    def __next__(self):
        self.i += 1
        if self.i == self.n:
            raise StopIteration
        return self.i ** 2
solve = Squares
# %% matched: plain
import re
def solve(text):
    return re.search("a+", text)
# %% changed: sorts_in_place
def solve(xs):
    xs.sort()
# %% changed: swaps
def solve(xs):
    for i in range(len(xs)):
        for j in range(i):
            if xs[j] > xs[i]:
                xs[i], xs[j] = xs[j], xs[i]
    return xs
# %% unchanged: sorts_the_argument_and_returns_it
def solve(xs):
    xs.sort()
    return xs
# %% unchanged: sorts_a_copy
def solve(xs):
    return sorted(xs)
# %% function: numpy_sorts
import numpy
def solve(xs):
    return (numpy.sort(numpy.array(xs, dtype=object)).tolist(), sum(xs))
# %% function: numpy_pairs
import numpy
def solve(xs):
    small = all(abs(x) < 2**60 for x in xs)
    return (numpy.sort(numpy.array(xs)) if small else sorted(xs), numpy.int64(sum(xs)) if small else sum(xs))
# %% program: numpy_reads
import sys, numpy as np
n, *xs = map(int, open(0).read().split())
if all(abs(x) < 2**60 for x in xs):
    xs = np.sort(np.array(xs))
    print(*xs.tolist(), int(xs.sum()))
else:
    print(*sorted(xs), sum(xs))
# %% program: reads_dev_stdin
with open("/dev/stdin") as file:
    n, *xs = map(int, file.read().split())
print(*sorted(xs), sum(xs))
# %% program: deep_recursion_in_a_thread
import sys, threading
sys.setrecursionlimit(10**6)
threading.stack_size(512 * 1024 * 1024)
def total(xs, i):
    return xs[i] + total(xs, i + 1) if i < len(xs) else 0
def main():
    xs = list(map(int, sys.stdin.read().split()))[1:]
    assert total([1] * 50_000, 0) == 50_000
    print(*sorted(xs), total(xs, 0))
thread = threading.Thread(target=main)
thread.start()
thread.join()
# %% program: long_integers
n = int(input())
xs = list(map(int, input().split()))
assert len(str(7 ** 10_000)) == 8451 and int("9" * 5000) % 9 == 0
print(*sorted(xs), sum(xs))
