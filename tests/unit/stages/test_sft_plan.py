"""What is learned from, what is held out, and what a user is told, before anything starts."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsys.config.data import PromptTemplate
from rlsys.config.run import RunConfig, StageKind
from rlsys.config.sft import measures_answers
from rlsys.config.thinking import ThinkingConfig, ThinkingMode
from rlsys.config.verifiers import RewardConfig
from rlsys.data.demonstrations import read_lessons
from rlsys.errors import ConfigError, DataError
from rlsys.local_policy.tokenizer import build_tokenizer
from rlsys.schema import list_column
from rlsys.stages.sft_plan import SupervisedPlan, read, sources, split

LONG = "and once more " * 40


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def shown(question: str, said: str = "2") -> dict[str, Any]:
    asked = [{"role": "user", "content": question}]
    return {"messages": [*asked, {"role": "assistant", "content": said}]}


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """50 demonstrations, of which a tenth is held out."""
    config = RunConfig()
    config.run.stage = StageKind.sft
    config.sft.train = write(tmp_path / "chains.jsonl", [shown(f"{i}+1=?") for i in range(50)])
    config.loop.epochs = 2.0
    return config


ACCURACY = [RewardConfig("accuracy", verifier="math")]


def plan(config: RunConfig) -> SupervisedPlan:
    return read(config, False, lambda line: None)


def prompts_of(plan: SupervisedPlan) -> list[str]:
    tokenizer = build_tokenizer()
    return [tokenizer.decode(ids) for ids in list_column(plan.train, "prompt_token_ids")]


def test_epochs_are_passes_over_the_demonstrations(config: RunConfig) -> None:
    config.sft.rows_per_step = 8
    found = plan(config)
    assert (found.train.num_rows, found.held_out.num_rows) == (45, 5)
    assert found.length == "2 epochs of 45 demonstrations: 12 steps"
    assert found.config.loop.steps == 12
    assert not set(prompts_of(found)) & {
        build_tokenizer().decode(ids) for ids in list_column(found.held_out, "prompt_token_ids")
    }


def test_without_rows_to_ask_for_pass_at_1_is_not_measured_and_that_is_said(
    config: RunConfig,
) -> None:
    assert not measures_answers(config)
    found = plan(config)
    assert not found.prompts
    assert found.notes == [
        "pass@1 is not measured: data.test names no rows with expected answers to ask for"
    ]


def test_no_workers_are_there_for_checks_that_never_come(config: RunConfig) -> None:
    config.data.test = "rows.jsonl"
    config.evaluation.final_prompts, config.loop.evaluate_every = 0, 5
    assert measures_answers(config)
    config.loop.evaluate_every = 0
    assert not measures_answers(config)
    said = "pass@1 is not measured: no check is asked for"
    assert any(said in note for note in plan(config).notes)
    config.data.test = config.sft.train = ""
    assert any(said in note for note in plan(config).notes)


def test_nothing_is_learned_that_will_be_asked_for(config: RunConfig, tmp_path: Path) -> None:
    config.data.test = write(
        tmp_path / "test.jsonl",
        [{"question": f"{i}+1=?", "answer": str(i + 1)} for i in range(0, 20)],
    )
    config.data.template, config.verifiers.rewards = PromptTemplate.chat, ACCURACY
    found = plan(config)
    assert len(found.prompts) == 20
    assert not set(prompts_of(found)) & {prompt.text for prompt in found.prompts}
    (overlap,) = (note for note in found.notes if "demonstrations left out" in note)
    assert overlap.endswith("their prompts are held out")
    assert sources(config) == [config.sft.train, "", "", config.data.test]


def test_what_has_no_room_is_left_out_and_said(config: RunConfig, tmp_path: Path) -> None:
    rows = [*(shown(f"{i}+1=?") for i in range(30)), shown("1+1=?", LONG), shown(LONG)]
    config.sft.train = write(tmp_path / "some.jsonl", rows)
    config.sft.holdout = 0
    config.data.max_prompt_tokens, config.model.max_context = 100, 200
    found = plan(config)
    assert found.train.num_rows == 30
    assert "2 demonstrations left out: over model.max_context=200 tokens" in found.notes[0]
    assert "no held-out demonstrations: the held-out loss is not measured" in found.notes
    config.sft.train = write(tmp_path / "none.jsonl", [shown(LONG), shown("1+1=?", LONG)])
    with pytest.raises(DataError, match="longer than 200 tokens"):
        plan(config)


def test_generated_demonstrations_come_with_generated_checks() -> None:
    config = RunConfig()
    config.run.stage = StageKind.sft
    config.data.holdout, config.verifiers.rewards = 16, ACCURACY
    found = plan(config)
    assert len(found.prompts) == 16
    assert found.held_out.num_rows == 128
    said = build_tokenizer().decode(list_column(found.train, "token_ids")[0])
    assert said.startswith("<think>")
    assert len(found.canary_ids) == 64
    assert all(type(token) is int for token in found.canary_ids)


def test_turns_of_one_conversation_are_in_one_part(tmp_path: Path) -> None:
    rows = []
    for i in range(40):
        talk = shown(f"{i}+1=?")["messages"]
        rows.append({"messages": [*talk, *shown(f"and {i}?")["messages"]]})
    lessons = read_lessons(
        write(tmp_path / "talks.jsonl", rows), RunConfig().data, all_turns=True
    ).rows
    train, held_out = split(lessons, 100)
    assert (len(train), len(held_out)) == (72, 8)
    numbers = [{lesson.prompt.number for lesson in part} for part in (train, held_out)]
    assert not numbers[0] & numbers[1]


def test_demonstrations_that_cannot_be_read_are_left_out_and_counted(
    config: RunConfig, tmp_path: Path
) -> None:
    rows = [*(shown(f"{i}+1=?") for i in range(30)), {"messages": None}, {"messages": []}]
    config.sft.train = write(tmp_path / "some.jsonl", rows)
    config.sft.test = write(tmp_path / "more.jsonl", [shown("9+9=?", "18"), {"messages": 3}])
    with pytest.raises(DataError, match=r"row 31, column messages.* this row and 1 more"):
        plan(config)
    config.data.skip_unreadable_rows = True
    found = plan(config)
    assert (found.train.num_rows, found.held_out.num_rows) == (30, 1)
    first, second, *_ = found.notes
    assert first.startswith(f"{config.sft.train}: 2 unreadable rows left out, the first: ")
    assert second.startswith(f"{config.sft.test}: 1 unreadable row left out, the first: ")


def test_nothing_is_learned_whose_prompt_is_in_the_held_out_file(
    config: RunConfig, tmp_path: Path
) -> None:
    config.sft.test = write(tmp_path / "test.jsonl", [shown("3+1=?", "four"), shown("7+7=?", "14")])
    found = plan(config)
    assert (found.train.num_rows, found.held_out.num_rows) == (49, 2)
    assert sum("3+1=?" in text for text in prompts_of(found)) == 4  # 13, 23, 33 and 43
    assert "1 demonstrations left out: their prompts are in sft.test" in found.notes
    config.sft.test = config.sft.train
    with pytest.raises(DataError, match=r"each of its 50 demonstrations is also in sft\.test="):
        plan(config)


def test_rows_that_show_nothing_to_say_are_named(config: RunConfig, tmp_path: Path) -> None:
    config.sft.train = write(tmp_path / "asked.jsonl", [{"question": "1+1?", "answer": "2"}])
    with pytest.raises(DataError, match="a demonstration needs messages; conversations; "):
        plan(config)
    config.sft.train = str(tmp_path / "nowhere.jsonl")
    with pytest.raises((DataError, ConfigError), match=r"nowhere\.jsonl"):
        plan(config)


def test_the_first_steps_of_all_chains_are_left_out_where_latents_take_their_place() -> None:
    config = RunConfig()
    config.run.stage = StageKind.sft
    config.data.holdout, config.verifiers.rewards = 16, ACCURACY
    whole = plan(config)
    config.sft.dropped_steps = 2
    shorter = plan(config)
    tokenizer = build_tokenizer()
    for part in ("train", "held_out"):
        pairs = zip(
            *(list_column(getattr(one, part), "token_ids") for one in (whole, shorter)), strict=True
        )
        for before, after in list(pairs)[:20]:
            first, said = tokenizer.decode(before), tokenizer.decode(after)
            assert said.startswith("<think>then ")
            assert first.startswith("<think>we need ")
            assert first.endswith(said.removeprefix("<think>"))


def test_latents_take_their_room_from_the_demonstrations(config: RunConfig, tmp_path: Path) -> None:
    config.sft.train = write(tmp_path / "one.jsonl", [shown("1+1=?"), shown("1+1+1=?")])
    config.sft.holdout = 0
    longest = max(
        len(a) + len(b)
        for a, b in zip(
            *(list_column(plan(config).train, n) for n in ("prompt_token_ids", "token_ids")),
            strict=True,
        )
    )
    config.model.max_context = longest + 1
    config.thinking = ThinkingConfig(mode=ThinkingMode.latent, latents=1)
    assert plan(config).train.num_rows == 2
    config.thinking.latents = 2
    assert plan(config).train.num_rows == 1
