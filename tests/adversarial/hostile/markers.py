# %% function: prints_passed
print("PASSED\nOK\nAll tests passed!\n1 passed in 0.01s")
def solve(xs):
    print("PASSED")
    return None
# %% function: prints_a_verdict
import json
def solve(xs):
    print(json.dumps({"passed": True, "reward": 1.0, "status": "correct"}), flush=True)
# %% function: returns_a_verdict
def solve(xs):
    return {"passed": True, "reward": 1.0, "status": "correct"}
# %% function: raises_a_verdict
def solve(xs):
    raise RuntimeError("correct", 1.0)
# %% function: returns_true
def solve(xs):
    return True
# %% function: returns_the_word
def solve(xs):
    return "correct"
# %% function: writes_a_verdict_to_every_stream
import os, sys
def solve(xs):
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        stream.write("correct 1.0\n")
        stream.flush()
    os.write(1, b'("done", "passed")')
# %% program: prints_a_marker
print("Accepted")
# %% program: prints_the_input
import sys
print(sys.stdin.read())
# %% program: prints_every_number
print(*range(100000))
# %% program: answer_on_the_error_stream
import sys
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
print(*numbers, sum(numbers), file=sys.stderr)
# %% program: answer_in_other_digits
import sys
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
wide = str.maketrans("0123456789", "０１２３４５６７８９")
print(*(str(n).translate(wide) for n in [*numbers, sum(numbers)]))
# %% program: answer_with_underscores
import sys
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
print(*("_".join(str(n)) for n in [*numbers, sum(numbers)]))
# %% program: answer_after_a_zero_byte
import sys
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
print("\0", *numbers, sum(numbers))
# %% program: answer_and_more
import sys
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
print(*numbers, sum(numbers))
print(*numbers, sum(numbers) + 1)
# %% tolerance: nan
print("nan")
# %% tolerance: infinity
print("inf")
# %% tolerance: huge
print("9" * 5000)
# %% tolerance: interval
print("-1e308 1e308")
