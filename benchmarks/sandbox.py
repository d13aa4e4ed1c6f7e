"""Sandboxed jobs per second, against bare forks and against starting interpreters, in one run.

    python benchmarks/sandbox.py [--jobs 400] [--rounds 5]

All on one core, in turns of 40 jobs, so that a core that becomes slower does so for all of them:

    sandbox    run_program("pass") through one zygote: everything that a real job has
    bare_fork  the zygote's own program and modules, imported, collected and frozen as there, that
               forks children which compile and run "pass", exit, and are waited for: no isolation,
               no pipes, no caller
    python     subprocess.run of `python -I -S -c pass`

Twice each: per second of wall time, which holds on an idle machine only, and per second of CPU time
of all processes together (caller, zygote, job; not the kernel's own threads), which is what a core
gives when it is busy with nothing else.

Then one zygote on one core against a zygote on each, by wall time. Bars: at least 0.70 of the bare
fork, at least 4 times python. The last line is JSON.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

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
while jobs := sys.stdin.readline():
    for _ in range(int(jobs)):
        pid = os.fork()
        if pid == 0:
            try:
                exec(compile("pass", "p", "exec"), {})
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
    print("done", flush=True)
"""
TURN = 40
CONFIG = SandboxConfig(zygotes=1)
LIMITS = Limits()


@dataclass
class Contestant:
    """One way to run jobs, and what it has used so far."""

    name: str
    work: Callable[[int], None]
    cpu_clock: Callable[[], float]
    jobs: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    rates: list[tuple[float, float]] = field(default_factory=list)

    def turn(self, jobs: int) -> None:
        cpu, wall = self.cpu_clock(), time.perf_counter()
        self.work(jobs)
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += self.cpu_clock() - cpu
        self.jobs += jobs

    def end_round(self) -> None:
        """Note jobs per CPU second and per second, and begin anew."""
        self.rates.append((self.jobs / self.cpu_s, self.jobs / self.wall_s))
        self.jobs, self.cpu_s, self.wall_s = 0, 0.0, 0.0


def run_jobs(pool: ZygotePool, jobs: int) -> None:
    for _ in range(jobs):
        outcome = pool.run_program("pass", b"", LIMITS)
        if (outcome.ending, outcome.exit_code) != (Ending.EXITED, 0):
            raise SystemExit(f"a job failed: {outcome}")


def sandbox(stack: contextlib.ExitStack) -> Contestant:
    before = set(psutil.Process().children())
    pool = stack.enter_context(open_sandbox(CONFIG))
    (started,) = set(psutil.Process().children()) - before
    zygote = started.children()[-1] if started.children() else started
    return Contestant(
        "sandbox", lambda jobs: run_jobs(pool, jobs), lambda: time.process_time() + used_by(zygote)
    )


def bare_fork(stack: contextlib.ExitStack) -> Contestant:
    arguments = ["-I", "-S", "-X", "utf8", "-c", BARE_FORK, str(ROOT), ",".join(CONFIG.preload)]
    process = stack.enter_context(
        subprocess.Popen(
            [INTERPRETER, *arguments],
            env={"MALLOC_ARENA_MAX": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    assert process.stdin is not None
    assert process.stdout is not None
    commands, answers = process.stdin, process.stdout

    def work(jobs: int) -> None:
        print(jobs, file=commands, flush=True)
        if answers.readline() != "done\n":
            raise SystemExit("the bare fork failed")

    watched = psutil.Process(process.pid)
    return Contestant("bare_fork", work, lambda: used_by(watched))


def python() -> Contestant:
    def work(jobs: int) -> None:
        for _ in range(jobs):
            subprocess.run([INTERPRETER, "-I", "-S", "-c", "pass"], check=True)

    def cpu_clock() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    return Contestant("python", work, cpu_clock)


def used_by(process: psutil.Process) -> float:
    """CPU seconds of a process and of the children that it has waited for."""
    return sum(process.cpu_times()[:4])


def on_one_core(jobs: int, rounds: int) -> dict[str, float]:
    """Medians of the rates, and of the ratios within each round."""
    with contextlib.ExitStack() as stack:
        contestants = [sandbox(stack), bare_fork(stack), python()]
        for contestant in contestants:
            contestant.work(TURN)  # warm
        for number in range(rounds):
            for _ in range(max(1, jobs // TURN)):
                for contestant in contestants:
                    contestant.turn(TURN)
            for contestant in contestants:
                contestant.end_round()
            print(f"round {number + 1}: " + ", ".join(_shown(c) for c in contestants), flush=True)
    return _medians(*contestants)


def _shown(contestant: Contestant) -> str:
    cpu, wall = contestant.rates[-1]
    return f"{contestant.name} {cpu:.0f} per CPU second, {wall:.0f} per second"


def _medians(ours: Contestant, *baselines: Contestant) -> dict[str, float]:
    result = {}
    for place, unit in enumerate(("cpu_s", "s")):
        for contestant in (ours, *baselines):
            rates = [rate[place] for rate in contestant.rates]
            result[f"{contestant.name}_per_{unit}"] = statistics.median(rates)
        for baseline in baselines:
            ratios = [a[place] / b[place] for a, b in zip(ours.rates, baseline.rates, strict=True)]
            result[f"of_{baseline.name}_by_{unit}"] = statistics.median(ratios)
    return {name: round(value, 3) for name, value in result.items()}


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
    parser.add_argument("--jobs", type=int, default=400, help="per round")
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
