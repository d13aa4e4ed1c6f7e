"""What learner ranks are given for a hang: only where they meet by NCCL."""

from pathlib import Path

from actors.roles import ROLES, environment
from rlsys.config.run import RunConfig

LOGS = Path("/runs/local/logs")
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
    given = {name: environment(role, config, LOGS) for name, role in ROLES.items()}
    assert given.pop("learner").items() >= RECORDER.items()
    assert len(given) > 2
    assert not any(variables.keys() & RECORDER.keys() for variables in given.values())


def test_on_cpus_nothing_of_nccl_is_set() -> None:
    given = environment(ROLES["learner"], RunConfig(), LOGS)
    assert not given.keys() & RECORDER.keys()
    assert given["OMP_NUM_THREADS"] == "1"
