"""What members find in their environment, and in which order they start."""

from pathlib import Path

import pytest

from actors.placement import Need
from actors.roles import ROLES, environment, needs, waves
from rlsys.config.load import CONFIGS, load
from rlsys.config.run import RunConfig, Transport

ALLOCATOR = "PYTORCH_ALLOC_CONF"


def environments(config: RunConfig) -> dict[str, dict[str, str]]:
    return {name: environment(role, config, Path("logs")) for name, role in ROLES.items()}


def test_a_role_without_a_gpu_sees_none_and_one_with_a_gpu_sees_what_ray_gives_it() -> None:
    config = RunConfig()
    config.learner.gpus = config.rollout.gpus = 1.0
    hidden = {r: e.get("CUDA_VISIBLE_DEVICES") for r, e in environments(config).items()}
    assert hidden == {
        "learner": None,
        "rollout": None,
        "verifier": "",
        "reference": "",
        "teacher": "",
    }
    config.verifiers.gpus_per_worker = 0.25
    assert "CUDA_VISIBLE_DEVICES" not in environments(config)["verifier"]
    assert {n.role: n.gpus for n in needs(config)}["verifier"] == 0.25


def test_torch_grows_its_blocks_where_it_trains_and_vllm_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ALLOCATOR, raising=False)
    config = load(CONFIGS / "one_gpu.yaml", [])
    found = environments(config)
    assert found["learner"][ALLOCATOR] == found["reference"][ALLOCATOR]
    assert found["learner"][ALLOCATOR] == "expandable_segments:True"
    assert ALLOCATOR not in found["rollout"]
    # Memory that another process maps stays as it was.
    config.weights.transport = Transport.cuda_ipc
    assert ALLOCATOR not in environments(config)["learner"]


def test_members_on_cpus_that_meet_ever_other_lengths_keep_few_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    found = environments(load(CONFIGS / "local.yaml", []))
    for name in names:
        assert found["learner"][name] == found["reference"][name] == "128"
        assert name not in found["rollout"]
    monkeypatch.setenv(names[0], "1024")
    assert environments(RunConfig())["learner"][names[0]] == "1024"
    assert names[0] not in environments(load(CONFIGS / "one_gpu.yaml", []))["learner"]


def test_what_the_user_sets_for_the_allocator_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOCATOR, "max_split_size_mb:512")
    config = load(CONFIGS / "one_gpu.yaml", [])
    assert environments(config)["learner"][ALLOCATOR] == "max_split_size_mb:512"


def test_what_the_driver_was_given_for_the_hub_nccl_and_vllm_reaches_every_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"HF_TOKEN": "hf_1", "NCCL_SOCKET_IFNAME": "eth1", "VLLM_LOGGING_LEVEL": "INFO"}
    for name, value in (given | {"SECRET": "2", "OMP_NUM_THREADS": "64"}).items():
        monkeypatch.setenv(name, value)
    for variables in environments(RunConfig()).values():
        assert variables.items() >= given.items()
        assert "SECRET" not in variables
        assert variables["OMP_NUM_THREADS"] == "1"


def test_threads_of_members_that_share_cores_wait_without_spinning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    config = RunConfig()
    config.learner.gpus = 1.0
    found = environments(config)
    assert found["rollout"]["OMP_WAIT_POLICY"] == found["reference"]["OMP_WAIT_POLICY"] == "passive"
    assert "OMP_WAIT_POLICY" not in found["learner"]
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert environments(config)["rollout"]["OMP_WAIT_POLICY"] == "active"


def test_members_on_a_shared_gpu_start_one_role_after_another_the_engines_last() -> None:
    assert waves(needs(load(CONFIGS / "one_gpu.yaml", []))) == [
        ["learner", "verifier"],
        ["reference"],
        ["rollout"],
    ]


def test_members_with_devices_of_their_own_start_together() -> None:
    for name in ("two_nodes", "local"):
        wanted = needs(load(CONFIGS / f"{name}.yaml", []))
        assert waves(wanted) == [[need.role for need in wanted]]
    assert waves([Need("rollout", 1, 1.0, 0.5)]) == [["rollout"]]
