"""Training and held-out rows: disjoint, and chosen by content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.config.data import DataConfig
from rlsys.data.load import hold_out, load_rows, without
from rlsys.data.rows import PromptKind, Row, content_id, question
from rlsys.errors import ConfigError, DataError


def make_row(text, answer="", number=1):
    messages = question(text)
    return Row(
        prompt_id=content_id("test", messages, answer),
        source="test",
        kind=PromptKind.QUESTION,
        messages=tuple(messages),
        text=text,
        expected=answer,
        info={},
        difficulty=None,
        file="rows.jsonl",
        number=number,
    )


def texts(rows):
    return [row.text for row in rows]


words = st.lists(st.text("abc", min_size=1, max_size=4), min_size=3, max_size=30, unique=True)


@given(words, st.data())
def test_held_out_rows_do_not_depend_on_the_order_of_the_file(names, data):
    rows = [make_row(name) for name in names]
    shuffled = data.draw(st.permutations(rows))
    count = data.draw(st.integers(1, len(rows) - 1))
    train, held_out = hold_out(rows, count)
    assert len(held_out) == count
    assert set(texts(train)) | set(texts(held_out)) == set(names)
    assert not set(texts(train)) & set(texts(held_out))
    assert set(texts(hold_out(shuffled, count)[1])) == set(texts(held_out))


@given(words, st.data())
def test_one_more_row_displaces_at_most_one_held_out_row(names, data):
    rows = [make_row(name) for name in names]
    count = data.draw(st.integers(1, len(rows) - 1))
    before = set(texts(hold_out(rows, count)[1]))
    after = set(texts(hold_out([*rows, make_row("a new one")], count)[1]))
    assert len(before - after) <= 1
    assert after - before <= {"a new one"}


def test_a_prompt_that_occurs_twice_is_never_on_both_sides():
    rows = [make_row(name, answer) for name in "abcdef" for answer in ("1", "2")]
    train, held_out = hold_out(rows, 2)
    assert len(held_out) == 2
    assert len(train) == 8
    assert not set(texts(train)) & set(texts(held_out))


@pytest.mark.parametrize(("rows", "held"), [(1, 0), (2, 1), (3, 1), (10, 2), (14, 2)])
def test_a_fifth_is_held_out_of_a_file_that_is_too_small(rows, held):
    train, held_out = hold_out([make_row(f"{i}+1=?") for i in range(rows)], 256)
    assert (len(train), len(held_out)) == (rows - held, held)


def test_nothing_is_held_out_when_that_is_asked_for():
    assert hold_out([make_row("a"), make_row("b")], 0)[1] == []


def test_without_ignores_white_space_source_and_answer():
    rows = [make_row("What  is\n1+1?", "2"), make_row("What is 2+2?", "4")]
    assert texts(without(rows, [make_row("What is 1+1?", "two")])) == ["What is 2+2?"]


def test_a_countdown_puzzle_is_the_same_in_any_order_of_its_numbers():
    train = [make_row("A", {"numbers": [1, 2, 3], "target": 6})]
    assert without(train, [make_row("B", {"numbers": [3, 1, 2], "target": 6})]) == []
    assert without(train, [make_row("B", {"numbers": [3, 1, 2], "target": 7})]) == train


def test_training_rows_that_are_also_held_out_are_left_out_and_noted(write_rows):
    rows = [{"question": f"What is {n}?", "answer": n} for n in range(4)]
    config = DataConfig(
        train=write_rows(*rows, name="train.jsonl"), test=write_rows(rows[2], name="test.jsonl")
    )
    loaded = load_rows(config)
    assert [row.expected for row in loaded.train] == [0, 1, 3]
    assert [row.expected for row in loaded.held_out] == [2]
    assert len(loaded.notes) == 1
    assert "1 rows left out, also in" in loaded.notes[0]


def test_training_on_nothing_but_held_out_rows_is_an_error(write_rows):
    path = write_rows({"question": "Q", "answer": 1})
    with pytest.raises(DataError, match="each of its 1 prompts is also in"):
        load_rows(DataConfig(train=path, test=path))


def test_skipped_rows_are_noted(write_rows):
    path = write_rows(
        {"question": "A", "answer": 1}, {"question": "B", "answer": 2}, {"question": "C"}
    )
    loaded = load_rows(DataConfig(train=path, holdout=1, skip_unreadable_rows=True))
    assert (len(loaded.train), len(loaded.held_out)) == (1, 1)
    assert "1 unreadable row left out, the first: " in loaded.notes[0]


def test_loading_without_a_file_is_an_error():
    with pytest.raises(ConfigError, match=r"data\.train is empty"):
        load_rows(DataConfig())


def test_the_five_countdown_puzzles_of_the_test_file_are_not_trained_on(benchmark):
    loaded = load_rows(
        DataConfig(
            train=benchmark("countdown/countdown_train.parquet"),
            test=benchmark("countdown/countdown_test.parquet"),
        )
    )
    assert (len(loaded.train), len(loaded.held_out)) == (7996, 2001)
