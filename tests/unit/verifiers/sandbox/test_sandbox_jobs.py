"""Programs in the sandbox: what each mechanism keeps from them, and what they may still do."""

import ctypes
import os
import platform
import subprocess
import sys
import threading
import time

import pytest

from rlsys.config.sandbox import SandboxConfig
from rlsys.errors import SandboxError
from tests.helpers.places import ROOT
from verifiers.sandbox.interface import Ending, Level, Limits
from verifiers.sandbox.pool import open_sandbox


def test_a_program_reads_stdin_and_its_output_comes_back(run):
    outcome = run("import sys\nprint(input()[::-1])\nprint('e', file=sys.stderr)", b"abc\n")
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)
    assert (outcome.stdout, outcome.stderr, outcome.reason) == (b"cba\n", b"e\n", "")


def test_an_uncaught_error_is_status_1_and_its_last_line_the_reason(run):
    outcome = run("def f():\n    raise ValueError('no such luck')\nf()")
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 1)
    assert outcome.reason == "exit status 1: ValueError: no such luck"
    assert b'File "__main__.py", line 2, in f' in outcome.stderr
    assert b"job.py" not in outcome.stderr


@pytest.mark.parametrize(
    ("source", "status"),
    [("exit(3)", 3), ("import sys; sys.exit('words')", 1), ("quit()", 0), ("1 +", 1)],
)
def test_exit_statuses_are_those_of_python(run, source, status):
    assert run(source).exit_code == status


HONEST = {
    "deep recursion": "import sys, threading\nsys.setrecursionlimit(10**6)\n"
    "threading.stack_size(2**27)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
    "t = threading.Thread(target=lambda: print(f(50000) == 50000)); t.start(); t.join()",
    "asyncio": "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    print(True)\n"
    "asyncio.run(main())",
    "temporary files": "import tempfile\nwith tempfile.TemporaryDirectory() as d:\n"
    "    open(d + '/a', 'w').write('x')\n    print(open(d + '/a').read() == 'x')",
    "threads": "from concurrent.futures import ThreadPoolExecutor as T\n"
    "with T(16) as t: print(sum(t.map(abs, range(100))) == 4950)",
    "big integers": "print((7 ** 5000) % 1000 == 1)",
    "/dev/null": "print('x', file=open('/dev/null', 'w'))\nprint(True)",
    "exit handlers": "import atexit\natexit.register(print, True)",
    "dataclasses": "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
    "print(A(1) == A(1))",
    "a larger stack": "import resource\n"
    "resource.setrlimit(resource.RLIMIT_STACK, (2**29, -1))\nprint(True)",
    "unicode": "print('ü' == '\\xfc')",
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_programs_work(run, name):
    outcome = run(HONEST[name])
    assert (outcome.stdout, outcome.exit_code) == (b"True\n", 0), outcome


REFUSED = {
    "fork": "import os\nos.fork()",
    "a subprocess": "import subprocess\nsubprocess.run(['true'])",
    "a socket": "import socket\nsocket.socket()",
    "the password file": "open('/etc/passwd')",
    "processes": "import os\nos.listdir('/proc')",
    "kernel settings": "import os\nos.listdir('/sys')",
    "the project": "import verifiers.pool",
    "installed packages": "import sys, os\nsys.path += [p + '/site-packages' for p in sys.path]\n"
    "import pip",
    "the library for writing": "import os\nopen(os.__file__, 'a')",
    "a device": "import os\nos.mknod('/tmp/x', 0o20666, 259)",
    "memory files": "import os\nos.memfd_create('x')",
    "shared memory": "from multiprocessing.shared_memory import SharedMemory\n"
    "SharedMemory(create=True, size=1)",
    "SIGKILL to itself": "import os\nos.kill(1, 9)",
    "a CPU limit of its own": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))",
    "the zygote's descriptors": "import os\n[os.fstat(fd) for fd in range(3, 256)]",
    "too many threads": "import threading, time\nfor i in range(1000):\n"
    "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "too large a file": "f = open('/tmp/x', 'wb')\nwhile True: f.write(bytes(10**6))",
    "too many files": "for i in range(10**5): open(f'/tmp/{i}', 'w').close()",
    "too many descriptors": "import os\nwhile True: os.dup(1)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_out_of_bounds_is_an_error_in_the_program(run, name):
    outcome = run(REFUSED[name])
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 1), outcome
    assert b"Error" in outcome.stderr


