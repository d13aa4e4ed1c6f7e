"""A run's prompts: what is held out, what is said of it, and tokens that a model does not have."""

import json
from pathlib import Path

import pytest
from transformers import Qwen2Config

from rlsys.config.run import RunConfig
from rlsys.config.verifiers import RewardConfig
from rlsys.data.load import RunRows
from rlsys.errors import ConfigError, DataError
from rlsys.local_policy.policy import build_tokenizer
from rlsys.stages import rl_plan
from rlsys.stages.inputs import Prepared, prepare, read_rows
from tests.helpers.model_folders import write_weights

LONG = "and once more " * 40


def write(path: Path, questions: list[str]) -> str:
    rows = ({"question": question, "answer": "1"} for question in questions)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def prepared(config: RunConfig) -> Prepared:
    return prepare(config, read_rows(config), lambda line: None)


def told(config: RunConfig) -> list[str]:
    """What a run of reinforcement says of its rows."""
    config.verifiers.rewards = [RewardConfig("accuracy", verifier="math")]
    return rl_plan.read(config, False, lambda line: None).notes


def texts(prompts: list) -> set[str]:  # type: ignore[type-arg]
    return {json.loads(prompt.info)["question"] for prompt in prompts}


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """100 short questions to train on; room for them, and none for a long one."""
    config = RunConfig()
    config.data.train = write(tmp_path / "train.jsonl", [f"{i}+1=?" for i in range(100)])
    config.data.max_prompt_tokens = 450
    return config


def test_a_small_held_out_file_is_taken_as_it_is_and_said(
    config: RunConfig, tmp_path: Path
) -> None:
    config.data.test = write(tmp_path / "test.jsonl", [f"{i}-1=?" for i in range(8)])
    found = prepared(config)
    assert (len(found.train), len(found.held_out)) == (100, 8)
    assert told(config) == [
        "pass@1 is measured on 8 held-out prompts, all there are (evaluation.final_prompts=256, "
        "evaluation.prompts=128)"
    ]


def test_a_training_file_smaller_than_the_holdout_gives_a_fifth(config: RunConfig) -> None:
    found = prepared(config)
    assert (len(found.train), len(found.held_out)) == (80, 20)
    first, second = told(config)
    assert "20 of its few prompts are held out, fewer than data.holdout=256" in first
    assert "pass@1 is measured on 20 held-out prompts" in second


def test_one_row_is_trained_on_and_nothing_is_held_out(config: RunConfig, tmp_path: Path) -> None:
    config.data.train = write(tmp_path / "one.jsonl", ["1+1=?"])
    found = prepared(config)
    assert (len(found.train), len(found.held_out)) == (1, 0)
    assert "none of its few prompts are held out, fewer than data.holdout=256" in found.notes[0]


def test_enough_held_out_prompts_need_no_note(config: RunConfig) -> None:
    config.data.holdout, config.evaluation.final_prompts, config.evaluation.prompts = 10, 10, 5
    assert told(config) == []


def test_a_chat_template_that_leaves_out_the_system_message_is_told_once(
    config: RunConfig,
) -> None:
    config.data.holdout, config.evaluation.final_prompts, config.evaluation.prompts = 10, 10, 5
    config.data.system_prompt = "Add."
    (note,) = prepared(config).notes
    assert note.startswith(
        "warning: the model's chat template leaves out the system message of 100 of 100 prompts"
    )


@pytest.mark.parametrize("change", ["holdout", "final_prompts"])
def test_no_held_out_prompts_mean_no_check(config: RunConfig, change: str) -> None:
    if change == "holdout":
        config.data.holdout = 0
    else:
        config.data.holdout, config.evaluation.final_prompts = 10, 0
    found = prepared(config)
    assert len(found.held_out) == (0 if change == "holdout" else 10)
    why = "no held-out prompts" if change == "holdout" else "evaluation.final_prompts=0"
    assert told(config)[-1] == f"{why}: pass@1 is not measured before and after training"


def test_held_out_rows_that_are_too_long_are_replaced_by_rows_that_fit(
    config: RunConfig, tmp_path: Path
) -> None:
    questions = [f"{i}+1=?" + (LONG if i % 2 else "") for i in range(100)]
    config.data.train = write(tmp_path / "mixed.jsonl", questions)
    config.data.holdout, config.evaluation.final_prompts, config.evaluation.prompts = 20, 20, 20
    rows = read_rows(config)
    assert any(LONG in row.messages[0]["content"] for row in rows.held_out)
    found = prepared(config)
    assert (len(found.train), len(found.held_out)) == (30, 20)
    assert not texts(found.train) & texts(found.held_out)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("50 prompts of over 450 tokens are left out")


