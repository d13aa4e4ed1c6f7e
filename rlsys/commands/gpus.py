"""What `rlsys doctor` looks at where there are GPUs: the driver, and what Triton needs.

It imports nothing of the project but its table's line, as installation.py.
"""

import shutil
import subprocess

from rlsys.commands.installation import Check, Level

_DRIVERS = {"12": (525, "525.60"), "13": (580, "580.65")}
"""By CUDA's major version, the first branch of the driver that runs it, as NVIDIA lists them."""
_COMPILERS = ("cc", "gcc", "clang")


def count_gpus() -> int:
    """GPUs that the driver lists; 0 without nvidia-smi."""
    return sum(line.startswith("GPU ") for line in _nvidia_smi("--list-gpus"))


def driver_version() -> str:
    """The driver's, as in `580.65.06`; empty without nvidia-smi."""
    said = _nvidia_smi("--query-gpu=driver_version", "--format=csv,noheader")
    return said[0].strip() if said else ""


def check_driver(driver: str, cuda: str | None) -> Check:
    """Whether the driver runs programs of torch's CUDA, without which torch sees no GPU.

    Args:
        cuda: version of torch's build, such as `13.0`; empty for one for CPUs.
    """
    if not driver or not cuda:
        return Check("NVIDIA driver", driver or "none")
    branch, least = _DRIVERS.get(cuda.partition(".")[0], (0, ""))
    if int(driver.partition(".")[0]) < branch:
        hint = f"CUDA {cuda} needs {least} or newer: torch sees no GPU"
        return Check("NVIDIA driver", driver, Level.PROBLEM, hint)
    return Check("NVIDIA driver", driver)


def check_compiler(cuda: str | None) -> Check:
    """Triton compiles its launchers on the machine, with a C compiler."""
    found = next((path for name in _COMPILERS if (path := shutil.which(name))), "")
    if cuda and not found:
        hint = "Triton needs one at vLLM's start: apt-get install gcc g++ libc6-dev"
        return Check("C compiler", "none", Level.PROBLEM, hint)
    return Check("C compiler", found or "none")


def _nvidia_smi(*options: str) -> list[str]:
    """The lines that it prints; none where it fails."""
    try:
        asked = subprocess.run(
            ["nvidia-smi", *options], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return asked.stdout.splitlines()
