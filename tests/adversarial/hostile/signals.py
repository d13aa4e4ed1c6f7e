# %% program: parent_killed
import os, signal
os.kill(os.getppid(), signal.SIGKILL)
# %% program: everything_killed
import os, signal
os.kill(-1, signal.SIGKILL)
# %% program: every_process_killed_by_number
import os, signal
for pid in range(1, 40_000):
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
# %% program: group_stopped
import os, signal
os.killpg(0, signal.SIGSTOP)
# %% function: itself_stopped
import os, signal
def solve(xs):
    os.kill(os.getpid(), signal.SIGSTOP)
# %% program: every_signal_ignored
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
# %% function: every_signal_blocked
import signal
def solve(xs):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        pass
# %% program: cpu_limit_handled
import resource, signal
signal.signal(signal.SIGXCPU, lambda *args: None)
try:
    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
except (OSError, ValueError):
    pass
while True:
    pass
# %% program: memory_limit_lifted
import resource
for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_NPROC):
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        pass
data = []
while True:
    data.append(bytearray(1 << 26))
# %% program: alarm_that_never_comes
import signal, time
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
while True:
    time.sleep(1)
# %% program: priority_raised
import os
for change in (lambda: os.nice(-20), lambda: os.sched_setscheduler(0, 1, os.sched_param(99))):
    try:
        change()
    except OSError:
        pass
while True:
    pass
# %% program: signals_storm
import os, signal
signal.signal(signal.SIGUSR1, lambda *args: None)
while True:
    os.kill(os.getpid(), signal.SIGUSR1)
# %% program: died_by_a_signal_after_the_answer
import os, signal, sys
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
print(*numbers, sum(numbers), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
# %% program: failed_after_the_answer
import sys
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
print(*numbers, sum(numbers), flush=True)
sys.exit(3)
# %% program: hung_after_the_answer
import sys, time
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
print(*numbers, sum(numbers), flush=True)
time.sleep(1000)
