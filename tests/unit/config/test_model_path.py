"""model.path and run.name: folders, hub ids, and what stands where they point."""

from pathlib import Path

import pytest

from rlsys import hub
from rlsys.config.run import RunConfig
from rlsys.config.validate import validate
from tests.helpers.refused_settings import error_of


def model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize(("name", "nearest"), [("a/b", "b"), ("..", "mine"), ("/tmp/x", "x")])
def test_a_runs_name_is_no_path(config: RunConfig, name: str, nearest: str) -> None:
    config.run.name = name
    assert error_of(config).startswith(f"run.name={name!r}: the name of a folder in run.dir")
    assert error_of(config).endswith(f"nearest valid: {nearest!r}")


def test_a_missing_model_directory_names_those_beside_it(config: RunConfig, tmp_path: Path) -> None:
    model(tmp_path / "qwen-small")
    (tmp_path / "notes").mkdir()
    config.model.path = str(tmp_path / "qwen-smal")
    message = error_of(config)
    assert f"model.path={config.model.path!r}: the directory does not exist" in message
    assert message.endswith("models beside it: qwen-small")


def test_a_file_in_the_place_of_a_model_is_called_one(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    config.model.path = str(tmp_path / "rows.jsonl")
    assert error_of(config).endswith("is a file; nearest valid: a directory with a config.json")


def test_a_missing_parent_is_named(config: RunConfig, tmp_path: Path) -> None:
    config.model.path = str(tmp_path / "none" / "model")
    assert error_of(config).endswith(f"{tmp_path / 'none'} does not exist either")


def test_a_directory_without_a_model_is_refused(config: RunConfig, tmp_path: Path) -> None:
    config.model.path = str(tmp_path)
    assert "the directory has no config.json" in error_of(config)


def test_a_relative_directory_without_a_model_is_no_hub_id(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "empty").mkdir(parents=True)
    config.model.path = "models/empty"
    assert "the directory has no config.json" in error_of(config)


def test_a_mistyped_model_beside_others_is_not_asked_of_the_hub(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model(tmp_path / "models" / "good")
    config.model.path = "models/goud"
    assert error_of(config).endswith("the directory does not exist; models beside it: good")


@pytest.mark.parametrize("path", ["", "models/good", "{tmp}/models/good", "./models/good"])
def test_a_model_directory_is_accepted(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    model(tmp_path / "models" / "good")
    monkeypatch.chdir(tmp_path)
    config.model.path = path.format(tmp=tmp_path)
    validate(config)


@pytest.mark.parametrize(("offline", "refused"), [("1", True), ("0", False), ("", False)])
def test_a_hub_id_is_refused_only_when_the_hub_is_switched_off(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, offline: str, refused: bool
) -> None:
    hub.silence.cache_clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    config.model.path = "Qwen/Qwen3-0.6B"
    if refused:
        assert "HF_HUB_OFFLINE" in error_of(config)
        monkeypatch.setattr(hub, "has_config", lambda model: True)
    validate(config)
    hub.silence.cache_clear()
