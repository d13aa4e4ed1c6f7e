# %% function: exit_at_import
import sys
sys.exit(0)
# %% function: hard_exit_at_import
import os
os._exit(0)
# %% function: hard_exit_in_call
import os
def solve(xs):
    os._exit(0)
# %% function: system_exit_in_call
def solve(xs):
    raise SystemExit(0)
# %% function: quit_builtin
def solve(xs):
    quit()
# %% function: exit_hook_that_reports_success
import atexit, os
atexit.register(lambda: os._exit(0))
def solve(xs):
    return None
# %% function: stop_iteration_ends_the_loop_of_the_tests
def solve(xs):
    raise StopIteration
# %% function: stop_iteration_with_the_right_looking_value
def solve(xs):
    raise StopIteration((sorted(xs), sum(xs)))
# %% function: generator_exit
def solve(xs):
    raise GeneratorExit
# %% function: keyboard_interrupt
def solve(xs):
    raise KeyboardInterrupt
# %% function: assertion_error_that_tests_might_swallow
def solve(xs):
    raise AssertionError("passed")
# %% function: exception_named_like_success
class Passed(BaseException):
    pass
def solve(xs):
    raise Passed(True)
# %% function: exit_from_a_thread
import os, threading, time
def solve(xs):
    threading.Thread(target=lambda: os._exit(0)).start()
    time.sleep(0.2)
# %% function: null_pointer
import ctypes
def solve(xs):
    return ctypes.string_at(0)
# %% function: abort
import os
def solve(xs):
    os.abort()
# %% function: not_defined
answer = 42
# %% function: a_generator_instead_of_a_function
def solve(xs):
    yield sorted(xs)
    yield sum(xs)
# %% program: exit_before_any_output
raise SystemExit(0)
# %% program: exit_in_the_middle
import os
print(5, flush=True)
os._exit(0)
# %% program: exception_after_a_clean_looking_start
print("")
raise RuntimeError
# %% program: empty

# %% program: not_python
This program sorts the numbers, as was asked.
