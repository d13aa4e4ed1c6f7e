# %% program: fork_bomb
import os
while True:
    os.fork()
# %% function: fork_bomb_in_a_call
import os
def solve(xs):
    while True:
        try:
            os.fork()
        except OSError:
            pass
# %% program: fork_and_wait_bomb
import os
while True:
    try:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
    except OSError:
        pass
# %% program: multiprocessing_bomb
import multiprocessing
def work():
    multiprocessing.Process(target=work).start()
work()
# %% program: subprocess_bomb
import subprocess, sys
while True:
    try:
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
    except OSError:
        pass
# %% program: thread_bomb
import threading, time
while True:
    try:
        threading.Thread(target=time.sleep, args=(100,)).start()
    except RuntimeError:
        pass
# %% function: thread_bomb_in_a_call
import threading, time
def solve(xs):
    for _ in range(100_000):
        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
    return None
# %% program: memory_bomb
data = []
while True:
    data.append("x" * 10_000_000)
# %% function: memory_bomb_in_a_call
def solve(xs):
    data = [0]
    while True:
        data += data
# %% function: memory_bomb_that_is_caught
def solve(xs):
    data = []
    while True:
        try:
            data.append(bytearray(50_000_000))
        except MemoryError:
            pass
# %% program: mapped_memory_bomb
import mmap
maps = []
while True:
    maps.append(mmap.mmap(-1, 1 << 26))
    maps[-1].write(b"x" * (1 << 26))
# %% program: memory_file_bomb
import os
fd = os.memfd_create("bomb")
while True:
    os.write(fd, b"x" * (1 << 20))
# %% program: descriptor_bomb
import os
while True:
    os.dup(0)
# %% program: descriptor_bomb_that_is_caught
import os
while True:
    try:
        os.pipe()
    except OSError:
        pass
# %% program: disk_bomb
with open("/tmp/bomb", "wb") as file:
    while True:
        file.write(b"x" * (1 << 20))
# %% program: disk_bomb_of_many_files
import os
number = 0
while True:
    number += 1
    try:
        with open(f"/tmp/{number % 100}", "ab") as file:
            file.write(b"x" * (1 << 20))
    except OSError:
        pass
# %% program: inode_bomb
import os
for number in range(10**9):
    try:
        os.mkdir(f"/tmp/{number}")
    except OSError:
        pass
# %% program: sparse_file
import os
fd = os.open("/tmp/sparse", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 1 << 45)
print(os.fstat(fd).st_size)
# %% program: output_bomb
while True:
    print("x" * 10_000)
# %% function: output_bomb_in_a_call
def solve(xs):
    while True:
        print("x" * 10_000)
# %% program: error_output_bomb
import sys
while True:
    sys.stderr.write("x" * 100_000)
# %% program: output_in_one_write
import sys
sys.stdout.write("1 " * 100_000_000)
# %% program: power_in_c
print(9 ** 9 ** 9)
# %% function: power_in_a_call
def solve(xs):
    return 7 ** (7 ** 12)
# %% program: regular_expression_without_end
import re
re.match(r"(a|aa)+$", "a" * 200 + "b")
# %% program: sum_in_c
print(sum(range(10**13)))
# %% program: sort_in_c
data = list(range(5_000_000))
while True:
    data.sort(key=lambda n: -n)
# %% program: iterator_without_end
import itertools
any(itertools.repeat(False))
# %% program: busy_loop
while True:
    pass
# %% function: busy_loop_in_a_call
def solve(xs):
    while True:
        pass
# %% program: sleeps
import time
time.sleep(1000)
# %% function: sleeps_in_a_call
import time
def solve(xs):
    time.sleep(1000)
# %% program: waits_for_more_input
import os, sys
sys.stdin.read()
r, w = os.pipe()
os.read(r, 1)
# %% function: deadlock
import threading
def solve(xs):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
# %% function: stack_overflow
import sys
sys.setrecursionlimit(10**9)
def solve(xs):
    return solve(xs)
# %% function: stack_overflow_in_c
def solve(xs):
    value = []
    for _ in range(10**7):
        value = [value]
    return repr(value)
# %% program: brackets_for_the_parser
eval("(" * 1_000_000)
# %% program: constant_for_the_compiler
exec("x = " + "-" * 1_000_000 + "1")
# %% program: unpacking_bomb
import zlib
data = zlib.compress(b"0" * 50_000_000, 9)
out = []
while True:
    out.append(zlib.decompress(data))
# %% program: integers_written_out
import sys
sys.set_int_max_str_digits(0)
print(len(str(3 ** 30_000_000)))
# %% program: import_loop
import importlib, sys
while True:
    for name in list(sys.modules):
        try:
            importlib.reload(sys.modules[name])
        except BaseException:
            pass
