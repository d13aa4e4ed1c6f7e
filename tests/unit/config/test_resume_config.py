"""A resumed run keeps its settings, but for those that do not change what it computes."""

from pathlib import Path

import pytest

from rlsys.config.load import load, to_yaml
from rlsys.config.resume import find_run, resumed_config
from rlsys.errors import ConfigError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, with the settings that its run resolved."""
    source = tmp_path / "small.yaml"
    source.write_text("loop: {steps: 20}\nalgorithm: {preset: dapo}\nrun: {seed: 3}\n")
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(load(source)))
    return folder


def test_a_run_is_found_by_its_folder_and_by_its_name(run: Path) -> None:
    assert find_run(str(run), "elsewhere") == run
    assert find_run("first", str(run.parent)) == run


def test_a_run_that_is_not_there_is_an_error_with_the_nearest(run: Path) -> None:
    with pytest.raises(ConfigError, match=r"run fisrt: .* did you mean 'first'\?"):
        find_run("fisrt", str(run.parent))
    with pytest.raises(ConfigError, match="runs there: first"):
        find_run("xyz", str(run.parent))


def test_the_settings_are_the_runs_own(run: Path) -> None:
    config = resumed_config(run, [])
    assert (config.loop.steps, config.run.seed, config.algorithm.preset) == (20, 3, "dapo")
    assert (config.run.directory, config.run.name) == (str(run.parent), "first")


def test_a_folder_that_was_moved_is_where_the_run_goes_on(run: Path) -> None:
    moved = run.rename(run.parent / "second")
    assert resumed_config(moved, []).run.name == "second"


@pytest.mark.parametrize(
    "override",
    [
        "loop.steps=30",
        "loop.epochs=3",
        "cluster.num_cpus=4",
        "rollout.workers=2",
        "loop.keep_checkpoints=5",
    ],
)
def test_what_does_not_change_the_numbers_may_change(run: Path, override: str) -> None:
    section, key = override.split("=")[0].split(".")
    value = int(override.split("=")[1])
    assert getattr(getattr(resumed_config(run, [override]), section), key) == value
    resumed_config(run, [override, "weights.publish=beside_step"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loop.group_size=4", r"loop\.group_size=4: the run began with loop\.group_size=8"),
        ("run.seed=4", r"run\.seed=4: the run began with run\.seed=3"),
        ("learner.ranks=2", r"learner\.ranks=2: .*learner\.ranks=1"),
        ("algorithm=grpo", r"algorithm\.preset=grpo: .*algorithm\.preset=dapo"),
        ("learner.zero_stage=3", r"learner\.zero_stage=3"),
        ("loop.steps=19", r"loop\.steps=19: .*nearest valid: 20"),
    ],
)
def test_what_would_change_the_runs_meaning_is_refused(
    run: Path, override: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        resumed_config(run, [override])
