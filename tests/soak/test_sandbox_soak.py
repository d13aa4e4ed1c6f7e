"""20,000 hostile and honest jobs through one pool: afterwards nothing is left of them."""

import ctypes
import itertools
import os
import random
import time
from pathlib import Path

import psutil
import pytest

from rlsys.config.sandbox import SandboxConfig
from tests.helpers.adversarial_programs import read
from verifiers.base import Completion, verify_all
from verifiers.code.functions import FunctionVerifier
from verifiers.code.programs import ProgramVerifier
from verifiers.sandbox.pool import open_sandbox

JOBS = 20_000
WARM_UP = 2_000
BATCH = 64
ZYGOTES = 2
GROWTH_MB = 16
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


# For a machine with nothing else to do: where others have the cores, a job may not be set up within
# its second, and has no verdict then.
@pytest.mark.soak
def test_twenty_thousand_jobs_leave_no_process_no_file_and_no_memory():
    # Whatever a job leaves running would become a child of this process, and be counted.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    sandbox = open_sandbox(SandboxConfig(zygotes=ZYGOTES))
    hostile = {
        "code_functions": FunctionVerifier(sandbox, wall_s=1.0, cpu_s=0.15, memory_mb=128),
        "code_programs": ProgramVerifier(sandbox, wall_s=1.0, cpu_s=0.15, memory_mb=128),
    }
    honest = {
        "code_functions": FunctionVerifier(sandbox, wall_s=30.0, cpu_s=10.0),
        "code_programs": ProgramVerifier(sandbox, wall_s=30.0, cpu_s=10.0),
    }
    cases = [(hostile, case, 0.0) for part in read("hostile").values() for case in part]
    cases += [(honest, case, 1.0) for part in read("honest").values() for case in part] * 3
    order = random.Random(0)
    done, began, early, wrong = 0, time.monotonic(), None, []
    while done < JOBS:
        group, name = order.choice([hostile, honest]), order.choice(["functions", "programs"])
        name = f"code_{name}"
        chosen = [c for c in cases if c[0] is group and c[1].verifier == name]
        batch = order.choices(chosen, k=BATCH)
        verdicts = verify_all(group[name], [case.completion for _, case, _ in batch])
        for (_, case, reward), verdict in zip(batch, verdicts, strict=True):
            if verdict.reward != reward:
                wrong.append((case.name, verdict))
        done += BATCH
        if early is None and done >= WARM_UP:
            _settle(hostile, honest)
            early = _remains()
        if done % (50 * BATCH) == 0:
            print(f"{done} jobs in {time.monotonic() - began:.0f} s, {_remains()}", flush=True)
    _settle(hostile, honest)
    late = _remains()
    print(f"{done} jobs in {time.monotonic() - began:.0f} s: {early} -> {late}")
    assert wrong == []
    assert early is not None
    for what in ("processes", "descriptors", "mounts", "shared memory", "files"):
        assert late[what] == early[what], (what, early, late)
    assert late["MiB"] - early["MiB"] < GROWTH_MB
    for verifier in itertools.chain(hostile.values(), honest.values()):
        if isinstance(verifier, FunctionVerifier):
            verifier.close()
    sandbox.close()
    assert _remains()["processes"] == 1


def _settle(*groups: dict[str, object]) -> None:
    """Have every process that runs tests be alive: one that a job had killed starts again with the
    next task, and they take tasks in turn."""
    right = Completion("", "def f(x):\n    return x", None, {"test_list": ["assert f(1) == 1"]})
    for group in groups:
        for _ in range(ZYGOTES):
            assert group["code_functions"].verify(right).reward == 1.0


def _remains() -> dict[str, int]:
    """What jobs could have left, and the resident memory of this process and the pool."""
    family = [
        held
        for one in (psutil.Process(), *psutil.Process().children(recursive=True))
        if (held := _held(one)) is not None
    ]
    return {
        "processes": len(family),
        "descriptors": sum(descriptors for descriptors, _ in family),
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "shared memory": len(Path("/proc/sysvipc/shm").read_text().splitlines()),
        "files": len([name for name in os.listdir("/dev/shm") if "left_behind" in name]),
        "MiB": sum(memory for _, memory in family) >> 20,
    }


def _held(process: psutil.Process) -> tuple[int, int] | None:
    """Its descriptors, and bytes of its resident memory; None for one that has ended. Among them
    are the dead of ended namespaces, since this process is their subreaper."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return len(os.listdir(f"/proc/{process.pid}/fd")), process.memory_info().rss
    except (psutil.NoSuchProcess, FileNotFoundError):
        return None
