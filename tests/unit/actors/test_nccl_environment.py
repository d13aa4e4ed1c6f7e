"""What learner ranks are given for a hang: only where they meet by NCCL."""

from pathlib import Path

from actors.ray_fleet import environments
from rlsys.config.run import RunConfig

RECORDER = {
    "TORCH_FR_BUFFER_SIZE": "2000",
    "TORCH_FR_DUMP_TEMP_FILE": "/runs/local/logs/nccl-rank-",
    "TORCH_NCCL_DUMP_ON_TIMEOUT": "1",
    "TORCH_NCCL_ENABLE_MONITORING": "1",
    "DEEPSPEED_TIMEOUT": "31",
}


def test_with_gpus_the_flight_recorder_and_the_deadline_of_the_start_are_set() -> None:
    config = RunConfig()
    config.learner.gpus, config.cluster.ready_timeout_s = 1.0, 1801.0
    given = environments(config, Path("/runs/local/logs"))
    assert given["learner"].items() >= RECORDER.items()
    for role in ("rollout", "reference", "verifier"):
        assert not given[role].keys() & RECORDER.keys()


def test_on_cpus_nothing_of_nccl_is_set() -> None:
    given = environments(RunConfig(), Path("/runs/local/logs"))
    assert not given["learner"].keys() & RECORDER.keys()
    assert given["learner"]["OMP_NUM_THREADS"] == "1"
