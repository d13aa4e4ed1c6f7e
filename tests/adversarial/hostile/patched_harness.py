# %% function: every_function_of_every_module_replaced
import sys, types
for module in list(sys.modules.values()):
    for name, value in list(vars(module).items()):
        if isinstance(value, types.FunctionType):
            try:
                setattr(module, name, lambda *args, **kwargs: True)
            except Exception:
                pass
def solve(xs):
    return True
# %% function: every_code_object_replaced
import gc, types
def yes(*args, **kwargs):
    return True
for function in gc.get_objects():
    if isinstance(function, types.FunctionType) and function is not yes:
        try:
            function.__code__ = yes.__code__
        except ValueError:
            pass
def solve(xs):
    return True
# %% function: main_module_check_replaced
import __main__
__main__.check = lambda candidate: None
__main__.main = lambda *args: None
def check(candidate):
    return True
def solve(xs):
    return None
# %% function: encoder_replaced_to_send_success
import gc, types
for function in gc.get_objects():
    if isinstance(function, types.FunctionType) and "encode" in function.__name__:
        function.__code__ = (lambda *args, **kwargs: b"passed").__code__
def solve(xs):
    return ([], 0)
# %% function: os_write_replaced
import os
real = os.write
os.write = lambda fd, data: real(fd, data.replace(b"error", b"value"))
def solve(xs):
    raise ValueError("error")
# %% function: struct_and_marshal_replaced
import marshal, pickle, struct, json
struct.pack = struct.Struct = lambda *args: b"\x00" * 8
marshal.dumps = pickle.dumps = lambda *args: b"\x00" * 8
json.dumps = lambda *args, **kwargs: '{"passed": true}'
def solve(xs):
    return ([], 0)
# %% function: tracer_that_edits_locals
import ctypes, sys
def trace(frame, event, arg):
    for name in ("result", "value", "ok", "passed"):
        if name in frame.f_locals:
            frame.f_locals[name] = True
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    return trace
sys.settrace(trace)
def solve(xs):
    return None
# %% function: profiler_that_exits
import os, sys
def profile(frame, event, arg):
    if event == "return":
        os._exit(0)
def solve(xs):
    sys.setprofile(profile)
# %% function: import_hook
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        raise SystemExit(0)
sys.meta_path.insert(0, Finder())
sys.modules.clear()
def solve(xs):
    import math
# %% function: unittest_and_doctest_replaced
import doctest, unittest
unittest.TestCase.assertEqual = lambda *args: None
unittest.TestCase.fail = lambda *args: None
doctest.testmod = lambda *args, **kwargs: None
def solve(xs):
    return None
# %% function: exception_hook
import os, sys
sys.excepthook = lambda *args: os._exit(0)
sys.unraisablehook = lambda *args: os._exit(0)
def solve(xs):
    raise ValueError
# %% function: collector_that_runs_code_at_the_end
import os
class Last:
    def __del__(self):
        os.write(1, b"passed")
        os._exit(0)
last = Last()
def solve(xs):
    return None
# %% function: modules_shadowed_by_files
import os, sys, tempfile
folder = tempfile.mkdtemp()
for name in ("math", "random", "copy", "typing"):
    with open(os.path.join(folder, name + ".py"), "w") as file:
        file.write("raise SystemExit(0)")
sys.path.insert(0, folder)
os.chdir(folder)
def solve(xs):
    return None
# %% function: a_file_that_every_interpreter_would_run
import os, site, sys
for folder in [*sys.path, *site.getsitepackages(), "/tmp", "."]:
    try:
        with open(os.path.join(folder, "sitecustomize.py"), "w") as file:
            file.write("import os; os._exit(0)")
    except OSError:
        pass
def solve(xs):
    return None
