"""Sandboxed jobs per second, against bare forks and against starting interpreters, in one run.

    python benchmarks/sandbox.py [--seconds 1] [--rounds 5]

All on one core, in turns, so that a busy machine slows all of them alike:

    sandbox   run_program("pass") through one zygote: everything that a real job has
    bare fork the zygote's own program and modules, imported, collected and frozen as there, that
              forks a child which compiles and runs "pass", exits, and is waited for: no isolation,
              no pipes, no caller
    python    subprocess.run of `python -I -S -c pass`

Then one zygote on one core against as many zygotes as cores, for scaling. Bars: at least 0.70 of
the bare fork, and at least 4 times python. The last line is JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rlsys.config.sandbox import SandboxConfig
from verifiers.sandbox.interface import Ending, Limits
from verifiers.sandbox.pool import ZygotePool, open_sandbox

ROOT = Path(__file__).resolve().parents[1]
INTERPRETER = vars(sys)["_base_executable"]
BARE_FORK = """
import gc, importlib, os, sys
sys.path.insert(0, sys.argv[1])
from verifiers.sandbox import zygote
for name in sys.argv[2].split(","):
    importlib.import_module(name)
gc.collect(); gc.disable(); gc.freeze()
while sys.stdin.readline():
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            try:
                exec(compile("pass", "p", "exec"), {})
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
    print("done", flush=True)
"""
LIMITS = Limits()


class BareForks:
    """The baseline: a process that forks twenty times whenever it is told to."""

    def __init__(self, preload: list[str]) -> None:
        arguments = ["-I", "-S", "-X", "utf8", "-c", BARE_FORK, str(ROOT), ",".join(preload)]
        self._process = subprocess.Popen(
            [INTERPRETER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"MALLOC_ARENA_MAX": "1"},
        )

    def twenty(self) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        self._process.stdout.readline()
        return 20

    def close(self) -> None:
        self._process.communicate()


def rate(work: Callable[[], int], seconds: float) -> float:
    """Jobs per second of work, which returns how many it did."""
    done, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        done += work()
    return done / passed


def start_python() -> int:
    subprocess.run([INTERPRETER, "-I", "-S", "-c", "pass"], check=True)
    return 1


def sandboxed(pool: ZygotePool) -> Callable[[], int]:
    def one_job() -> int:
        outcome = pool.run_program("pass", b"", LIMITS)
        if (outcome.ending, outcome.exit_code) != (Ending.EXITED, 0):
            raise SystemExit(f"a job failed: {outcome}")
        return 1

    return one_job


def together(pool: ZygotePool, seconds: float) -> float:
    """Jobs per second of one thread per zygote."""
    rates: list[float] = []
    threads = [
        threading.Thread(target=lambda: rates.append(rate(sandboxed(pool), seconds)))
        for _ in range(pool.num_zygotes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


def on_one_core(seconds: float, rounds: int) -> dict[str, float | str]:
    config = SandboxConfig(zygotes=1)
    bare = BareForks(config.preload)
    with open_sandbox(config) as pool:
        print(f"level {pool.level}; one core; preloaded: {', '.join(config.preload)}")
        work = {"sandbox": sandboxed(pool), "bare_fork": bare.twenty, "python": start_python}
        for do in work.values():
            rate(do, 0.2)
        found: dict[str, list[float]] = {name: [] for name in work}
        ratios: dict[str, list[float]] = {"bare_fork": [], "python": []}
        for number in range(rounds):
            for name, do in work.items():
                found[name].append(rate(do, seconds))
            for name in ratios:
                ratios[name].append(found["sandbox"][-1] / found[name][-1])
            print(
                f"round {number + 1}: " + ", ".join(f"{k} {v[-1]:.0f}/s" for k, v in found.items())
            )
        level = str(pool.level)
    bare.close()
    return {
        "level": level,
        **{f"{name}_per_s": round(statistics.median(v), 1) for name, v in found.items()},
        **{f"of_{name}": round(statistics.median(v), 3) for name, v in ratios.items()},
    }


def scaling(cores: set[int], seconds: float, rounds: int) -> float:
    """Jobs per second with a zygote on each core, against one on one."""
    ratios = []
    with open_sandbox(SandboxConfig(zygotes=len(cores))) as many:
        os.sched_setaffinity(0, {min(cores)})
        with open_sandbox(SandboxConfig(zygotes=1)) as one:
            for _ in range(rounds):
                os.sched_setaffinity(0, {min(cores)})
                alone = together(one, seconds)
                os.sched_setaffinity(0, cores)
                ratios.append(together(many, seconds) / alone)
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    result = on_one_core(options.seconds, options.rounds)
    os.sched_setaffinity(0, cores)
    result |= {"cores": len(cores)}
    result["of_one_core"] = round(scaling(cores, options.seconds, options.rounds), 2)
    print(
        f"sandbox {result['sandbox_per_s']}/s: {result['of_bare_fork']} of the bare fork (bar 0.70)"
        f", {result['of_python']} times python (bar 4); {len(cores)} cores give "
        f"{result['of_one_core']} times one"
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
