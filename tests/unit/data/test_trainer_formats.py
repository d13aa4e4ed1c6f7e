"""Rows as verl, TRL and OpenRLHF users write them, and plain question/answer rows."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.config.data import DataConfig
from rlsys.data.read import read_rows
from rlsys.data.rows import PromptKind
from rlsys.errors import DataError


def verl_row(ground_truth, **more):
    return {
        "data_source": "openai/gsm8k",
        "prompt": [{"role": "user", "content": "What is 2+3?"}],
        "reward_model": {"style": "rule", "ground_truth": ground_truth},
        "extra_info": {"index": 7, "split": "train"},
    } | more


def only_row(path, **settings):
    reading = read_rows(path, DataConfig(**settings))
    assert len(reading.rows) == 1
    return reading.rows[0]


def test_verl_row_gives_messages_answer_source_and_info(write_rows):
    row = only_row(write_rows(verl_row("5")))
    assert row.source == "openai/gsm8k"
    assert row.kind is PromptKind.CONVERSATION
    assert row.messages == ({"role": "user", "content": "What is 2+3?"},)
    assert row.expected == "5"
    assert row.info == {"index": 7, "split": "train"}
    assert row.number == 1


@pytest.mark.parametrize(
    ("ground_truth", "answer"),
    [
        ("72", "72"),
        (72, 72),
        ({"numbers": [1, 2], "target": 3}, {"numbers": [1, 2], "target": 3}),
        ('{"numbers": [1, 2], "target": 3}', {"numbers": [1, 2], "target": 3}),
        ('[{"input": "1"}]', [{"input": "1"}]),
        ("[2, 5]", "[2, 5]"),  # an interval, not a list of two numbers
        ("{1, 2}", "{1, 2}"),  # a set, not JSON
        ("[]", "[]"),
    ],
)
def test_verl_ground_truth_as_text_number_struct_or_json_text(write_rows, ground_truth, answer):
    assert only_row(write_rows(verl_row(ground_truth))).expected == answer


def test_verl_structs_may_be_json_texts(write_rows):
    row = only_row(
        write_rows(
            verl_row(
                "",
                prompt='[{"role": "user", "content": "Q?"}]',
                reward_model='{"ground_truth": "5"}',
                extra_info='{"difficulty": 2}',
            )
        )
    )
    assert (row.messages[0]["content"], row.expected, row.difficulty) == ("Q?", "5", 2.0)


def test_verl_parquet_with_struct_ground_truth(tmp_path):
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([verl_row({"numbers": [3, 4], "target": 12})] * 2), path)
    rows = read_rows(str(path), DataConfig()).rows
    assert [row.number for row in rows] == [1, 2]
    assert rows[1].expected == {"numbers": [3, 4], "target": 12}


def test_missing_ground_truth_names_row_and_field(write_rows):
    path = write_rows(verl_row("5"), verl_row(None))
    with pytest.raises(DataError, match=r"rows\.jsonl, row 2, column reward_model\.ground_truth"):
        read_rows(path, DataConfig())


def test_verl_without_extra_info_has_empty_info(write_rows):
    row = verl_row("5")
    del row["extra_info"]
    assert only_row(write_rows(row)).info == {}


def test_trl_text_prompt_is_a_text_to_be_continued(write_rows):
    row = only_row(write_rows({"prompt": "The sky is", "answer": "blue", "level": "Level 4"}))
    assert (row.kind, row.text, row.expected) == (PromptKind.TEXT, "The sky is", "blue")
    assert row.info == {"level": "Level 4"}
    assert row.difficulty == 4.0
    assert row.source == "rows"


def test_trl_messages_with_a_system_turn(write_rows):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}]
    row = only_row(write_rows({"prompt": messages, "ground_truth": 4, "topic": "sums"}))
    assert row.kind is PromptKind.CONVERSATION
    assert [m["role"] for m in row.messages] == ["system", "user"]
    assert row.text is None
    assert (row.expected, row.info) == (4, {"topic": "sums"})


def test_trl_solution_gives_what_it_boxes_and_stays_in_info(write_rows):
    solution = "So it is \\boxed{\\frac{1}{2}}."
    row = only_row(write_rows({"prompt": "Half of 1?", "solution": solution}))
    assert row.expected == "\\frac{1}{2}"
    assert row.info == {"solution": solution}


def test_trl_answer_wins_over_solution(write_rows):
    row = only_row(write_rows({"prompt": "P", "solution": "long", "answer": "7"}))
    assert (row.expected, row.info) == ("7", {"solution": "long"})


def test_trl_row_without_an_answer_has_none(write_rows):
    assert only_row(write_rows({"prompt": "Write a poem."})).expected is None


def test_content_as_parts_of_text_is_joined_and_an_image_refused(write_rows):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    row = only_row(write_rows({"prompt": [{"role": "user", "content": parts}]}))
    assert row.messages[0]["content"] == "ab"
    picture = [{"role": "user", "content": [{"type": "image", "image": "x.png"}]}]
    path = write_rows({"prompt": picture}, name="pictures.jsonl")
    with pytest.raises(DataError, match="row 1, column prompt: expected no pictures"):
        read_rows(path, DataConfig())


def test_openrlhf_columns_are_named_by_the_config(write_rows):
    path = write_rows({"context": "2+2?", "gold": "4", "datasource": "sums", "n": 1})
    row = only_row(path, input_key="context", label_key="gold")
    assert (row.kind, row.text, row.expected) == (PromptKind.QUESTION, "2+2?", "4")
    assert (row.source, row.info) == ("sums", {"n": 1})


def test_openrlhf_defaults_to_input_and_label_and_reads_messages(write_rows):
    path = write_rows({"input": [{"role": "user", "content": "2+2?"}], "label": 4})
    reading = read_rows(path, DataConfig())
    assert reading.formats == ("openrlhf",)
    assert reading.rows[0].kind is PromptKind.CONVERSATION
    assert reading.rows[0].expected == 4


@pytest.mark.parametrize("label", ["34", 34, "[2, 5]"])
def test_a_prompt_with_a_label_is_read_as_slime_and_openrlhf_write_it(write_rows, label):
    path = write_rows({"prompt": "2+2?", "label": label, "metadata": {"from": "dapo"}})
    reading = read_rows(path, DataConfig())
    row = reading.rows[0]
    assert reading.formats == ("openrlhf",)
    assert (row.kind, row.text, row.expected) == (PromptKind.QUESTION, "2+2?", label)
    assert row.info == {"metadata": {"from": "dapo"}}


def test_a_prompt_of_messages_with_a_label_is_a_conversation(write_rows):
    row = only_row(write_rows({"prompt": [{"role": "user", "content": "2+2?"}], "label": "4"}))
    assert (row.kind, row.messages[0]["content"]) == (PromptKind.CONVERSATION, "2+2?")


def test_a_label_beside_an_answer_is_not_the_answer(write_rows):
    path = write_rows({"prompt": "P", "answer": "7", "label": "hard"})
    reading = read_rows(path, DataConfig())
    assert reading.formats == ("trl",)
    assert (reading.rows[0].expected, reading.rows[0].info) == ("7", {"label": "hard"})


@pytest.mark.parametrize("label", [True, 0, "good"])
def test_the_rating_of_a_completion_is_not_taken_for_an_answer(write_rows, label):
    path = write_rows({"prompt": "P", "completion": "C", "label": label})
    with pytest.raises(DataError, match=r"column label: expected an answer .* as in KTO's rows"):
        read_rows(path, DataConfig())
    if not isinstance(label, bool):
        assert only_row(path, label_key="label", input_key="prompt").expected == label


def test_a_label_that_some_rows_lack_is_an_error_that_names_the_row(write_rows):
    path = write_rows({"prompt": "P", "label": "1"}, {"prompt": "Q"})
    with pytest.raises(DataError, match="row 2, column label: expected an answer, got no such"):
        read_rows(path, DataConfig())


def test_prompts_in_a_named_column_may_be_without_labels(write_rows):
    assert only_row(write_rows({"context": "A poem."}), input_key="context").expected is None


def test_wrong_openrlhf_key_lists_the_columns(write_rows):
    path = write_rows({"context": "2+2?", "gold": "4"})
    with pytest.raises(DataError) as caught:
        read_rows(path, DataConfig(input_key="contxet"))
    assert str(caught.value) == (
        f"data.input_key='contxet': the rows of {path} have no such column; did you mean "
        "'context'?; there are: context, gold"
    )
    with pytest.raises(DataError, match=r"data\.label_key='answer': .*; there are: context, gold"):
        read_rows(path, DataConfig(input_key="context", label_key="answer"))


def test_question_answer_rows_keep_the_answers_type(write_rows):
    path = write_rows(
        {"question": "2+2?", "answer": 4, "source": "sums", "difficulty": 1},
        {"question": "Capital of France?", "answer": "Paris"},
    )
    first, second = read_rows(path, DataConfig()).rows
    assert (first.expected, first.source, first.difficulty) == (4, "sums", 1.0)
    assert (second.expected, second.source, second.difficulty) == ("Paris", "rows", None)


def test_configured_source_overrides_the_rows_own(write_rows):
    assert only_row(write_rows(verl_row("5")), source="mine").source == "mine"


def test_dates_and_decimals_become_texts_and_bytes_are_refused(tmp_path):
    path = tmp_path / "typed.parquet"
    row = {"prompt": "P", "answer": Decimal("1.50"), "day": date(2024, 2, 1)}
    pq.write_table(pa.Table.from_pylist([row]), path)
    read = only_row(str(path))
    assert (read.expected, read.info) == ("1.50", {"day": "2024-02-01"})
    pq.write_table(pa.Table.from_pylist([{"prompt": "P", "blob": b"\x89PNG"}]), path)
    with pytest.raises(DataError, match=r"row 1, column info: expected .* type bytes"):
        read_rows(str(path), DataConfig())


def test_prompt_id_depends_on_source_prompt_and_answer_only(write_rows):
    path = write_rows(
        {"question": "2+2?", "answer": 4, "note": "a"},
        {"question": "2+2?", "answer": 4, "note": "b"},
        {"question": "2+2?", "answer": "4"},
        {"question": "2+3?", "answer": 4},
    )
    ids = [row.prompt_id for row in read_rows(path, DataConfig()).rows]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert read_rows(path, DataConfig(source="other")).rows[0].prompt_id != ids[0]


def test_prompt_id_is_the_same_forever(write_rows):
    row = only_row(write_rows({"question": "2+2?", "answer": 4}), source="sums")
    # blake2b-128 of ["sums", [{"content": "2+2?", "role": "user"}], 4]
    assert row.prompt_id == "2c685a25c1c057d5f0392d40229cd072"


def test_a_json_text_as_ground_truth_stays_at_hand_for_functions_that_decode_it(write_rows):
    row = only_row(write_rows(verl_row('{"target": 3}')))
    assert row.expected == {"target": 3}
    assert row.info == {"ground_truth": '{"target": 3}', "index": 7, "split": "train"}


USER = {"role": "user", "content": "2+3?"}
SYSTEM = {"role": "system", "content": "Be brief."}


def said(text):
    return {"role": "assistant", "content": text}


@pytest.mark.parametrize(
    ("row", "num_turns", "answer"),
    [
        ({"messages": [USER, said("It is \\boxed{5}.")]}, 1, "5"),
        ({"messages": [SYSTEM, USER, said("2+3=5\n#### 1,005")]}, 2, "1005"),
        ({"messages": [USER, said("five")]}, 1, "five"),
        ({"messages": [USER, said("<think>2+3=5.</think><answer>5</answer>")]}, 1, "5"),
        ({"messages": [USER, said("<think>\\boxed{6}?</think> It is \\boxed{5}.")]}, 1, "5"),
        ({"messages": [USER, said("<think>\\boxed{6}? No.</think>5")]}, 1, "5"),
        ({"messages": [USER, said("<think>so 5")]}, 1, "<think>so 5"),
        ({"messages": [USER], "answer": 5}, 1, 5),
        ({"messages": [USER, said("It is six.")], "answer": "5"}, 1, "5"),
        ({"messages": [USER, said("7?"), USER], "label": "5"}, 3, "5"),
        ({"messages": [USER]}, 1, None),
        (
            {"conversations": [{"from": "human", "value": "2+3?"}, {"from": "gpt", "value": "5"}]},
            1,
            "5",
        ),
    ],
)
def test_rows_of_messages_give_the_prompt_and_what_the_last_turn_answers(
    write_rows, row, num_turns, answer
):
    read = only_row(write_rows(row))
    assert read.kind is PromptKind.CONVERSATION
    assert len(read.messages) == num_turns
    assert read.messages[-1]["role"] == "user"
    assert read.expected == answer


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([said("5")], "a user message before the assistant's"),
        ([], "a list of messages"),
        ([{"from": "human"}], "a list of messages with role and content"),
    ],
)
def test_messages_without_a_question_are_an_error(write_rows, messages, reason):
    with pytest.raises(DataError, match=reason):
        read_rows(write_rows({"messages": messages, "answer": "1"}), DataConfig())


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        ({"instruction": "2+3?", "output": "The sum is 5, so \\boxed{5}"}, "2+3?", "5"),
        ({"instruction": "Add.", "input": "2 and 3", "output": "5"}, "Add.\n\n2 and 3", "5"),
        ({"instruction": "Add.", "input": "", "output": "5"}, "Add.", "5"),
        ({"instruction": "Add.", "context": "2, 3", "response": "5"}, "Add.\n\n2, 3", "5"),
        ({"instruction": "2+3?", "output": "six", "answer": "5"}, "2+3?", "5"),
    ],
)
def test_rows_of_an_instruction_and_its_output(write_rows, row, question, answer):
    read = only_row(write_rows(row))
    assert read.kind is PromptKind.QUESTION
    assert read.messages[0]["content"] == question
    assert read.expected == answer
    assert read.info["output"] == row.get("output", row.get("response"))
