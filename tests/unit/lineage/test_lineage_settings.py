"""Settings are compared by what a run computes of them."""

from pathlib import Path

import pytest

from rlsys.config.data import DataConfig
from rlsys.config.loop import LoopConfig
from rlsys.config.run import ClusterConfig, ModelConfig, RunConfig, RunSection
from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.lineage.settings import counted, settings_digest, settings_of


def digest(config: RunConfig, **inputs: str) -> str:
    """Of the settings that count."""
    return settings_digest(settings_of(config), inputs)


def test_the_place_of_a_run_and_its_machines_do_not_count() -> None:
    moved = RunConfig(
        run=RunSection(name="other", directory="/elsewhere"), cluster=ClusterConfig(num_cpus=64)
    )
    assert digest(moved) == digest(RunConfig())


def test_a_seed_and_a_length_count() -> None:
    assert digest(RunConfig(run=RunSection(seed=1))) != digest(RunConfig())
    assert digest(RunConfig(loop=LoopConfig(steps=7))) != digest(RunConfig())


def test_an_input_counts_by_its_name_and_not_by_its_place() -> None:
    here, there = (RunConfig(model=ModelConfig(path=path)) for path in ("/here", "/there"))
    assert digest(here, policy="/here") == digest(there, policy="/there")
    assert digest(here) != digest(there)
    assert counted(settings_of(here), {"policy": "/here"})["model.path"] == "<policy>"


def test_an_input_is_known_however_its_path_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = RunConfig(model=ModelConfig(path="made/policy"))
    inputs = {"policy": str(tmp_path / "made" / "policy")}
    assert counted(settings_of(config), inputs)["model.path"] == "<policy>"


def test_an_input_deep_in_a_list_counts_by_its_name() -> None:
    judge = RewardConfig("helpful", "reward_model", options={"model": "/made/judge"})
    config = RunConfig(verifiers=VerifiersConfig(rewards=[judge]))
    found = counted(settings_of(config), {"reward_model": "/made/judge"})["verifiers.rewards"]
    assert found[0]["options"] == {"model": "<reward_model>"}


def test_the_files_of_one_setting_are_named_each() -> None:
    settings = settings_of(RunConfig(data=DataConfig(train="a.jsonl,b.jsonl")))
    names = {"rows_1": "a.jsonl", "rows_2": "b.jsonl"}
    assert counted(settings, names)["data.train"] == "<rows_1>,<rows_2>"
