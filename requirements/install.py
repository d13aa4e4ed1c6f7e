"""python requirements/install.py LOCK: install what a lock file names, and nothing else.

On Linux, PyPI's torch is the build for CUDA. The one for CPUs is in PyTorch's own index, and is
taken from there unless pip is configured for an index or a folder of wheels: then those are to
have it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

TORCH_FOR_CPUS = "https://download.pytorch.org/whl/cpu"
PIP = (sys.executable, "-m", "pip")
INSTALL = (*PIP, "install", "--quiet", "--no-deps")


def compiling(environment: Mapping[str, str]) -> list[str]:
    """pip's option for bytecode. Compiling all is half of the installation's CPU time, and Python
    compiles what is used when it is. Where it may not write that down, as in many images, it would
    do so again at every start of every process: 2.4 s of CPU for torch and transformers alone."""
    return [] if environment.get("PYTHONDONTWRITEBYTECODE") else ["--no-compile"]


def commands(lock: Path, pip_settings: str, environment: Mapping[str, str]) -> list[list[str]]:
    """What to run, in order.

    Args:
        pip_settings: what `pip config list` prints.
    """
    install = [*INSTALL, *compiling(environment)]
    everything = [*install, "-r", str(lock)]
    has_source = any(word in pip_settings for word in ("index-url", "find-links"))
    if lock.name != "cpu.lock" or has_source:
        return [everything]
    (torch,) = (line for line in lock.read_text().splitlines() if line.startswith("torch=="))
    # Alone: for all other packages PyPI is the place to look.
    return [[*install, "--index-url", TORCH_FOR_CPUS, torch], everything]


def main() -> None:
    settings = subprocess.run(
        [*PIP, "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    for command in commands(Path(sys.argv[1]), settings, os.environ):
        if status := subprocess.run(command, check=False).returncode:
            sys.exit(status)


if __name__ == "__main__":
    main()
