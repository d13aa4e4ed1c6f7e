"""Rows of supervised training: which tokens are asked with, and which are learned."""

import pytest

from rlsys import schema
from rlsys.config.data import DataConfig
from rlsys.data.demonstrations import read_lessons, to_batch, tokenized
from rlsys.errors import DataError


@pytest.fixture
def made(write_rows, chat_tokenizer):
    """What a file's demonstrations say, as pairs of texts."""

    def make(*rows, tokenizer=chat_tokenizer, all_turns=False, max_tokens=1000):
        config = DataConfig(max_prompt_tokens=400)
        lessons = read_lessons(write_rows(*rows), config, all_turns).rows
        found = tokenized(lessons, config, tokenizer, max_tokens)
        return [
            ("".join(map(chr, row.prompt)), "".join(map(chr, row.completion))) for row in found.rows
        ]

    return make


TALK = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "1+1"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "and 1"},
    {"role": "assistant", "content": "3"},
]
BEFORE = "[system]be brief\n[user]1+1\n[assistant]"


def test_of_a_conversation_the_last_turn_is_learned_or_each(made):
    last = (f"{BEFORE}2\n[user]and 1\n[assistant]", "3\x03")
    assert made({"messages": TALK}) == [last]
    assert made({"messages": TALK}, all_turns=True) == [(BEFORE, "2\x03"), last]


def test_sharegpt_alpaca_and_dolly_are_read(made):
    share = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    assert made({"conversations": share}) == [("[user]hi\n[assistant]", "hello\x03")]
    for output in ("output", "response"):
        ((prompt, said),) = made({"instruction": "Add.", "input": "1 and 2", output: "3"})
        assert prompt.endswith("[user]Add.\n\n1 and 2\n[assistant]")
        assert said == "3\x03"


def test_trls_completions_are_texts_or_messages(made):
    assert made({"prompt": "The sky is", "completion": " blue."}) == [("The sky is", " blue.\x03")]
    asked = [{"role": "user", "content": "hi"}]
    said = [{"role": "assistant", "content": "hello"}]
    assert made({"prompt": asked, "completion": said}) == [("[user]hi\n[assistant]", "hello\x03")]


def test_samples_of_a_run_are_demonstrations_as_they_stand(made, base_tokenizer):
    row = {"prompt_text": "User: 1+1\nAssistant: <think>", "text": "two</think>2"}
    assert made(row, tokenizer=base_tokenizer) == [(row["prompt_text"], "two</think>2\x03")]


def test_thinking_that_the_prompt_opens_is_not_opened_twice(made):
    row = {"prompt": "1+1 <think>\n", "completion": "<think>two</think>2"}
    assert made(row) == [("1+1 <think>\n", "two</think>2\x03")]


def test_what_is_too_long_is_left_out_and_counted(write_rows, chat_tokenizer):
    config = DataConfig(max_prompt_tokens=5)
    rows = [{"prompt": p, "completion": c} for p, c in (("a", "b"), ("aaaaaa", "b"), ("a", "bbbb"))]
    lessons = read_lessons(write_rows(*rows), config).rows
    found = tokenized(lessons, config, chat_tokenizer, max_tokens=4)
    assert (len(found.rows), found.num_too_long) == (1, 2)
    with pytest.raises(DataError, match="all 3 demonstrations are longer than 2 tokens"):
        tokenized(lessons, config, chat_tokenizer, max_tokens=2)


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"question": "1+1", "answer": "2"}, "a demonstration needs messages; conversations; "),
        ({"messages": TALK[:2]}, "messages: expected an assistant's turn behind another"),
        ({"prompt": "a", "completion": ""}, "completion: expected a text"),
        ({"prompt": "a", "completion": TALK[1:2]}, "expected one message of the assistant"),
    ],
)
def test_a_row_that_shows_nothing_is_one_error(write_rows, row, error):
    with pytest.raises(DataError, match=error):
        read_lessons(write_rows(row), DataConfig())


def test_rows_of_several_forms_in_one_file_are_one_error(write_rows):
    messages, texts = {"messages": TALK}, {"prompt": "a", "completion": "b"}
    with pytest.raises(DataError) as refused:
        read_lessons(
            write_rows(messages, texts, messages, texts | {"messages": None}), DataConfig()
        )
    said = "rows of several forms: 2 of messages; 2 of prompt + completion, the first row 2; put"
    assert said in str(refused.value)


def test_a_row_without_its_columns_is_named_or_left_out_and_counted(write_rows):
    file = write_rows({"messages": TALK}, {"talk": TALK}, {"messages": None}, {"messages": TALK})
    with pytest.raises(DataError, match=r"row 2, column messages: .*no such column among talk"):
        read_lessons(file, DataConfig())
    read = read_lessons(file, DataConfig(skip_unreadable_rows=True))
    assert (len(read.rows), [error.number for error in read.unreadable]) == (2, [2, 3])


def test_half_of_a_character_that_would_be_learned_is_named(write_rows):
    with pytest.raises(DataError, match="column completion: expected valid Unicode"):
        read_lessons(write_rows({"prompt": "a", "completion": "\ud83d"}), DataConfig())


def test_the_batch_is_the_learners_contract(write_rows, chat_tokenizer):
    lessons = read_lessons(write_rows({"prompt": "a", "completion": "bc"}), DataConfig()).rows
    batch = to_batch(tokenized(lessons, DataConfig(), chat_tokenizer, 100).rows)
    assert schema.check(batch, schema.DEMONSTRATIONS) is batch
    assert batch.column("token_ids").to_pylist() == [[ord("b"), ord("c"), 3]]
    assert batch.column("loss_weights").null_count == 1