def test_rows_that_replace_others_leave_half_of_the_rest_for_training(
    config: RunConfig, tmp_path: Path
) -> None:
    questions = [f"{i}+1=?" + (LONG if i >= 10 else "") for i in range(100)]
    config.data.train = write(tmp_path / "mostly-long.jsonl", questions)
    config.data.holdout = 90
    found = prepared(config)
    assert len(found.train) + len(found.held_out) == 10
    assert len(found.train) >= 1


def model(folder: Path, vocabulary: int) -> str:
    build_tokenizer().save_pretrained(folder)
    Qwen2Config(vocab_size=vocabulary, hidden_size=8, num_attention_heads=2).save_pretrained(folder)
    return str(folder)


def test_a_config_whose_settings_do_not_fit_together_is_one_error_with_the_cause(
    config: RunConfig, tmp_path: Path
) -> None:
    config.model.path = model(tmp_path / "odd", len(build_tokenizer()))
    file = tmp_path / "odd" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"num_hidden_layers": 3}))
    with pytest.raises(ConfigError, match=r"model\.path=.*: ValueError: .*num_hidden_layers"):
        prepared(config)


def test_a_token_beyond_the_embedding_is_one_error_with_its_number_and_its_cause(
    config: RunConfig, tmp_path: Path
) -> None:
    size = len(build_tokenizer())
    config.model.path = model(tmp_path / "small", size - 50)
    with pytest.raises(ConfigError) as caught:
        prepared(config)
    message = str(caught.value)
    assert message.startswith(f"model.path={config.model.path!r}: ")
    assert f"embedding ends at {size - 51} (vocab_size={size - 50}" in message
    assert "resize_token_embeddings" in message


def test_the_end_of_thinking_needs_an_embedding_too(config: RunConfig, tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    end = tokenizer.encode("</think>", add_special_tokens=False)
    config.model.path = model(tmp_path / "cut", max(end))
    with pytest.raises(ConfigError, match="the end of thinking or answer holds token"):
        prepared(config)


@pytest.mark.parametrize("more", [0, 100])
def test_an_embedding_with_room_for_every_token_is_accepted(
    config: RunConfig, tmp_path: Path, more: int
) -> None:
    config.model.path = model(tmp_path / "fits", len(build_tokenizer()) + more)
    assert len(prepared(config).train) == 80


def test_a_file_that_leaves_nothing_to_train_on_says_where_its_prompts_went(
    config: RunConfig, tmp_path: Path
) -> None:
    config.data.train = write(tmp_path / "two.jsonl", ["1+1=?", "2+2=?" + LONG])
    short, long = sorted(
        (row for part in (read_rows(config).train, read_rows(config).held_out) for row in part),
        key=lambda row: len(row.messages[0]["content"]),
    )
    with pytest.raises(DataError, match=r"left to train on: 1 are too long .*, 1 are held out"):
        prepare(config, RunRows([long], [short], ()), lambda line: None)


def test_generated_rows_that_the_verifier_cannot_grade_are_an_error_too(config: RunConfig) -> None:
    config.data.train = ""
    config.verifiers.rewards = [RewardConfig("countdown")]
    with pytest.raises(DataError, match="generated arithmetic, row 1: the verifier countdown"):
        read_rows(config)


def teacher(folder: Path, change: bool = False) -> str:
    """A model's folder with the local policy's tokenizer, or one that has a token more."""
    tokenizer = build_tokenizer()
    if change:
        tokenizer.add_tokens(["<more>"])
    tokenizer.save_pretrained(folder)
    Qwen2Config(vocab_size=len(tokenizer)).save_pretrained(folder)
    write_weights(folder, {})
    return str(folder)


def test_a_teacher_reads_the_policys_tokens(config: RunConfig, tmp_path: Path) -> None:
    config.teacher.path = teacher(tmp_path / "teacher")
    prepared(config)
    config.teacher.path = teacher(tmp_path / "other", change=True)
    with pytest.raises(ConfigError, match=r"1 tokens differ, such as '<more>' with the id \d+ "):
        prepared(config)


def test_a_teacher_that_is_not_there_is_named_with_the_nearest(
    config: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / "runs" / "local").mkdir(parents=True)
    (tmp_path / "runs" / "local" / "config.yaml").touch()
    config.run.directory = str(tmp_path / "runs")
    config.teacher.path = "locall"
    with pytest.raises(ConfigError, match=r"teacher\.path='locall': .*did you mean .*local'"):
        prepared(config)


def test_a_policy_is_not_its_own_teacher(config: RunConfig, tmp_path: Path) -> None:
    config.model.path = config.teacher.path = teacher(tmp_path / "policy")
    with pytest.raises(ConfigError, match=r"is the policy that is trained \(model\.path\)"):
        prepared(config)
