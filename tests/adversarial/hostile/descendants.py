# %% program: double_fork_that_stays
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
print("started")
# %% program: child_that_answers_later
import os, sys, time
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
if os.fork() == 0:
    time.sleep(5)
    print(*numbers, sum(numbers))
# %% program: daemon_thread_that_stays
import threading, time
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print("left")
# %% program: thread_that_keeps_the_program_alive
import threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
# %% program: exec_of_a_shell
import os
os.execv("/bin/sh", ["sh", "-c", "while :; do :; done"])
# %% program: exec_of_another_interpreter
import os, sys
os.execv(sys.executable, [sys.executable, "-c", "while True: pass"])
# %% program: spawn
import os, sys
for _ in range(100):
    os.posix_spawn(sys.executable, [sys.executable, "-c", "while True: pass"], {})
# %% program: shell
import os
os.system("sleep 1000 & sleep 1000 & echo started")
# %% program: pipe_to_a_process
import os
print(os.popen("cat /etc/passwd").read())
# %% program: clone_by_number
import ctypes, signal, time
libc = ctypes.CDLL(None)
for _ in range(50):
    if libc.syscall(56, signal.SIGCHLD, 0, 0, 0, 0) == 0:
        time.sleep(1000)
# %% program: vfork_by_number
import ctypes, time
libc = ctypes.CDLL(None)
for _ in range(10):
    if libc.syscall(58) == 0:
        time.sleep(1000)
# %% function: thread_that_goes_on_after_the_answer
import threading
def spin():
    while True:
        pass
def solve(xs):
    for _ in range(8):
        threading.Thread(target=spin, daemon=True).start()
    return None
# %% function: process_pool
from concurrent.futures import ProcessPoolExecutor
def solve(xs):
    with ProcessPoolExecutor(8) as pool:
        return list(pool.map(abs, xs))
