import shlex
from pathlib import Path

import pytest

from rlsys.config.load import CONFIGS, load
from rlsys.config.optimizer import ScheduleShape
from rlsys.config.run import RunConfig
from rlsys.observe.next_steps import next_commands, policy_of, sample_commands

RESUME = "rlsys train --resume"


def finished(folder: Path) -> Path:
    (folder / "checkpoints" / "step-000040" / "policy").mkdir(parents=True)
    return folder


def typed(lines: list[str]) -> list[list[str]]:
    """Words of each line as a shell reads them."""
    return [shlex.split(line, comments=True) for line in lines]


def test_a_finished_run_can_be_talked_to_measured_compared_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = RunConfig()
    config.loop.steps = 40
    lines = next_commands(finished(tmp_path / "runs" / "local"), config, 40, RESUME)
    with_its_config = ["--config", "runs/local/config.yaml"]
    assert typed(lines) == [
        ["rlsys", "chat", "runs/local"],
        ["rlsys", "eval", "local", *with_its_config, "--out", "runs/eval-local-before"],
        ["rlsys", "eval", "runs/local", *with_its_config, "--out", "runs/eval-local-after"],
        ["rlsys", "compare", "runs/eval-local-before", "runs/eval-local-after"],
        ["rlsys", "train", "--resume", "runs/local", "loop.steps=80"],
    ]
    assert len({line.index("#") for line in lines}) == 1


def test_a_run_that_was_resumed_is_measured_beside_its_earlier_tables(tmp_path: Path) -> None:
    folder = finished(tmp_path / "local")
    for name in ("before", "after", "after-2"):
        (tmp_path / f"eval-local-{name}").mkdir()
    before, after, compare = typed(next_commands(folder, RunConfig(), 100, RESUME))[1:4]
    # What it began with is the same as then: an evaluation that is there is continued.
    assert before[-1] == str(tmp_path / "eval-local-before")
    assert after[-1] == str(tmp_path / "eval-local-after-3")
    assert compare[2:] == [before[-1], after[-1]]


def test_a_run_that_was_stopped_goes_on_to_its_own_last_step(tmp_path: Path) -> None:
    folder = tmp_path / "my runs" / "a"
    (line,) = typed(next_commands(folder, RunConfig(), 3, RESUME))
    assert line == ["rlsys", "train", "--resume", str(folder)]
    assert policy_of(folder) is None


def test_a_run_whose_learning_rate_has_fallen_to_its_end_is_done(tmp_path: Path) -> None:
    folder = finished(tmp_path / "a")
    config = RunConfig()
    config.learner.optimizer.schedule = ScheduleShape.cosine
    resume = ["rlsys", "train", "--resume", str(folder)]
    assert resume not in [line[:4] for line in typed(next_commands(folder, config, 100, RESUME))]
    assert typed(next_commands(folder, config, 99, RESUME))[-1] == resume


def test_data_of_ones_own_are_measured_by_benchmarks_that_one_names(tmp_path: Path) -> None:
    config = RunConfig()
    config.data.train, config.model.path = "rows.jsonl", "/models/my model"
    commands = next_commands(finished(tmp_path / "a"), config, 100, RESUME)
    assert "(NAMES: rlsys benchmarks list, or a file of yours" in commands[1]
    begin = typed(commands)[1]
    assert begin[:3] == ["rlsys", "eval", "/models/my model"]
    assert begin[5:8] == ["--benchmarks", "NAMES", "--data"]


def test_parts_of_the_tiny_world_are_measured_by_its_benchmarks_and_need_no_data(
    tmp_path: Path,
) -> None:
    config = RunConfig()
    for rows, names in (
        ("world:reasoning", "world_reasoning"),
        ("world:general,world:reasoning", "world_general,world_reasoning"),
    ):
        config.data.train = rows
        for begin in typed(next_commands(finished(tmp_path / names), config, 100, RESUME))[1:3]:
            assert begin[5:8] == ["--benchmarks", names, "--out"]
    config.data.train = "world:reasoning,rows.jsonl"
    assert "--data" in typed(next_commands(finished(tmp_path / "b"), config, 100, RESUME))[1]


def test_what_was_sampled_is_learned_by_the_policy_that_said_it(tmp_path: Path) -> None:
    """The local policy of another corpus has other tokens."""
    config = load(CONFIGS / "world.yaml", ["run.seed=3"])
    commands = typed(sample_commands(tmp_path / "where", config, "rlsys sample --resume"))
    [inspect] = [words for words in commands if words[1] == "inspect"]
    [teach] = [words for words in commands if words[1] == "sft"]
    assert inspect[3:] == teach[2:-1]
    learned = load(CONFIGS / "sft.yaml", teach[4:])
    assert learned.model == config.model
    assert (learned.data.train, learned.data.test) == (config.data.train, config.data.test)
    assert learned.sampling.max_tokens == config.sampling.max_tokens
    assert learned.run.seed == 3


def test_what_a_model_of_ones_own_has_said_is_learned_by_it(tmp_path: Path) -> None:
    config = RunConfig()
    config.model.path, config.data.train = "/models/my model", "my rows.jsonl"
    commands = typed(sample_commands(tmp_path / "where", config, "rlsys sample --resume"))
    [teach] = [words for words in commands if words[1] == "sft"]
    assert {"model.path=/models/my model", "data.train=my rows.jsonl"} <= set(teach)
    assert not any(word.startswith("model.local.") for word in teach)


def test_the_local_policy_as_it_is_needs_no_words(tmp_path: Path) -> None:
    commands = typed(sample_commands(tmp_path / "where", RunConfig(), "rlsys sample --resume"))
    file = f"sft.train={tmp_path / 'where' / 'demonstrations.jsonl'}"
    assert ["rlsys", "sft", "--config", "configs/sft.yaml", file] in commands


def test_brackets_are_quoted_since_shells_take_them_for_patterns_of_file_names(
    tmp_path: Path,
) -> None:
    lines = sample_commands(tmp_path / "where", RunConfig(), "rlsys sample --resume")
    [train] = [line for line in lines if line.startswith("rlsys train")]
    assert "'data.pass_rate=[0.1,0.9]'" in train
