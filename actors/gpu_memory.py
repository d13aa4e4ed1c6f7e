"""How much memory the cluster's GPUs have, asked of each node that has some."""

import subprocess

from actors.nodes import ask_nodes


def smallest_gpu_gib() -> float | None:
    """GiB of the smallest GPU of the cluster; None where no node can say."""
    found = ask_nodes(of_this_machine, "GPU")
    return min((least for least in found if least), default=None)


def least_gib(listed: str) -> float | None:
    """Of nvidia-smi's list of MiB, a line a GPU; None for an empty one."""
    sizes = [float(line) for line in listed.split() if line.isdecimal()]
    return min(sizes) / 1024 if sizes else None


def of_this_machine() -> float | None:
    """GiB of the smallest GPU here; None without nvidia-smi."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return least_gib(asked.stdout)
