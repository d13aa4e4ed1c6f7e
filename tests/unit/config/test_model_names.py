"""Which model a name means: `local`, a folder, a run, a hub id; else, what is said of it."""

import json
from pathlib import Path

import pytest

from rlsys.config.load import load
from rlsys.config.model_names import find_model, name_of
from rlsys.errors import ConfigError


def policy(folder: Path) -> str:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2"}))
    return str(folder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands start: runs/first has two checkpoints, runs/young and runs/local have none."""
    monkeypatch.chdir(tmp_path)
    for name in ("first", "young", "local"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.yaml").write_text("")
    for step in ("step-000020", "step-000100"):
        policy(tmp_path / "runs" / "first" / "checkpoints" / step / "policy")
    return tmp_path


def found(model: str) -> str:
    return find_model(model, f"MODEL {model}", "runs")


@pytest.mark.parametrize("model", ["first", "runs/first", "./runs/first", "runs/first/"])
def test_a_run_is_its_newest_policy_by_name_or_folder(place: Path, model: str) -> None:
    newest = place / "runs/first/checkpoints/step-000100/policy"
    assert found(model) == str(newest)
    assert found(str(place / "runs" / "first")) == str(newest)


def test_a_second_checkpoint_of_a_step_is_newer_and_one_that_was_being_written_is_none(
    place: Path,
) -> None:
    checkpoints = place / "runs" / "first" / "checkpoints"
    again = policy(checkpoints / "step-000100.2" / "policy")
    policy(checkpoints / "step-000200.4711.partial" / "policy")
    assert found("first") == again
    policy(checkpoints / "step-1000000" / "policy")
    assert found("first").endswith("step-1000000/policy")


def test_a_checkpoint_is_its_policy_and_a_model_is_itself(place: Path) -> None:
    old = place / "runs/first/checkpoints/step-000020"
    assert found(str(old)) == str(old / "policy")
    assert found(str(old / "policy")) == str(old / "policy")
    policy(place / "models" / "small")
    assert found("models/small") == "models/small"
    assert found("Qwen/Qwen3-0.6B") == "Qwen/Qwen3-0.6B"


def test_local_is_the_prepared_policy_even_beside_a_run_and_a_folder_of_that_name(
    place: Path,
) -> None:
    policy(place / "local")
    assert found("local") == "local"
    assert found("./local") == "./local"


@pytest.mark.parametrize("model", ["runs/frist", "frist", "{}/runs/frist"])
def test_a_run_that_does_not_exist_is_an_error_with_the_nearest(place: Path, model: str) -> None:
    model = model.format(place)
    with pytest.raises(
        ConfigError, match=r"neither a folder nor a run.* did you mean '.*runs/first'\?"
    ):
        found(model)


def test_a_name_like_no_runs_says_which_there_are_and_how_a_hub_model_is_named(
    place: Path,
) -> None:
    with pytest.raises(ConfigError, match="ORGANIZATION/NAME; runs there: first, local, young"):
        found("gpt2")


def test_without_any_run_a_path_below_the_runs_is_no_hub_id(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"MODEL x/runs/a: .*runs there: none"):
        find_model(f"{tmp_path}/runs/a", "MODEL x/runs/a", f"{tmp_path}/runs")


def test_a_run_without_a_checkpoint_says_so(place: Path) -> None:
    with pytest.raises(ConfigError, match=r"young has no checkpoint yet"):
        found("runs/young")


def test_training_takes_a_run_as_its_model_and_pins_the_policy(place: Path) -> None:
    """What a later checkpoint of that run holds is not what this run began with."""
    (place / "new.yaml").write_text("model: {path: runs/first}\n")
    newest = str(place / "runs/first/checkpoints/step-000100/policy")
    assert load("new.yaml").model.path == newest
    assert load("new.yaml", ["model.path=first"]).model.path == newest
    assert load("new.yaml", ["model.path=local"]).model.path == ""
    with pytest.raises(
        ConfigError, match=r"model\.path='runs/frist': .* did you mean 'runs/first'"
    ):
        load("new.yaml", ["model.path=runs/frist"])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("local", "local"),
        ("runs/first", "first"),
        ("first", "first"),
        ("runs/first/checkpoints/step-000020", "first-step-000020"),
        ("runs/first/checkpoints/step-000020/policy", "first-step-000020"),
        ("runs/first/checkpoints/step-000100/policy", "first"),
        ("Qwen/Qwen3-0.6B", "Qwen3-0.6B"),
        ("models/small", "small"),
    ],
)
def test_an_evaluation_is_named_by_the_run_or_the_model(place: Path, model: str, name: str) -> None:
    policy(place / "models" / "small")
    assert name_of(model, found(model)) == name


def test_an_evaluation_of_a_merge_is_named_by_its_run(place: Path) -> None:
    merged = place / "runs" / "merged"
    policy(merged / "policy")
    assert name_of(str(merged / "policy"), str(merged / "policy")) == "policy"
    (merged / "config.yaml").touch()
    assert name_of(str(merged / "policy"), str(merged / "policy")) == "merged"