RAW_CALLS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (29, 30, 41, 46, 56, 57, 58, 59, 101, 155, 165, 250, 272, 308, 310, 319, 321, 425):
    if libc.syscall(number, 0, 0, 0, 0, 0) != -1:
        print(number)
print(libc.syscall(435, 0, 0), ctypes.get_errno())
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")
def test_raw_system_calls_are_refused_by_the_kernel(run):
    assert run(RAW_CALLS).stdout == b"-1 38\n"


def test_the_environment_holds_nothing_of_the_callers(run, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    outcome = run("import os\nprint(*sorted(os.environ), os.listdir('/tmp'), os.getcwd())")
    names = b"HOME LANG MALLOC_ARENA_MAX OMP_NUM_THREADS OPENBLAS_NUM_THREADS PATH"
    assert outcome.stdout == names + b" [] /tmp\n"


@pytest.mark.parametrize("path", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_standard_streams_open_by_their_paths(run, path):
    source = (
        f"with open('{path}') as f: n = int(f.readline())\nopen('/dev/stdout', 'w').write(str(n))"
    )
    assert run(source, b"41\n").stdout == b"41"
    assert run("print(open(0).read()[::-1])", b"abc").stdout == b"cba\n"
    by_path = f"import pathlib\nprint(pathlib.Path('{path}').read_text())"
    assert run(by_path, b"abc").stdout == b"abc\n"


def test_integers_of_any_length_are_read_and_printed(run):
    assert len(run("print(int(input()) + 1)", b"7" * 20_000).stdout) == 20_001


def test_a_thread_may_ask_for_a_larger_stack_than_a_job_has_memory(run):
    source = (
        "import threading, sys\nsys.setrecursionlimit(10**6)\nthreading.stack_size(1 << 30)\n"
        "from functools import lru_cache\n@lru_cache(None)\n"
        "def down(n): return 0 if n == 0 else 1 + down(n - 1)\n"
        "t = threading.Thread(target=lambda: print(down(30000), threading.stack_size()))\n"
        "t.start(); t.join()"
    )
    assert run(source).stdout == b"30000 1073741824\n"


def test_a_thread_s_stack_is_memory_that_counts(run):
    source = (
        "import threading\nthreading.stack_size(1 << 30)\n"
        "t = threading.Thread(target=lambda: bytearray(400 << 20))\nt.start(); t.join()"
    )
    assert b"MemoryError" in run(source, memory_mb=256).stderr


ENDED = {
    "a loop": ("while True: pass", {"cpu_s": 0.2}, Ending.TIMEOUT),
    "a loop in C": ("7 ** 10 ** 9", {"cpu_s": 0.2}, Ending.TIMEOUT),
    "a regular expression": (
        "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
        {"cpu_s": 0.2},
        Ending.TIMEOUT,
    ),
    "a sleep": ("import time\ntime.sleep(100)", {"wall_s": 0.3}, Ending.TIMEOUT),
    "ignored signals": (
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: pass",
        {"cpu_s": 0.2},
        Ending.TIMEOUT,
    ),
    "a handler for every error": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        {"cpu_s": 0.2},
        Ending.TIMEOUT,
    ),
    "memory at once": ("bytearray(10 ** 9)", {}, Ending.MEMORY),
    "memory bit by bit": ("a = []\nwhile True: a.append(bytes(10 ** 6))", {}, Ending.MEMORY),
    "output": ("while True: print('x' * 10000)", {"output_mb": 0.1}, Ending.OUTPUT),
    "a bad pointer": ("import ctypes\nctypes.string_at(0)", {}, Ending.CRASH),
    "an abort": ("import os\nos.abort()", {}, Ending.CRASH),
}


@pytest.mark.parametrize("name", ENDED)
def test_what_does_not_end_by_itself_is_ended(run, name):
    source, limits, ending = ENDED[name]
    outcome = run(source, **limits)
    assert outcome.ending is ending, outcome
    assert outcome.exit_code is None
    assert len(outcome.stdout) <= 2**20


def test_a_tmp_whose_times_were_put_back_is_not_handed_on(strong, run):
    run("pass")
    hide = "import os\nold = os.stat('/tmp')\nopen('/tmp/a', 'w').write('x')\n"
    hide += "os.utime('/tmp', ns=(old.st_atime_ns, old.st_mtime_ns))"
    assert run(hide).ending is Ending.EXITED
    assert run("import os\nprint(os.listdir('/tmp'))").stdout == b"[]\n"


def test_each_job_draws_random_numbers_of_its_own_and_knows_its_own_ids(run):
    program = "import os, random, threading\nprint(random.random())\n"
    program += "assert threading.get_native_id() == os.getpid()"
    outcomes = [run(program) for _ in range(3)]
    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 0]
    assert len({outcome.stdout for outcome in outcomes}) == 3


