"""Preference pairs in the forms that people have them, and what is wrong with some."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from rlsys.config.data import DataConfig
from rlsys.data.arithmetic import Split, generate
from rlsys.data.generated import generated_pairs
from rlsys.data.pairs import Pair, read_pairs, to_batch, tokenized
from rlsys.data.read import Reading
from rlsys.data.spoiled import cut_solution, wrong_solution
from rlsys.errors import DataError
from rlsys.local_policy.tokenizer import build_tokenizer

USER = {"role": "user", "content": "1+1=?"}
GOOD = {"role": "assistant", "content": "2"}
BAD = {"role": "assistant", "content": "3"}
SYSTEM = {"role": "system", "content": "Be brief."}


def found(folder: Path, *rows: dict[str, Any], skip: bool = False) -> Reading[Pair]:
    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_pairs(str(file), DataConfig(skip_unreadable_rows=skip))


def sides(folder: Path, row: dict[str, Any]) -> tuple[Any, Any]:
    (pair,) = found(folder, row).rows
    return pair.chosen, pair.rejected


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "1+1=?", "chosen": "2", "rejected": "3"},
        {"question": "1+1=?", "chosen": "2", "rejected": "3"},
        {"instruction": "1+1=?", "chosen": "2", "rejected": "3"},
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": json.dumps([USER]), "chosen": json.dumps([GOOD]), "rejected": json.dumps([BAD])},
        {"prompt": "1+1=?", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"prompt": "1+1=?", "chosen": GOOD, "rejected": BAD},
        {
            "conversations": [{"from": "human", "value": "1+1=?"}],
            "chosen": {"from": "gpt", "value": "2"},
            "rejected": {"from": "gpt", "value": "3"},
        },
        {
            "chosen": "\n\nHuman: 1+1=?\n\nAssistant: 2",
            "rejected": "\n\nHuman: 1+1=?\n\nAssistant: 3",
        },
        {"prompt": "\n\nHuman: 1+1=?\n\nAssistant:", "chosen": " 2", "rejected": " 3"},
    ],
    ids=[
        *("trl_texts", "question", "instruction", "trl_messages", "json_texts"),
        *("ultrafeedback", "trl_implicit", "one_message", "sharegpt", "hh", "hh_prompt"),
    ],
)
def test_every_form_is_the_same_pair(tmp_path: Path, row: dict[str, Any]) -> None:
    assert sides(tmp_path, row) == ((USER, GOOD), (USER, BAD))


def test_a_system_message_stands_before_the_prompt(tmp_path: Path) -> None:
    row = {"system": "Be brief.", "question": "1+1=?", "chosen": "2", "rejected": "3"}
    assert sides(tmp_path, row) == ((SYSTEM, USER, GOOD), (SYSTEM, USER, BAD))


def test_the_prompt_is_all_turns_before_the_answers_differ(tmp_path: Path) -> None:
    talk = [USER, GOOD, {"role": "user", "content": "and 2+2?"}]
    (pair,) = found(tmp_path, {"chosen": [*talk, GOOD], "rejected": [*talk, BAD]}).rows
    assert pair.prompt == tuple(talk)


def test_texts_of_no_known_form_begin_with_their_prompt(tmp_path: Path) -> None:
    (pair,) = found(tmp_path, {"chosen": "Q: 1+1 A: 2", "rejected": "Q: 1+1 A: 3"}).rows
    assert pair.prompt == "Q: 1+1 A: "
    assert pair.source == "pairs"


NO_ANSWER = "expected an answer"
EQUAL = "column rejected: expected another answer than the chosen one"
PROMPTS = "column rejected: expected an answer to the prompt of the chosen one"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"prompt": "1+1=?", "chosen": "2", "rejected": None}, f"column rejected: {NO_ANSWER}"),
        ({"prompt": "1+1=?", "chosen": "2", "rejected": " "}, f"column rejected: {NO_ANSWER}"),
        ({"prompt": "1+1=?", "chosen": [], "rejected": [BAD]}, f"column chosen: {NO_ANSWER}"),
        ({"prompt": "1+1=?", "chosen": "2", "rejected": "2"}, EQUAL),
        ({"prompt": "1+1=?", "chosen": "2", "rejected": " 2\n"}, EQUAL),
        ({"chosen": [USER, GOOD], "rejected": [{"role": "user", "content": "x"}, BAD]}, PROMPTS),
        (
            {
                "chosen": [USER, GOOD, USER, GOOD],
                "rejected": [USER, GOOD, {"role": "user", "content": "x"}, GOOD],
            },
            PROMPTS,
        ),
        ({"chosen": "2 it is", "rejected": "no"}, PROMPTS),
    ],
)
def test_what_cannot_be_learned_from_is_named_or_left_out_and_counted(
    tmp_path: Path, row: dict[str, Any], fault: str
) -> None:
    good = {"chosen": [USER, GOOD], "rejected": [USER, BAD]}
    with pytest.raises(DataError, match=r"row 2, .*leaves out this row and 1 more"):
        found(tmp_path, good, row, row)
    read = found(tmp_path, good, row, row, skip=True)
    assert len(read.rows) == 1
    assert [(one.number, one.reason) for one in read.unreadable] == [(2, fault), (3, fault)]
    (note,) = read.notes("pairs.jsonl")
    assert note.startswith("pairs.jsonl: 2 unreadable rows left out, the first: ")


@pytest.mark.parametrize("prompt", [None, float("nan"), "", []])
def test_a_prompt_that_holds_nothing_is_what_is_wrong_with_answers_alone(
    tmp_path: Path, prompt: object
) -> None:
    for row in (
        {"chosen": "2 it is", "rejected": "2 it was"},
        {"chosen": "yes", "rejected": "no"},
        {"chosen": [GOOD], "rejected": [BAD]},
    ):
        with pytest.raises(DataError, match="column prompt: expected a text or a list of messages"):
            found(tmp_path, {"prompt": prompt, **row})
    whole = {"prompt": prompt, "chosen": [USER, GOOD], "rejected": [USER, BAD]}
    assert sides(tmp_path, whole) == ((USER, GOOD), (USER, BAD))


@pytest.mark.parametrize("column", ["prompt", "chosen", "rejected"])
def test_half_of_a_character_is_named_with_its_column(tmp_path: Path, column: str) -> None:
    row = {"prompt": "1+1=?", "chosen": "2", "rejected": "3"} | {column: "a \ud83d"}
    with pytest.raises(DataError, match=f"column {column}: expected valid Unicode, got a lone"):
        found(tmp_path, row)
    row |= {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]}
    row[column] = [row[column][0] | {"content": "a \ud83d"}]
    with pytest.raises(DataError, match=f"column {column}: expected valid Unicode, got a lone"):
        found(tmp_path, row)


def test_texts_with_the_line_ends_of_windows_are_conversations_too(tmp_path: Path) -> None:
    row = {
        "chosen": "\r\n\r\nHuman: 1+1=?\r\n\r\nAssistant: 2",
        "rejected": "\r\n\r\nHuman: 1+1=?\r\n\r\nAssistant: 3",
    }
    assert sides(tmp_path, row) == ((USER, GOOD), (USER, BAD))


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1, column chosen: expected the assistant's turn at"):
        found(tmp_path, {"chosen": [USER], "rejected": [USER, BAD]})
    with pytest.raises(DataError, match="column rejected: expected a side of the same form"):
        found(tmp_path, {"chosen": "2", "rejected": [USER, BAD]})
    with pytest.raises(DataError, match="a preference pair needs chosen \\+ rejected"):
        found(tmp_path, {"prompt": "1+1=?", "answer": "2"})


def test_a_pair_is_the_tokens_of_its_template_with_what_both_begin_with_once(
    tmp_path: Path,
) -> None:
    tokenizer = build_tokenizer()
    pairs = found(
        tmp_path, {"prompt": "1+1=?", "chosen": "so it is 2", "rejected": "so it is 30"}
    ).rows
    (row,) = tokenized(pairs, tokenizer, 100).rows
    assert tokenizer.decode(list(row.prompt)) == "1+1=?\nso it is "
    assert tokenizer.decode(list(row.chosen)) == "2<|endoftext|>"
    assert tokenizer.decode(list(row.rejected)) == "30<|endoftext|>"
    assert to_batch([row]).to_pylist()[0]["chosen_token_ids"] == list(row.chosen)


def test_a_side_that_goes_on_where_the_other_ends_leaves_each_a_token(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    pairs = found(tmp_path, {"prompt": "a", "chosen": "bc", "rejected": "bcd"}).rows
    (row,) = tokenized(pairs, tokenizer, 100).rows
    texts = [tokenizer.decode(list(ids)) for ids in (row.prompt, row.chosen, row.rejected)]
    assert texts == ["ab", "c", "cd"]


def test_no_sequence_ends_in_what_is_taken_for_padding(tmp_path: Path) -> None:
    """A tokenizer without a padding token is padded with the one that ends a text."""
    tokenizer = build_tokenizer()
    tokenizer.pad_token = None
    pairs = found(tmp_path, {"prompt": "1+1=?", "chosen": "2", "rejected": "3"}).rows
    (row,) = tokenized(pairs, tokenizer, 100).rows
    assert [tokenizer.decode(list(side)) for side in (row.chosen, row.rejected)] == ["2", "3"]


def test_the_names_of_special_tokens_in_an_answer_are_texts(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    row = {"prompt": "1+1=?", "chosen": "2<|endoftext|>", "rejected": "3"}
    (made,) = tokenized(found(tmp_path, row).rows, tokenizer, 100).rows
    assert made.chosen.count(tokenizer.eos_token_id) == 1


def test_long_pairs_and_pairs_that_a_template_makes_equal_are_counted(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'].split('</think>')[-1] }}{% endfor %}"
    )
    made = tokenized(
        found(
            tmp_path,
            {"prompt": "1+1=?", "chosen": "<think>a</think>2", "rejected": "<think>b</think>2"},
            {"prompt": "1+1=?", "chosen": "a " * 50, "rejected": "3"},
        ).rows,
        tokenizer,
        40,
    )
    assert (made.rows, made.num_too_long) == ([], 1)
    assert [(one.number, one.reason) for one in made.unreadable] == [(1, EQUAL)]


def test_a_template_that_refuses_a_turn_is_named_with_the_pair(tmp_path: Path) -> None:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = "{{ raise_exception('no system') }}"
    pairs = found(tmp_path, {"prompt": "1+1=?", "chosen": "2", "rejected": "3"}).rows
    with pytest.raises(DataError, match="row 1: the chat template refuses it: no system"):
        tokenized(pairs, tokenizer, 100)


def test_pairs_of_one_prompt_have_one_key(tmp_path: Path) -> None:
    read = found(
        tmp_path,
        {"prompt": "1+1=?", "chosen": "2", "rejected": "3"},
        {"prompt": "1+1=?", "chosen": "2", "rejected": "4"},
        {"prompt": "1+2=?", "chosen": "3", "rejected": "4"},
    )
    keys = [pair.key for pair in read.rows]
    assert keys[0] == keys[1] != keys[2]


def test_generated_pairs_are_solved_against_spoiled_and_repeat_by_their_seed() -> None:
    pairs = generated_pairs(0)
    assert pairs[:50] == generated_pairs(0)[:50] != generated_pairs(1)[:50]
    answers = [(said(pair, "chosen"), said(pair, "rejected")) for pair in pairs]
    assert all("</answer>" in better for better, _ in answers)
    whole = sum("</answer>" in worse for _, worse in answers) / len(answers)
    assert 0.45 < whole < 0.55
    assert all(better != worse for better, worse in answers)


def said(pair: Pair, side: str) -> str:
    turns = getattr(pair, side)
    return str(turns[-1]["content"])


def test_a_spoiled_solution_breaks_off_or_comes_to_another_number() -> None:
    rng = random.Random(0)
    for problem in generate(200, 0, Split.train):
        cut = cut_solution(problem, rng)
        assert "<answer>" not in cut
        assert cut.endswith(tuple(str(step) for step in problem.steps[:-1]))
        wrong = wrong_solution(problem, rng)
        assert f"<answer>{problem.answer}</answer>" not in wrong
        assert wrong.endswith("</answer>")
        assert all(0 <= int(value) <= 20 for value in re.findall(r"=(-?\d+)", wrong))
