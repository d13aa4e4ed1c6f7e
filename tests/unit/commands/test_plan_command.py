"""`rlsys plan`: nothing is planned for a run that its model's config.json speaks against."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.config.load import CONFIGS
from rlsys.errors import ConfigError
from tests.unit.config.test_tensor_parallel import QWEN_7B


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as a laptop has it: the config.json, and no weights."""
    (tmp_path / "config.json").write_text(json.dumps(QWEN_7B))
    return tmp_path


def planned(model: Path, *more: str) -> str:
    command = ["plan", "--config", str(CONFIGS / "one_node.yaml"), "--gpu-gib", "80"]
    done = CliRunner().invoke(app, [*command, f"model.path={model}", *more])
    if done.exception:
        raise done.exception
    return done.stdout


def test_a_plan_needs_no_weights(model: Path) -> None:
    assert "a GPU of learner: " in planned(model)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("rollout.tensor_parallel=3 rollout.gpus=3", "nearest valid: rollout.tensor_parallel=2"),
        ("model.max_context=40000", "nearest valid: 32768"),
        ("learner.lora.targets=[q_prj]", "did you mean 'q_proj'"),
    ],
)
def test_what_the_config_json_speaks_against_has_no_plan(
    model: Path, override: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        planned(model, *override.split())


def test_the_local_policy_is_planned_by_the_sizes_that_it_will_have() -> None:
    command = [
        "plan",
        "--config",
        str(CONFIGS / "local.yaml"),
        "model.local.architecture=qwen3_moe",
    ]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    sizes = re.match(
        r"memory plan of (\S+) M parameters, of which .* 3\.1 M \(qwen3_moe\)", done.output
    )
    assert sizes is not None
    assert "a node of learner and rollout and verifier and reference: " in done.output


def test_a_merge_has_no_plan_as_it_starts_no_fleet() -> None:
    done = CliRunner().invoke(app, ["plan", "--config", str(CONFIGS / "merge.yaml")])
    assert isinstance(done.exception, ConfigError)
    assert str(done.exception).startswith("run.stage=merge: it starts no fleet")


def test_a_member_has_its_gpus_on_one_node(model: Path) -> None:
    spread = ("rollout.tensor_parallel=4", "rollout.gpus=4")
    with pytest.raises(ConfigError) as caught:
        planned(model, "--node-gpus", "2", *spread)
    assert str(caught.value) == (
        "--node-gpus=2: a member of rollout has 4 GPUs, all on one node; nearest valid: "
        "--node-gpus=4, or a smaller rollout.gpus"
    )
    assert "a GPU of rollout: " in planned(model, "--node-gpus", "4", *spread)


def test_a_teacher_is_planned_by_its_own_config_json(model: Path, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    (teacher / "config.json").write_text(json.dumps(QWEN_7B | {"num_hidden_layers": 14}))
    taught = (f"teacher.path={teacher}", "teacher.gpus=1")
    lines = planned(model, *taught).splitlines()
    row = next(line for line in lines if line.startswith("teacher  "))
    # 14 layers of 0.233 B parameters, and 1.09 B of embedding and head, 2 bytes each.
    assert row.split()[1] == f"{2 * (14 * 233_046_016 + 1_089_994_752) / 2**30:.1f}"
    (teacher / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"^teacher\.path=.*: its config\.json is not JSON"):
        planned(model, *taught)
    with pytest.raises(ConfigError, match=r"^teacher\.path=.*: neither a folder nor a run in runs"):
        planned(model, "teacher.path=runs/teacher", "teacher.gpus=1")
