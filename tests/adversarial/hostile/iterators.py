# %% iterated: without_end
import itertools
def solve(n):
    return itertools.count()
# %% iterated: one_item_without_end
def solve(n):
    while True:
        yield 0
# %% iterated: raises_after_some
def solve(n):
    yield 0
    raise AssertionError
# %% iterated: ends_by_stop_iteration_of_its_own
class Items:
    def __iter__(self):
        return self
    def __next__(self):
        raise StopIteration
def solve(n):
    return Items()
# %% iterated: items_that_equal_everything
class Always:
    def __eq__(self, other):
        return True
    def __radd__(self, other):
        return 40425
    __add__ = __radd__
def solve(n):
    for _ in range(n):
        yield Always()
# %% iterated: integers_that_equal_everything
class Always(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__
def solve(n):
    return (Always(0) for _ in range(n))
# %% iterated: hangs_at_the_second_item
def solve(n):
    yield 0
    while True:
        pass
# %% iterated: sleeps_at_each_item
import time
def solve(n):
    for i in range(n):
        time.sleep(0.5)
        yield i * i
# %% iterated: exits_the_process
import os
def solve(n):
    yield 0
    os._exit(0)
# %% iterated: items_of_a_hundred_megabytes
def solve(n):
    for i in range(n):
        yield b"x" * 10**8
# %% iterated: generators_of_generators
def solve(n):
    while True:
        yield solve(n)
# %% iterated: gives_itself
class Items:
    def __iter__(self):
        return self
    def __next__(self):
        return self
    def __eq__(self, other):
        return True
def solve(n):
    return Items()
# %% iterated: no_items_and_no_end
import sys
served = sys.modules["verifiers.sandbox.served"]
served.Served._items = lambda self, iterator, count: ([], False)
def solve(n):
    yield 0
# %% iterated: items_that_are_no_list
import sys
served = sys.modules["verifiers.sandbox.served"]
served.Served._items = lambda self, iterator, count: {"all": True}
def solve(n):
    yield 0
# %% iterated: list_in_place_of_iterator
def solve(n):
    return type("Any", (), {"__iter__": lambda self: iter([True] * n), "__eq__": lambda a, b: True})()
# %% iterated: learns_from_being_asked
asked = []
def solve(n):
    for guess in range(10**6):
        asked.append(guess)
        yield guess