def test_the_next_job_finds_a_new_tmp_and_nothing_of_the_last(strong, run):
    for _ in range(2 * strong.num_zygotes):
        outcome = run("import os\nprint(os.listdir('/tmp'))\nopen('/tmp/a', 'w').close()")
        assert outcome.stdout == b"[]\n"


def test_a_source_that_no_job_can_hold_is_rejected(run):
    assert run("#" * (9 << 20)).ending is Ending.REJECTED


def test_jobs_run_at_the_same_time_from_several_threads(strong):
    limits, outcomes = Limits(wall_s=30.0), []
    source = "import sys\nprint(input())"
    threads = [
        threading.Thread(
            target=lambda n=n: outcomes.append(
                (n, strong.run_program(source, b"%d\n" % n, limits).stdout)
            )
        )
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [(n, b"%d\n" % n) for n in range(12)]


def test_a_zygote_that_dies_is_no_verdict_and_is_replaced():
    try:
        small = open_sandbox(SandboxConfig(zygotes=1, preload=[]))
    except SandboxError as error:
        pytest.skip(str(error))
    with small:
        (zygote,) = small._all
        killer = threading.Timer(0.2, os.kill, (zygote.pid, 9))
        killer.start()
        outcome = small.run_program("import time\ntime.sleep(60)", b"", Limits(wall_s=30.0))
        assert outcome.ending is Ending.SETUP
        assert small.run_program("print(1)", b"", Limits()).stdout == b"1\n"
    with pytest.raises(SandboxError, match="closed"):
        small.run_program("print(1)", b"", Limits())


def test_no_process_is_left_when_a_sandbox_closes():
    try:
        opened = open_sandbox(SandboxConfig(zygotes=2, preload=[]))
    except SandboxError as error:
        pytest.skip(str(error))
    pids = [zygote.pid for zygote in opened._all]
    children = [child for pid in pids for child in children_of(pid)]
    assert bool(children) == (opened.level is Level.STRONG)
    opened.close()
    deadline = time.monotonic() + 10
    while any(map(is_running, [*pids, *children])) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, [*pids, *children]))


ORPHANS = """
import os, threading, time
from rlsys.config.sandbox import SandboxConfig
from verifiers.sandbox.interface import Limits
from verifiers.sandbox.pool import open_sandbox

sandbox = open_sandbox(SandboxConfig(zygotes=1, preload=[]))
job = ("import time; time.sleep(60)", b"", Limits(wall_s=60.0))
threading.Thread(target=sandbox.run_program, args=job, daemon=True).start()
(zygote,) = sandbox._all

def below(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [pid, *(p for child in file.read().split() for p in below(int(child)))]

while len(below(zygote.pid)) < 3:
    time.sleep(0.01)
print(*below(zygote.pid), flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_killed_caller_leaves_no_zygote_and_no_job(strong):
    killed = subprocess.run(
        [sys.executable, "-c", ORPHANS],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    pids = [int(pid) for pid in killed.stdout.split()]
    assert len(pids) == 3
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, pids))


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")
@pytest.mark.usefixtures("sandbox")
def test_memory_of_a_large_answer_is_given_back_and_not_kept_on_the_heap():
    # Once such a block was freed, glibc would take the next one from its heap.
    held = bytearray(24 << 20)
    del held
    block = bytearray(20 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    assert not any(begin <= address < end for begin, end in _heaps())


def _heaps():
    with open("/proc/self/maps", encoding="ascii") as maps:
        for line in maps:
            if line.rstrip().endswith("[heap]"):
                begin, _, end = line.split()[0].partition("-")
                yield int(begin, 16), int(end, 16)
