"""Asking every node of the cluster about its machine."""

from collections.abc import Callable
from typing import TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

_ASK_S = 60.0

T = TypeVar("T")


def ask_nodes(question: Callable[[], T], kind: str) -> list[T | None]:
    """What each living node that has some of `kind`, "CPU" or "GPU", answers; None: nothing, in a
    minute."""
    nodes = [n["NodeID"] for n in ray.nodes() if n["Alive"] and n["Resources"].get(kind)]
    asked = [_on_node(question, node) for node in nodes]
    done, silent = ray.wait(asked, num_returns=len(asked), timeout=_ASK_S) if asked else ([], [])
    return [*ray.get(done), *(None for _ in silent)]


def _on_node(question: Callable[[], T], node_id: str) -> ray.ObjectRef:
    strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
    task = ray.remote(question).options(num_cpus=0, scheduling_strategy=strategy)
    return task.remote()
