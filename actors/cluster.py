"""Joining the running Ray cluster, or starting one on this machine."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from actors import guardian
from rlsys.config.run import ClusterConfig
from rlsys.errors import ResourceError
from rlsys.network import require_cluster
from rlsys.watch.signals import unwinding


@contextmanager
def connected(config: ClusterConfig) -> Iterator[str]:
    """Ray for the block's duration; yields a line that says which cluster it is.

    A cluster that is running (RAY_ADDRESS, `ray start`, `ray job submit`, cluster.address) is
    joined; else one is started on this machine and ended with the block.

    Raises:
        ConfigError, ResourceError: the cluster that is named does not answer; within seconds, where
            Ray itself tries for a quarter of an hour.
    """
    require_cluster(config.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray starts workers at niceness 15: whatever else a laptop does would come before training.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Ray's head keeps records of the newest 100,000 calls, and until there are so many it grew by
    # 3.7 MB in 100 steps.
    os.environ.setdefault("RAY_task_events_max_num_task_in_gcs", "2000")
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    watchdog = guardian.start()
    try:
        if config.address not in ("", "local"):
            ray.init(address=config.address, **options)
        else:
            _join_or_start(config, options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ResourceError(f"cannot reach a Ray cluster: {error}") from error
    try:
        # Ray has put handlers of its own, which print stacks of C++, in the place of ours.
        with unwinding():
            yield _describe()
    finally:
        ray.shutdown()
        assert watchdog.stdin is not None
        watchdog.stdin.close()


def _describe() -> str:
    """Which cluster it is, in a line."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    have = ray.cluster_resources()
    url = ray.get_runtime_context().gcs_address
    return (
        f"Ray {ray.__version__} at {url}: {len(nodes)} node(s), "
        f"{have.get('CPU', 0):g} CPUs, {have.get('GPU', 0):g} GPUs"
    )


def _join_or_start(config: ClusterConfig, options: dict[str, Any]) -> None:
    try:
        ray.init(
            address=config.address or None,
            num_cpus=config.num_cpus or os.cpu_count(),
            include_dashboard=False,
            **options,
        )
    except ValueError as error:
        # Ray refuses these arguments where a cluster is running already: that one is joined.
        if "existing cluster" not in str(error):
            raise
        ray.init(**options)
