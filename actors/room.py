"""How much memory there is: of a cluster's GPUs and nodes, of this machine, or of one described."""

import math
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import ray

from actors.nodes import ask_nodes
from actors.placement import Need
from rlsys.config.batch import gpu_batch
from rlsys.config.host_plan import Node
from rlsys.config.memory import GIB
from rlsys.config.memory_plan import Room
from rlsys.config.run import RunConfig

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Of a container, as the two versions of Linux's control groups have it."""


def room_of_the_cluster() -> Room:
    """Each node's memory and shares, and the smallest GPU's memory; what no node says within a
    minute is left out."""
    there = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
    found = [one for one in ask_nodes(_of_this_node, "CPU") if one]
    nodes = [
        Node(gib, there[name].get("CPU", 0.0), there[name].get("GPU", 0.0))
        for name, _, gib in found
    ]
    return Room(min((gpu for _, gpu, _ in found if gpu), default=None), nodes)


def _of_this_node() -> tuple[str, float | None, float]:
    return ray.get_runtime_context().get_node_id(), gpu_gib_here(), memory_gib_here()


def alike_nodes(needs: Sequence[Need], gib: float | None, gpus: float) -> list[Node]:
    """As many nodes of this size as have the GPUs that the roles need; one where they need none."""
    wanted = sum(need.total["GPU"] for need in needs)
    count = max(1, math.ceil(wanted / gpus - 1e-9)) if gpus else 1
    return [Node(gib, gpus=gpus)] * count


def batched_by_nodes(config: RunConfig) -> RunConfig:
    """The settings with a number of completions that a sampler takes at once, by the smallest GPU
    of the cluster; as they are where that is no question."""
    if not config.rollout.gpus or config.rollout.max_sequences:
        return config
    smallest = min(filter(None, ask_nodes(smallest_gpu_here, "GPU")), default=None)
    if smallest is None:
        return config
    most = gpu_batch(*smallest).sequences
    return replace(config, rollout=replace(config.rollout, max_sequences=most))


def smallest(listed: str) -> tuple[float, str] | None:
    """GiB and name of the smallest of nvidia-smi's list, a line of MiB and a name a GPU; None for
    an empty one."""
    found = [line.partition(", ") for line in listed.splitlines()]
    return min(
        ((float(size) / 1024, name) for size, _, name in found if size.isdecimal()), default=None
    )


def smallest_gpu_here() -> tuple[float, str] | None:
    """GiB and name of this machine's smallest GPU; None without nvidia-smi."""
    command = ["nvidia-smi", "--query-gpu=memory.total,name", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return smallest(asked.stdout)


def gpu_gib_here() -> float | None:
    """GiB of this machine's smallest GPU."""
    found = smallest_gpu_here()
    return found[0] if found else None


def memory_gib_here(limits: Sequence[str] = _LIMITS) -> float:
    """GiB of this machine, or of the container that this process is in."""
    sizes = [float(psutil.virtual_memory().total)]
    for file in map(Path, limits):
        # `max` where there is no limit.
        if file.is_file() and (said := file.read_text(encoding="ascii").strip()).isdecimal():
            sizes.append(float(said))
    return min(sizes) / GIB
