"""A run of `rlsys reward-model` is named where a reward model is asked for, and nowhere else."""

import json
from pathlib import Path

import pytest

from rlsys.config.load import CONFIGS, load
from rlsys.config.models import require_answering
from rlsys.config.run import RunConfig
from rlsys.config.run_model import require_model
from rlsys.errors import ConfigError
from tests.helpers.model_folders import LLAMA, write_weights


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """The model of a run that is called `judge`."""
    model = tmp_path / "runs" / "judge" / "checkpoints" / "step-000010" / "policy"
    model.mkdir(parents=True)
    kind = {"architectures": ["LlamaForSequenceClassification"]}
    (model / "config.json").write_text(json.dumps(LLAMA | kind))
    write_weights(model, {})
    (tmp_path / "runs" / "judge" / "config.yaml").write_text("")
    return model


def model_of(reward: str, *overrides: str) -> object:
    config = load(CONFIGS / "base.yaml", [f"verifiers.rewards=[{reward}]", *overrides])
    return config.verifiers.rewards[0].options["model"]


def test_a_verifier_takes_the_run_by_its_name(trained: Path, tmp_path: Path) -> None:
    reward = "{name: kind, verifier: reward_model, options: {model: judge}}"
    assert model_of(reward, f"run.directory={tmp_path / 'runs'}") == str(trained)


def test_a_folder_is_told_whole_since_workers_stand_elsewhere(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_of("{name: reward_model, options: {model: runs/judge}}") == str(trained)
    relative = trained.relative_to(tmp_path)
    assert model_of(f"{{name: reward_model, options: {{model: {relative}}}}}") == str(trained)


def test_a_folder_of_what_evaluates_fluency_is_told_whole_too(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = trained.relative_to(tmp_path)
    assert model_of(f"{{name: fluency, options: {{model: {relative}}}}}") == str(trained)


def test_a_model_of_the_hub_and_other_verifiers_stay_as_they_are() -> None:
    assert model_of("{name: reward_model, options: {model: org/rm}}") == "org/rm"
    assert model_of("{name: judge, options: {model: judge}}") == "judge"


def test_a_reward_model_is_neither_trained_as_a_policy_nor_asked(trained: Path) -> None:
    config = RunConfig()
    config.model.path = str(trained)
    for refuses in (
        lambda: require_model(config),
        lambda: require_answering(str(trained), "MODEL"),
    ):
        with pytest.raises(ConfigError, match="a classifier, such as a reward model, which writes"):
            refuses()
