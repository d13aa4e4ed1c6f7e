# %% function: reduce
import os
class Exploit:
    def __reduce__(self):
        return (os._exit, (0,))
def solve(xs):
    return Exploit()
# %% function: pickle_as_bytes
import os, pickle
class Exploit:
    def __reduce__(self):
        return (os._exit, (0,))
def solve(xs):
    return pickle.dumps(Exploit())
# %% function: expression_as_text
def solve(xs):
    return "__import__('os')._exit(0)"
# %% function: marshalled_code
import marshal
def solve(xs):
    return marshal.dumps(compile("import os; os._exit(0)", "x", "exec"))
# %% function: code_object
def solve(xs):
    return compile("import os; os._exit(0)", "x", "exec")
# %% function: function_value
def solve(xs):
    return lambda other: True
# %% function: module_value
import sys
def solve(xs):
    return sys
# %% function: type_value
def solve(xs):
    return tuple
# %% function: iterator_value
def solve(xs):
    return iter((sorted(xs), sum(xs)))
# %% function: contains_itself
def solve(xs):
    value = [1]
    value.append(value)
    return value
# %% function: dict_that_contains_itself
def solve(xs):
    value = {}
    value["self"] = value
    return (value, value)
# %% function: nested_without_end
def solve(xs):
    value = []
    for _ in range(1_000_000):
        value = [value]
    return value
# %% function: doubling_structure
def solve(xs):
    value = [1, 2]
    for _ in range(60):
        value = [value, value]
    return value
# %% function: ten_million_elements
def solve(xs):
    return [0] * 10_000_000
# %% function: a_hundred_million_characters
def solve(xs):
    return "x" * 100_000_000
# %% function: integer_of_a_million_digits
def solve(xs):
    return ([1 << 4_000_000], 1 << 4_000_000)
# %% function: integer_that_takes_long_to_write_out
def solve(xs):
    return [3 ** 200_000] * 50
# %% function: lone_surrogates
def solve(xs):
    return "\ud800" * 100
# %% function: class_attribute_that_says_list
class Fake(list):
    @property
    def __class__(self):
        return list
def solve(xs):
    return (Fake(), sum(xs))
# %% function: sequence_whose_length_changes
class Growing(list):
    def __len__(self):
        return 2**62
    def __iter__(self):
        while True:
            yield 0
def solve(xs):
    return Growing()
# %% function: keys_that_hash_alike
def solve(xs):
    return {i * (2**61 - 1): i for i in range(3000)}
# %% function: error_with_a_hostile_text
class Text:
    def __str__(self):
        raise SystemExit(0)
    __repr__ = __str__
class Bad(Exception):
    def __str__(self):
        raise SystemExit(0)
def solve(xs):
    raise Bad(Text())
# %% function: error_with_a_huge_text
def solve(xs):
    raise ValueError("x" * 50_000_000)
# %% function: error_whose_class_has_a_huge_name
def solve(xs):
    raise type("x" * 1_000_000, (Exception,), {})()
# %% function: error_with_a_name_from_the_tests
def solve(xs):
    raise type("TestsError", (Exception,), {})("the tests are at fault")
# %% function: argument_that_is_changed_and_returned
def solve(xs):
    xs.clear()
    return (xs, 0)
# %% function: argument_that_grows
def solve(xs):
    xs.extend(xs * 3)
    return (xs, sum(xs))
# %% function: state_kept_from_the_call_before
seen = []
def solve(xs):
    seen.append((sorted(xs), sum(xs)))
    return seen[0]
# %% function: answer_changed_after_it_was_returned
import threading
def solve(xs):
    out = [0]
    def change():
        out[:] = sorted(xs)
    threading.Timer(0.01, change).start()
    return (out, sum(xs))
# %% function: recursion_limit_of_the_harness_changed
import sys
sys.setrecursionlimit(60)
def solve(xs):
    return [[[[[[[[[[[[]]]]]]]]]]]]
