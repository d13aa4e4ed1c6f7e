"""Joining the running Ray cluster, or starting one on this machine."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

from actors import guardian
from rlsys.config.run import ClusterConfig
from rlsys.errors import ResourceError
from rlsys.network import require_cluster
from rlsys.watch.signals import skip_exit_handlers, unwinding

_LOOK_S = 0.5
_REPLY_S = 2.0
"""A head on this machine takes a connection at once, however busy it is."""
_SHUTDOWN_S = 20.0
"""Seen: 2 s; up to 10 s where the head ended meanwhile."""


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
    except Exception as error:  # Ray raises a bare one where its own processes are not up in time
        if type(error) is not Exception:
            raise
        raise ResourceError(
            f"Ray did not start on this machine, whose {os.cpu_count()} CPUs have a load of "
            f"{os.getloadavg()[0]:.0f}: {error} Start again when it has less to do"
        ) from error
    try:
        # Ray has put handlers of its own, which print stacks of C++, in the place of ours.
        with unwinding():
            yield _describe()
    finally:
        if not _replies(_head()) or not _is_done(ray.shutdown, _shuts_down_within(_SHUTDOWN_S)):
            skip_exit_handlers()  # Ray's own is one
        assert watchdog.stdin is not None
        watchdog.stdin.close()


def while_there(work: Callable[[], None]) -> None:
    """Do work that asks Ray's head, and leave it where it stands when the head is gone, or goes
    meanwhile: Ray waits a minute for another one, and then ends this process with a report in C++.

    Who ends a job may end all of its processes, and a head that the run started is one of them.
    """
    head = _head()
    _is_done(work, lambda: not _replies(head))


def _is_done(work: Callable[[], None], is_hopeless: Callable[[], bool]) -> bool:
    """Do work in a thread, and wait for it as long as there is hope; whether it is done."""
    raised: list[BaseException] = []

    def attempt() -> None:
        try:
            work()
        except BaseException as error:  # whatever it is, who asked for the work gets it
            raised.append(error)

    thread = threading.Thread(target=attempt, daemon=True, name="ending Ray")
    thread.start()
    while thread.is_alive() and not is_hopeless():
        thread.join(_LOOK_S)
    if raised:
        raise raised[0]
    return not thread.is_alive()


def _shuts_down_within(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline


def _head() -> tuple[str, int]:
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return host.strip("[]"), int(port)


def _replies(head: tuple[str, int]) -> bool:
    try:
        socket.create_connection(head, timeout=_REPLY_S).close()
    except OSError:
        return False
    return True


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
