"""`rlsys doctor --config FILE`: whether a run would start here, before anything of it is."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.commands import doctor
from rlsys.commands.installation import Check, Level
from rlsys.commands.run_checks import checks_of_run
from tests.helpers.known_models import QWEN_32B
from tests.helpers.model_folders import write_weights
from tests.helpers.tiny_policy import write_policy


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a run on rows of its own."""
    rows = tmp_path / "sums.jsonl"
    row_of = ({"question": f"{n}+1=?", "answer": str(n + 1)} for n in range(50))
    rows.write_text("".join(json.dumps(row) + "\n" for row in row_of))
    path = tmp_path / "sums.yaml"
    path.write_text(
        f"data: {{train: {rows}}}\n"
        f"model: {{cache: {tmp_path / 'cache'}}}\n"
        f"run: {{directory: {tmp_path / 'runs'}}}\n"
        "loop: {groups_per_step: 4, steps: 3}\n"
        "cluster: {num_cpus: 8}\n"
    )
    return path


def found(config: Path, *overrides: str, cluster: str = "") -> dict[str, Check]:
    checks = checks_of_run(config, list(overrides), 0, cluster, lambda line: None)
    return {check.name: check for check in checks}


def test_a_run_that_would_start_is_told_its_length_its_rows_and_its_share_and_leaves_nothing(
    config: Path, tmp_path: Path
) -> None:
    checks = found(config)
    assert [(name, check.level) for name, check in checks.items()] == [
        (name, Level.OK) for name in ("settings", "rows", "disk", "memory", "fleet")
    ]
    assert checks["settings"].found == f"{config}, of rlsys train"
    rows = checks["rows"].found.splitlines()
    assert rows[0] == "3 steps: 0.3 epochs of 40 prompts"
    assert any("10 of its few prompts are held out" in line for line in rows)
    memory = checks["memory"].found.splitlines()
    assert memory[0] == "memory plan of 3.1 M parameters (qwen2), GiB"
    fleet = checks["fleet"].found
    assert fleet.startswith("1 learner, 1 rollout, 1 verifier, 1 reference: ")
    assert fleet.endswith(" of 8 CPUs, 0 of 0 GPUs")
    assert sorted(os.listdir(tmp_path)) == ["sums.jsonl", "sums.yaml"]


def test_settings_that_cannot_work_are_told_and_nothing_is_looked_at_with_them(
    config: Path,
) -> None:
    checks = found(config, "learner.optimizer.beta1=2", "loop.group_size=1")
    assert list(checks) == ["settings"]
    assert checks["settings"].level is Level.PROBLEM
    assert checks["settings"].found.startswith("ConfigError: 2 settings cannot work:")


def test_all_that_keeps_a_run_from_its_first_step_is_told_at_once(
    config: Path, tmp_path: Path
) -> None:
    with (tmp_path / "sums.jsonl").open("a") as rows:
        rows.write('{"question": "1+1=?"}\n')
    (tmp_path / "runs").write_text("a file of that name")
    checks = found(config, "learner.cpus=64", "rollout.gpus=1")
    levels = {name: check.level for name, check in checks.items()}
    assert levels == {"settings": Level.OK} | dict.fromkeys(
        ("rows", "disk", "fleet"), Level.PROBLEM
    )
    assert "sums.jsonl, row 51, column answer: expected an answer" in checks["rows"].found
    assert "run.directory=" in checks["disk"].found
    assert "CPUs needed, 8; 1 GPUs needed, 0 here" in checks["fleet"].found


def test_a_run_for_gpus_is_not_held_against_a_machine_without(config: Path, tmp_path: Path) -> None:
    path = write_policy(tmp_path / "policy", 0)
    on_gpus = [f"{role}.gpus=1" for role in ("learner", "rollout", "reference")]
    checks = found(config, f"model.path={path}", *on_gpus)
    assert "memory" not in checks
    assert checks["fleet"].hint.startswith("start it where there are GPUs; `rlsys plan` says")


def test_a_grader_too_large_for_the_machine_is_told_of_a_run_of_the_local_policy(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "config.json").write_text(
        json.dumps(QWEN_32B | {"num_hidden_layers": 999, "id2label": {0: ""}})
    )
    write_weights(tmp_path / "large", {})
    reward = f"{{name: judge, verifier: reward_model, options: {{model: {tmp_path / 'large'}}}}}"
    memory = found(config, f"verifiers.rewards=[{reward}]")["memory"]
    assert memory.level is Level.PROBLEM
    assert "smaller models of verifiers" in memory.found


def test_a_teacher_is_in_the_memory_of_the_run(config: Path, tmp_path: Path) -> None:
    student = write_policy(tmp_path / "student", 0, hidden_size=64)
    teacher = write_policy(tmp_path / "teacher", 1, hidden_size=64, intermediate_size=4096)
    checks = found(config, f"model.path={student}", f"teacher.path={teacher}")
    lines = checks["memory"].found
    assert "; teacher 1.7 M parameters (qwen2), GiB" in lines.splitlines()[0]
    assert "a node of learner and rollout and verifier and reference and teacher: " in lines


def test_a_cluster_is_asked_when_the_run_starts(config: Path) -> None:
    fleet = found(config, "learner.cpus=64", cluster="10.0.0.1:6379")["fleet"]
    assert fleet == Check("fleet", "10.0.0.1:6379 is asked when the run starts", Level.NOTE)
    own = found(config, "learner.cpus=64", "cluster.address=local", cluster="10.0.0.1:6379")
    assert own["fleet"].level is Level.PROBLEM


def test_the_command_ends_with_what_is_wrong_with_the_run(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("check_vllm", "check_cache", "check_torch_build"):
        monkeypatch.setattr(doctor, name, lambda *_: Check("made up", "well"))
    monkeypatch.setattr(doctor, "sandbox_report", lambda root: "level strong")
    arguments = ["doctor", "--no-imports", "--config", str(config)]
    done = CliRunner().invoke(app, [*arguments, "loop.stepps=3"], catch_exceptions=False)
    assert done.exit_code == 1
    assert "did you mean" in " ".join(done.output.split())
    assert "1 problem(s)" in done.output
    bare = CliRunner().invoke(app, ["doctor", "loop.steps=3"])
    assert (bare.exit_code, "--config FILE" in bare.output) == (2, True)
