# %% unchanged: empties_both_sides
def solve(xs):
    xs.clear()
    return []
# %% unchanged: returns_the_emptied_argument
def solve(xs):
    del xs[:]
    return xs
# %% unchanged: result_that_is_none_and_changes
def solve(xs):
    xs.clear()
# %% unchanged: sorts_what_it_keeps
kept = []
def solve(xs):
    kept.append(xs)
    xs[:] = []
    return kept[0]
# %% unchanged: says_changes_unasked
import sys
codec = sys.modules["verifiers.sandbox.codec"]
encode = codec.encode
def solve(xs):
    codec.encode = lambda *rest, **more: encode([]) + b"l\0\0\0\0d\0\0\0\0"
    return []
# %% changed: argument_becomes_a_liar
class Always(list):
    def __eq__(self, other):
        return True
def solve(xs):
    xs[:] = [Always()]
# %% changed: items_that_equal_everything
class Always(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__
def solve(xs):
    xs[:] = [Always(9)] * len(xs)
# %% changed: argument_of_a_class
class Always:
    def __eq__(self, other):
        return True
def solve(xs):
    xs[:] = [Always()] * len(xs)
# %% changed: argument_inside_itself
def solve(xs):
    xs[:] = [xs]
# %% changed: grows_without_end
def solve(xs):
    while True:
        xs.append(0)
# %% changed: grows_beyond_what_crosses
def solve(xs):
    xs.extend(range(10**6))
# %% changed: another_kind_of_container
import sys
codec = sys.modules["verifiers.sandbox.codec"]
def solve(xs):
    codec.encode_changes = lambda *rest: b"d\0\0\0\0d\0\0\0\0"
# %% changed: changes_of_more_than_there_is
import sys
codec = sys.modules["verifiers.sandbox.codec"]
def solve(xs):
    codec.encode_changes = lambda *rest: b"l\0\0\0\0" * 9
# %% changed: refers_to_what_is_not_there
import sys
codec = sys.modules["verifiers.sandbox.codec"]
def solve(xs):
    codec.encode_changes = lambda *rest: b"l\1\0\0\0R\7\0\0\0d\0\0\0\0"
# %% changed: bytes_that_are_no_changes
import sys
codec = sys.modules["verifiers.sandbox.codec"]
def solve(xs):
    codec.encode_changes = lambda *rest: b"\xff" * 1000
# %% changed: does_nothing
def solve(xs):
    pass
# %% changed: returns_what_it_should_leave
def solve(xs):
    return sorted(xs)
# %% changed: iterators_in_the_argument
def solve(xs):
    xs[:] = [iter([])] * len(xs)
# %% compared: empties_what_its_result_is_compared_with
def solve(xs):
    xs.clear()
    return []
# %% compared: makes_both_the_same
def solve(xs):
    xs[:] = [0] * len(xs)
    return xs
