"""How much memory the cluster's GPUs have, asked of each node that has some."""

import subprocess

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

_ASK_S = 60.0


def smallest_gpu_gib() -> float | None:
    """GiB of the smallest GPU of the cluster; None where no node can say."""
    nodes = [n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Resources"].get("GPU")]
    asked = [_on_node(node) for node in nodes]
    done, _ = ray.wait(asked, num_returns=len(asked), timeout=_ASK_S) if asked else ([], [])
    return min((least for least in ray.get(done) if least), default=None)


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


def _on_node(node_id: str) -> ray.ObjectRef:
    strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
    task = ray.remote(of_this_machine).options(num_cpus=0, scheduling_strategy=strategy)
    return task.remote()
