"""Settings are compared by what a run computes of them."""

from pathlib import Path

import pytest

from rlsys.config.data import DataConfig
from rlsys.config.loop import LoopConfig
from rlsys.config.lora import LoraConfig
from rlsys.config.run import ClusterConfig, LearnerConfig, ModelConfig, RunConfig, RunSection
from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.lineage.settings import completed, counted, settings_digest, settings_of


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


def of(config: RunConfig, *unknown: str) -> dict:
    """The settings that count, as a version left them that did not know some of them yet."""
    known = counted(settings_of(config), {})
    return {key: value for key, value in known.items() if not key.startswith(unknown or ("?",))}


def test_a_setting_that_there_was_not_yet_was_at_its_default() -> None:
    config = RunConfig(loop=LoopConfig(steps=7))
    for unknown in ("loop.max_staleness", "sampling.stop", "model.local.", "thinking.", "weights."):
        assert of(config) != of(config, unknown)
        assert completed(of(config, unknown)) == of(config)


def test_a_setting_that_there_was_not_yet_counts_where_it_is_not_at_its_default() -> None:
    then = completed(of(RunConfig(), "loop.steps"))
    now = of(RunConfig(loop=LoopConfig(steps=7)))
    assert [key for key in now if now[key] != then[key]] == ["loop.steps"]


def test_a_default_that_has_changed_since_counts() -> None:
    then = of(RunConfig()) | {"loop.steps": 3}  # the default of that time, which it holds
    assert completed(then) == then


def test_a_section_that_was_left_out_has_got_no_settings() -> None:
    lora = RunConfig(learner=LearnerConfig(lora=LoraConfig()))
    assert completed(of(RunConfig())) == of(RunConfig())
    assert completed(of(RunConfig(), "learner.lora")) == of(RunConfig())
    assert completed(of(lora)) == of(lora)
    assert completed(of(lora, "learner.lora.rank")) == of(lora)


def test_a_component_of_the_reward_has_its_new_settings_at_their_defaults() -> None:
    judge = RewardConfig("helpful", "reward_model", weight=0.5, options={"model": "/made/judge"})
    now = of(RunConfig(verifiers=VerifiersConfig(rewards=[judge])))
    [there] = now["verifiers.rewards"]
    then = {key: there[key] for key in ("name", "verifier", "weight", "options")}
    assert completed(now | {"verifiers.rewards": [then]}) == now


def test_what_a_mapping_does_not_hold_is_not_put_into_it() -> None:
    then = of(RunConfig(learner=LearnerConfig(deepspeed_options={"seed": 1})))
    assert completed(then) == then
    assert "learner.deepspeed_options.seed" not in completed(of(RunConfig()))
