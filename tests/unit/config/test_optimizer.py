"""A learning rate's schedule that cannot work is refused before anything starts."""

from pathlib import Path

import pytest

from rlsys.config.load import load, to_yaml
from rlsys.config.optimizer import OptimizerConfig, ScheduleShape, problems
from rlsys.config.resume import resumed_config
from rlsys.errors import ConfigError
from rlsys.stages.length import resolve_length

COSINE = ScheduleShape.cosine


@pytest.mark.parametrize(
    ("settings", "updates"),
    [
        ({}, 40),
        ({"warmup_steps": 100}, 40),  # a constant rate is as it was: it may end in its warm-up
        ({"schedule": COSINE, "warmup_steps": 39, "floor": 0.1}, 40),
        ({"schedule": COSINE, "warmup_steps": 40}, None),
    ],
)
def test_a_schedule_that_has_updates_to_fall_in_is_fine(
    settings: dict[str, object], updates: int | None
) -> None:
    config = OptimizerConfig(**settings)  # type: ignore[arg-type]
    assert not list(problems(config, updates, "learner.optimizer"))


def config_of(folder: Path, *overrides: str) -> Path:
    file = folder / "small.yaml"
    file.write_text("loop: {steps: 20}\nlearner: {optimizer: {schedule: cosine}}\n")
    (folder / "config.yaml").write_text(to_yaml(load(file, list(overrides))))
    return folder


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["learner.optimizer.warmup_steps=20"],
            r"learner\.optimizer\.warmup_steps=20: of 20 updates none .*nearest valid: 19",
        ),
        (
            ["learner.optimizer.warmup_steps=41", "learner.minibatches=2"],
            r"of 40 updates none .*schedule=cosine could fall; nearest valid: 39",
        ),
        (
            ["learner.optimizer.schedule=constant", "learner.optimizer.floor=0.1"],
            r"floor=0\.1: .*schedule=constant never falls; nearest valid: 0, or .*=cosine",
        ),
        (["learner.optimizer.floor=1.5"], r"floor=1\.5: must be .* at most 1; nearest valid: 1"),
        (["learner.optimizer.schedule=cosin"], r"learner\.optimizer\.schedule.*cosin"),
    ],
)
def test_one_that_cannot_work_names_the_nearest_that_can(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        config_of(tmp_path, *overrides)


def test_epochs_that_leave_no_update_to_fall_in_are_refused_once_the_prompts_are_counted(
    tmp_path: Path,
) -> None:
    file = config_of(tmp_path) / "small.yaml"
    config = load(file, ["loop.epochs=1", "learner.optimizer.warmup_steps=10"])
    assert resolve_length(config, 200, resumed=False)[0].loop.steps == 13
    with pytest.raises(ConfigError, match=r"loop\.epochs=1: 1 epoch of 160 prompts: 10 steps; .*9"):
        resolve_length(config, 160, resumed=False)


@pytest.mark.parametrize("override", ["loop.steps=30", "loop.epochs=3"])
def test_a_run_whose_rate_falls_until_its_end_is_resumed_with_that_end(
    tmp_path: Path, override: str
) -> None:
    folder = config_of(tmp_path)
    assert resumed_config(folder, ["loop.steps=20"]).loop.steps == 20
    with pytest.raises(ConfigError, match=r"schedule=cosine ends with loop\.steps=20; leave"):
        resumed_config(folder, [override])
