# %% escape: write_into_numpy
import numpy, os, sys
input_paths = sys.stdin.read()
folder = os.path.dirname(numpy.__file__)
for path in (f"{folder}/__init__.py", f"{folder}/new.py", f"{folder}/__pycache__/new.pyc"):
    for mode in ("a", "w", "r+"):
        try:
            open(path, mode).write("x = 1\n")
            print("ESCAPED")
        except OSError:
            pass
# %% escape: rename_and_remove_numpy
import numpy, os, sys
folder = os.path.dirname(numpy.__file__)
for action in (
    lambda: os.remove(f"{folder}/__init__.py"),
    lambda: os.rename(folder, folder + "_away"),
    lambda: os.rename(f"{folder}/__init__.py", "/tmp/init.py"),
    lambda: os.chmod(folder, 0o777),
    lambda: os.symlink("/tmp", f"{folder}/link"),
    lambda: os.utime(f"{folder}/__init__.py", (0, 0)),
    lambda: os.truncate(f"{folder}/__init__.py", 0),
    lambda: os.mkdir("/packages/mine"),
):
    try:
        action()
        print("ESCAPED")
    except OSError:
        pass
# %% escape: other_packages_of_the_installation
import importlib, os, sys
for name in ("psutil", "torch", "ray", "transformers", "yaml", "pytest", "rlsys", "pip", "numba"):
    try:
        importlib.import_module(name)
        print("ESCAPED")
    except ImportError:
        pass
if sorted(os.listdir("/packages")) not in (["numpy"], ["numpy", "numpy.libs"]):
    print("ESCAPED")
# %% escape: files_beside_numpy
import numpy, os, sys
folder = os.path.dirname(numpy.__file__)
for path in ("..", "../..", "../../psutil/__init__.py", "../pip/__init__.py", "../site-packages"):
    path = os.path.join(folder, path)
    for inner in os.listdir(path) if os.path.isdir(path) else [path]:
        if inner.endswith(("site-packages", "psutil", "pip", "work", "home", "root")):
            print("ESCAPED")
        elif os.path.isfile(path):
            print("ESCAPED")
# %% escape: read_by_numpy
import numpy, sys
for path in sys.stdin.read().split():
    for read in (numpy.fromfile, numpy.loadtxt, numpy.memmap, numpy.load):
        try:
            read(path)
            print("ESCAPED")
        except (OSError, ValueError):
            pass
# %% function: patched_numpy
import numpy
numpy.ndarray = numpy.array = numpy.allclose = lambda *args, **more: True
def solve(xs):
    return numpy.array(xs)
# %% function: threads_of_numpy_without_end
import numpy
def solve(xs):
    while True:
        numpy.ones((500, 500)) @ numpy.ones((500, 500))
# %% function: memory_by_numpy
import numpy
def solve(xs):
    return (sorted(xs), int(numpy.ones(10**9).sum()))
# %% program: memory_by_numpy
import numpy
print(numpy.ones(10**9).sum())
# %% program: integers_without_end
print(10 ** 10 ** 7)
# %% program: reads_a_giant_integer
n = int("9" * 10**7)
print(n)
# %% program: stack_for_each_thread
import threading
threading.stack_size(1 << 30)
def down(n):
    return sorted([n], key=lambda x: down(n + 1))
threads = [threading.Thread(target=down, args=(0,)) for _ in range(100)]
for thread in threads:
    thread.start()
# %% escape: stdin_of_another
import os
for path in ("/dev/fd/3", "/proc/self/fd/4", "/proc/1/fd/0", "/dev/fd/5", "/dev/stdin/../null"):
    try:
        if open(path).read():
            print("ESCAPED")
    except OSError:
        pass
