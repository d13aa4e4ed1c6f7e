"""The cluster of a run: one that is there is found to be there."""

import subprocess
import sys
from pathlib import Path

import pytest
import ray

from rlsys.network import require_cluster

pytestmark = pytest.mark.slow


def test_a_running_head_is_recognized_by_its_address(cluster: None) -> None:
    require_cluster(ray.get_runtime_context().gcs_address)


def test_a_command_whose_ray_was_ended_with_it_does_not_wait_for_another() -> None:
    """Whoever ends a job may end all of its processes: here, Ray's in the middle of a call."""
    ended = subprocess.run(
        [sys.executable, "-c", ENDED_WITH_ITS_RAY],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 143, ended.stderr
    assert float(ended.stdout) < 40  # Ray waits 60 s, and aborts the process
    assert ended.stderr == ""


ENDED_WITH_ITS_RAY = """
import signal, time
import psutil, ray
from actors.cluster import connected, while_there
from rlsys.config.run import ClusterConfig
from rlsys.watch.signals import end_process

@ray.remote(num_cpus=0)
class Loading:
    def is_there(self):
        return True

    def load(self):
        time.sleep(1000)

with connected(ClusterConfig(address="local", num_cpus=1)):
    member = Loading.remote()
    ray.get(member.is_there.remote())
    loading = member.load.remote()
    began = time.monotonic()
    for process in psutil.Process().children(recursive=True):
        process.send_signal(signal.SIGTERM)
    time.sleep(1)
    while_there(lambda: ray.kill(member))
print(time.monotonic() - began)
end_process(143)
"""
