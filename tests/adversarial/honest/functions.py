# %% function: plain
def solve(xs):
    return (sorted(xs), sum(xs))
# %% function: heavy_recursion
import sys
sys.setrecursionlimit(20_000)
def total(xs, i, depth):
    if depth:
        return total(xs, i, depth - 1)
    return 0 if i == len(xs) else xs[i] + total(xs, i + 1, 0)
def solve(xs):
    return (sorted(xs), total(xs, 0, 8_000))
# %% function: memoized_recursion
from functools import lru_cache
@lru_cache(maxsize=None)
def count(n):
    return n if n < 2 else count(n - 1) + count(n - 2)
def solve(xs):
    assert count(400) > 10**80
    return (sorted(xs), sum(xs))
# %% function: big_integers
def solve(xs):
    scale = 3 ** 20_000
    return (sorted(xs), sum(x * scale for x in xs) // scale)
# %% function: integers_written_out_and_read
def solve(xs):
    return (sorted(int(str(x)) for x in xs), int("".join(str(sum(xs)))))
# %% function: threads
import threading
def solve(xs):
    results = {}
    def work(name, function):
        results[name] = function(xs)
    threads = [threading.Thread(target=work, args=pair) for pair in (("s", sorted), ("t", sum))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (results["s"], results["t"])
# %% function: thread_pool
from concurrent.futures import ThreadPoolExecutor
def solve(xs):
    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(int, xs))
    return (sorted(values), sum(values))
# %% function: deep_recursion_in_a_thread
import sys, threading
def solve(xs):
    sys.setrecursionlimit(100_000)
    threading.stack_size(64 << 20)
    out = []
    def down(n):
        return n and 1 + down(n - 1)
    thread = threading.Thread(target=lambda: out.append(down(20_000)))
    thread.start()
    thread.join()
    assert out == [20_000]
    return (sorted(xs), sum(xs))
# %% function: temporary_file
import tempfile
def solve(xs):
    with tempfile.TemporaryFile("w+") as file:
        file.write(" ".join(map(str, sorted(xs))))
        file.seek(0)
        values = list(map(int, file.read().split()))
    return (values, sum(values))
# %% function: temporary_folder
import pathlib, tempfile
def solve(xs):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "numbers"
        path.write_text("\n".join(map(str, xs)))
        values = sorted(map(int, path.read_text().split()))
    return (values, sum(values))
# %% function: dataclasses
from dataclasses import astuple, dataclass, field
@dataclass(order=True)
class Item:
    value: int
    tags: list = field(default_factory=list, compare=False)
@dataclass(frozen=True)
class Answer:
    values: list
    total: int
def solve(xs):
    items = sorted(map(Item, xs))
    return astuple(Answer([item.value for item in items], sum(xs)))
# %% function: asyncio_tasks
import asyncio
async def gather(xs):
    async def one(x):
        await asyncio.sleep(0.001)
        return x
    return await asyncio.gather(*map(one, xs))
def solve(xs):
    values = asyncio.run(gather(xs))
    return (sorted(values), sum(values))
# %% function: asyncio_queue
import asyncio
async def work(xs):
    queue = asyncio.Queue()
    async def produce():
        for x in xs:
            await queue.put(x)
        await queue.put(None)
    async def consume():
        out = []
        while (x := await queue.get()) is not None:
            out.append(x)
        return out
    return (await asyncio.gather(produce(), consume()))[1]
def solve(xs):
    values = asyncio.run(work(xs))
    return (sorted(values), sum(values))
# %% function: generators_and_iterators
import itertools
def solve(xs):
    values = [next(iter(group)) for _, group in itertools.groupby(enumerate(sorted(xs)), lambda p: p[0])]
    return ([value for _, value in values], sum(itertools.chain(xs)))
# %% function: heap
import heapq
def solve(xs):
    heap = list(xs)
    heapq.heapify(heap)
    return ([heapq.heappop(heap) for _ in xs], sum(xs))
# %% function: own_equality_inside
class Number:
    def __init__(self, value):
        self.value = value
    def __eq__(self, other):
        return True
    def __lt__(self, other):
        return self.value < other.value
    def __hash__(self):
        return 0
def solve(xs):
    return ([number.value for number in sorted(map(Number, xs))], sum(xs))
# %% function: prints_while_it_works
def solve(xs):
    print("sorting", xs)
    print("DONE" * 100)
    return (sorted(xs), sum(xs))
# %% function: main_guard
def solve(xs):
    return (sorted(xs), sum(xs))
if __name__ == "__main__":
    print(solve([3, 1, 2]))
# %% function: main_guard_that_reads_input
import sys
def solve(xs):
    return (sorted(xs), sum(xs))
if __name__ == "__main__" and sys.stdin:
    for line in sys.stdin:
        print(solve(list(map(int, line.split()))))
# %% function: state_between_calls
calls = 0
cache = {}
def solve(xs):
    global calls
    calls += 1
    key = tuple(xs)
    if key not in cache:
        cache[key] = (sorted(xs), sum(xs))
    return cache[key]
# %% function: exceptions_inside
class NotYet(Exception):
    pass
def solve(xs):
    try:
        raise NotYet("first") from ValueError
    except NotYet:
        pass
    finally:
        out = sorted(xs)
    return (out, sum(xs))
# %% function: context_managers
from contextlib import ExitStack, contextmanager, redirect_stdout
import io
@contextmanager
def quiet():
    with redirect_stdout(io.StringIO()) as text:
        yield text
def solve(xs):
    with ExitStack() as stack:
        stack.enter_context(quiet())
        print("hidden")
        return (sorted(xs), sum(xs))
# %% function: exact_fractions_and_decimals
from decimal import Decimal, getcontext
from fractions import Fraction
def solve(xs):
    getcontext().prec = 200
    total = sum((Fraction(x) for x in xs), Fraction(0))
    return (sorted(int(Decimal(x)) for x in xs), int(total))
# %% function: standard_library_tour
import array, bisect, collections, copy, datetime, enum, hashlib, json, math, operator, random, re
import statistics, string, textwrap, typing, uuid, zlib
def solve(xs):
    out = []
    for x in copy.deepcopy(xs):
        bisect.insort(out, x)
    assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
    assert json.loads(json.dumps(out)) == out
    return (out, functools_reduce(out))
def functools_reduce(values):
    import functools
    return functools.reduce(operator.add, values, 0)
# %% function: enums_and_pattern_matching
from enum import Enum
class Sign(Enum):
    PLUS = 1
    MINUS = -1
def solve(xs):
    total = 0
    for x in xs:
        match (Sign.PLUS if x >= 0 else Sign.MINUS, abs(x)):
            case (Sign.PLUS, size):
                total += size
            case (Sign.MINUS, size):
                total -= size
    return (sorted(xs), total)
# %% function: weak_references_and_collection
import gc, weakref
class Node:
    def __init__(self):
        self.me = self
def solve(xs):
    nodes = [weakref.ref(Node()) for _ in range(100)]
    gc.collect()
    assert all(node() is None for node in nodes)
    return (sorted(xs), sum(xs))
# %% function: fifty_megabytes_for_a_moment
def solve(xs):
    data = bytearray(50_000_000)
    data[-1] = 1
    assert len(data) == 50_000_000
    return (sorted(xs), sum(xs))
# %% function: quicksort_by_hand
def quicksort(xs):
    if len(xs) < 2:
        return list(xs)
    pivot, *rest = xs
    return quicksort([x for x in rest if x < pivot]) + [pivot] + quicksort([x for x in rest if x >= pivot])
solve = lambda xs: (quicksort(xs), sum(xs))
# %% function: callable_object
class Solver:
    def __call__(self, xs):
        return (sorted(xs), sum(xs))
solve = Solver()
# %% function: decorated
import functools, time
def timed(function):
    @functools.wraps(function)
    def wrapper(*args):
        began = time.perf_counter()
        result = function(*args)
        assert time.perf_counter() >= began
        return result
    return wrapper
@timed
def solve(xs: "list[int]") -> "tuple[list[int], int]":
    return (sorted(xs), sum(xs))
# %% function: seeded_random_numbers
import random, secrets
def solve(xs):
    rng = random.Random(7)
    values = list(xs)
    rng.shuffle(values)
    assert secrets.randbelow(10) < 10
    return (sorted(values), sum(values))
# %% function: exec_and_eval_of_its_own
def solve(xs):
    scope = {}
    exec("def total(xs):\n    return sum(xs)", scope)
    return (eval("sorted(xs)"), scope["total"](xs))
# %% function: signal_handler_of_its_own
import signal
signal.signal(signal.SIGTERM, lambda *args: None)
def solve(xs):
    return (sorted(xs), sum(xs))
# %% function: changes_its_argument
def solve(xs):
    xs.sort()
    total = 0
    for x in xs:
        total += x
    return (xs, total)
# %% function: logging_and_warnings
import logging, warnings
logging.basicConfig(level=logging.DEBUG)
def solve(xs):
    logging.debug("numbers: %s", xs)
    warnings.warn("slow")
    return (sorted(xs), sum(xs))
# %% function: a_local_socket_pair
import socket
def solve(xs):
    a, b = socket.socketpair()
    a.sendall(" ".join(map(str, xs)).encode() + b"\n")
    values = list(map(int, b.makefile().readline().split()))
    return (sorted(values), sum(values))
