"""`rlsys doctor`: is this machine fit to run? Looks and reports; changes and starts nothing.

It imports nothing of the project but what it looks at beside the machine, which imports nothing
either: so it also works where a broken installation keeps every other command from starting.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlsys.commands.gpus import check_compiler, check_driver, count_gpus, driver_version
from rlsys.commands.installation import (
    MIN_VERSIONS,
    Check,
    Level,
    build_of,
    check_companions,
    check_imports,
    check_package,
    check_python,
    check_torch_build,
    check_verifiers_module,
    check_vllm,
)

_MIN_SHARED_MEMORY_GIB = 1.0
_CACHE = "~/.cache/rlsys"
_ROOT = Path(__file__).resolve().parents[2]
_SANDBOX_TIMEOUT_S = 120.0


_STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}


def doctor(
    imports: Annotated[
        bool, typer.Option(help="Also import the libraries, which takes most of the time.")
    ] = True,
) -> None:
    """Check the installation and this machine; exit status 1 when something is broken."""
    console = Console()
    num_gpus, cuda = count_gpus(), build_of("torch")
    checks = [
        check_python(),
        *(check_package(name, least) for name, least in MIN_VERSIONS.items()),
        check_vllm(),
        check_torch_build(num_gpus, cuda),
        check_companions(cuda),
        check_verifiers_module(_ROOT),
        check_devices(num_gpus),
        *([check_driver(driver_version(), cuda), check_compiler(cuda)] if num_gpus else []),
        check_shared_memory(Path("/dev/shm")),
        check_ray_cluster(ray_address()),
        check_cache(Path(_CACHE).expanduser()),
        check_sandbox(sandbox_report(_ROOT)),
    ]
    if imports:
        modules = [m for m in (*MIN_VERSIONS, "vllm") if importlib.util.find_spec(m)]
        with console.status("importing") as status:
            checks += check_imports(modules, status.update)
    console.print(as_table(checks))
    broken = sum(check.level is Level.PROBLEM for check in checks)
    if broken:
        console.print(f"{broken} problem(s)", style="bold red")
        raise typer.Exit(1)
    console.print("no problem found", style="green")


def as_table(checks: Iterable[Check]) -> Table:
    """The checks for a terminal."""
    table = Table(box=None)
    for heading in ("check", "found", "", "hint"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        state = Text(check.level, style=_STYLES[check.level])
        table.add_row(Text(check.name), Text(check.found), state, Text(check.hint))
    return table


# --- the machine -----------------------------------------------------------------------------


def check_devices(num_gpus: int) -> Check:
    """CPUs that this process may use, and GPUs."""
    affinity = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    found = f"{affinity} CPUs, {num_gpus} GPUs"
    if affinity < 2:
        hint = "sampling and learning share one core: it works, at half the speed"
        return Check("devices", found, Level.NOTE, hint)
    return Check("devices", found)


def check_shared_memory(folder: Path) -> Check:
    """Ray keeps its object store there: weights and batches."""
    if not folder.is_dir():
        hint = "Ray keeps its object store in the temporary folder instead"
        return Check("shared memory", f"no {folder}", Level.NOTE, hint)
    usage = shutil.disk_usage(folder)
    free, total = usage.free / 2**30, usage.total / 2**30
    found = f"{free:.1f} of {total:.1f} GiB free"
    if free < _MIN_SHARED_MEMORY_GIB:
        hint = "free some, or start the container with a larger --shm-size"
        return Check("shared memory", found, Level.PROBLEM, hint)
    return Check("shared memory", found)


def check_ray_cluster(address: str) -> Check:
    """Whether the cluster that Ray would join answers; "" where there is none to join."""
    if not address:
        return Check("Ray cluster", "none: a run starts its own")
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if not port.isdecimal():
        hint = "expected host:port; unset RAY_ADDRESS to start a cluster here"
        return Check("Ray cluster", address, Level.PROBLEM, hint)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError as error:
        hint = "start it again, or give runs their own with cluster.address=local"
        return Check("Ray cluster", f"{address}: {error}", Level.PROBLEM, hint)
    return Check("Ray cluster", f"{address} answers: a run joins it")


def check_cache(folder: Path) -> Check:
    """Whether the cache of prepared policies (model.cache) can be written."""
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        hint = "name another folder: model.cache=FOLDER"
        return Check("cache", f"{folder}: {error.strerror}", Level.PROBLEM, hint)
    return Check("cache", f"{folder} can be written")


def sandbox_report(root: Path) -> str:
    """What `python -m verifiers.sandbox` prints: it runs a canary job at each level."""
    try:
        asked = subprocess.run(
            [sys.executable, "-m", "verifiers.sandbox"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=_SANDBOX_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"level none\n{error}"
    return asked.stdout or f"level none\n{asked.stderr.strip()[-300:]}"


def check_sandbox(report: str) -> Check:
    """How well programs of the policy are confined; only verifiers that run programs need it."""
    first, _, reasons = report.partition("\n")
    level = first.removeprefix("level ")
    if level == "strong":
        return Check("sandbox", level)
    return Check("sandbox", level, Level.NOTE, f"{reasons.strip()} (docs/security.md)")


def ray_address() -> str:
    """Where `ray.init` would look for a cluster: RAY_ADDRESS, else what `ray start` left."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named and named != "auto":
        return named
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    left = Path(folder) / "ray" / "ray_current_cluster"
    return left.read_text().strip() if left.is_file() else ""
