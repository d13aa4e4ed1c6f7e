"""Sandboxed jobs per second, against bare forks and against starting interpreters, in one run.

    python benchmarks/sandbox.py [--jobs 300] [--rounds 5]

All on one core, in turns:

    sandbox    run_program("pass") through one zygote: everything that a real job has
    bare_fork  the zygote's own program and modules, imported, collected and frozen as there, that
               forks children which compile and run "pass", exit, and are waited for: no isolation,
               no pipes, no caller
    python     subprocess.run of `python -I -S -c pass`

Twice each: per second of wall time, which holds on an idle machine only, and per second of CPU time
of all processes together (caller, zygote, job; not the kernel's own threads), which is what a core
gives when it is busy with nothing else. Starting and ending are measured with no job and taken off.

Then one zygote on one core against a zygote on each, by wall time. Bars: at least 0.70 of the bare
fork, at least 4 times python. The last line is JSON.
"""

import argparse
import json
import os
import resource
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
for _ in range(int(sys.argv[3])):
    pid = os.fork()
    if pid == 0:
        try:
            exec(compile("pass", "p", "exec"), {})
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
"""
CONFIG = SandboxConfig(zygotes=1)
LIMITS = Limits()
Work = Callable[[int], None]


def sandbox(jobs: int) -> None:
    with open_sandbox(CONFIG) as pool:
        run_jobs(pool, jobs)


def run_jobs(pool: ZygotePool, jobs: int) -> None:
    for _ in range(jobs):
        outcome = pool.run_program("pass", b"", LIMITS)
        if (outcome.ending, outcome.exit_code) != (Ending.EXITED, 0):
            raise SystemExit(f"a job failed: {outcome}")


def bare_fork(jobs: int) -> None:
    arguments = ["-I", "-S", "-X", "utf8", "-c", BARE_FORK, str(ROOT), ",".join(CONFIG.preload)]
    environment = {"MALLOC_ARENA_MAX": "1"}
    subprocess.run([INTERPRETER, *arguments, str(jobs)], env=environment, check=True)


def python(jobs: int) -> None:
    for _ in range(jobs):
        subprocess.run([INTERPRETER, "-I", "-S", "-c", "pass"], check=True)


def cpu_s() -> float:
    """CPU seconds of this process and of all that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def seconds(work: Work, jobs: int) -> tuple[float, float]:
    """CPU and wall seconds of some jobs, with starting and ending."""
    cpu, wall = cpu_s(), time.perf_counter()
    work(jobs)
    return cpu_s() - cpu, time.perf_counter() - wall


def rates(work: Work, jobs: int) -> tuple[float, float]:
    """Jobs per CPU second and per wall second."""
    nothing, all_of_it = seconds(work, 0), seconds(work, jobs)
    cpu, wall = (jobs / (b - a) for a, b in zip(nothing, all_of_it, strict=True))
    return cpu, wall


def on_one_core(jobs: int, rounds: int) -> dict[str, float]:
    """Medians of the rates, and of the ratios within each round."""
    amounts = {sandbox: jobs, bare_fork: jobs, python: max(1, jobs // 10)}
    rows: list[dict[str, float]] = []
    for number in range(rounds):
        row: dict[str, float] = {}
        for work, amount in amounts.items():
            row[f"{work.__name__}_per_cpu_s"], row[f"{work.__name__}_per_s"] = rates(work, amount)
        for baseline in ("bare_fork", "python"):
            for unit in ("cpu_s", "s"):
                ratio = row[f"sandbox_per_{unit}"] / row[f"{baseline}_per_{unit}"]
                row[f"of_{baseline}_by_{unit}"] = ratio
        rows.append(row)
        print(f"round {number + 1}: " + ", ".join(f"{k} {v:.3g}" for k, v in row.items()))
    return {name: round(statistics.median(row[name] for row in rows), 3) for name in rows[0]}


def together(pool: ZygotePool, jobs: int) -> float:
    """Jobs per second of one thread per zygote."""
    threads = [
        threading.Thread(target=run_jobs, args=(pool, jobs)) for _ in range(pool.num_zygotes)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(threads) * jobs / (time.perf_counter() - began)


def scaling(cores: set[int], jobs: int, rounds: int) -> float:
    """Jobs per second with a zygote on each core, against one on one."""
    ratios = []
    with open_sandbox(SandboxConfig(zygotes=len(cores))) as many:
        os.sched_setaffinity(0, {min(cores)})
        with open_sandbox(CONFIG) as one:
            for _ in range(rounds):
                os.sched_setaffinity(0, {min(cores)})
                alone = together(one, jobs)
                os.sched_setaffinity(0, cores)
                ratios.append(together(many, jobs) / alone)
    return round(statistics.median(ratios), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=300, help="per measurement")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cores = os.sched_getaffinity(0)
    with open_sandbox(CONFIG) as pool:
        print(f"level {pool.level}; preloaded: {', '.join(CONFIG.preload)}")
    os.sched_setaffinity(0, {min(cores)})
    result = on_one_core(options.jobs, options.rounds)
    os.sched_setaffinity(0, cores)
    result["cores"] = len(cores)
    result["all_cores_of_one"] = scaling(cores, options.jobs, options.rounds)
    print(json.dumps({"benchmark": "sandbox", "load": os.getloadavg()[0], **result}))


if __name__ == "__main__":
    main()
