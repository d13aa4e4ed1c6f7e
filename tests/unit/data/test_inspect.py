"""What inspection shows of a file's first rows."""

import io

import pytest
from rich.console import Console

from rlsys.config.data import DataConfig, PromptTemplate
from rlsys.data.inspect import inspect_rows, render_inspection
from rlsys.data.read import read_rows
from rlsys.errors import DataError
from verifiers.base import Status, Verdict

VERBATIM = DataConfig(template=PromptTemplate.verbatim, max_prompt_tokens=8)


def grade_exactly(completion):
    """1 when the completion ends with the boxed answer."""
    right = completion.text.endswith(f"\\boxed{{{completion.answer}}}")
    return Verdict(float(right), Status.CORRECT if right else Status.WRONG, "compared as text")


def shown(inspection):
    stream = io.StringIO()
    Console(file=stream, width=100).print(render_inspection(inspection))
    return stream.getvalue()


def inspect(path, tokenizer, config=VERBATIM, **more):
    return inspect_rows(read_rows(path, config), config, tokenizer, **more)


def test_prompt_is_masked_and_the_gold_answer_with_its_end_is_not(write_rows, base_tokenizer):
    inspection = inspect(write_rows({"question": "2+2?", "answer": "4"}), base_tokenizer)
    (row,) = inspection.rows
    assert row.completion is not None
    assert row.completion.endswith("\n\\boxed{4}")
    num_trained = len(row.completion) + 1  # one token per character, and the end of sequence
    assert row.mask == [0] * 4 + [1] * num_trained
    assert row.token_ids[:4] == [ord(c) for c in "2+2?"]
    assert row.token_ids[-2:] == [ord("}"), 3]
    assert (row.template, row.answer, row.verdict) == ("verbatim", "4", None)


def test_gold_answers_are_graded_dry(write_rows, base_tokenizer):
    path = write_rows({"question": "2+2?", "answer": "4"})
    row = inspect(path, base_tokenizer, grade=grade_exactly).rows[0]
    assert row.verdict == Verdict(1.0, Status.CORRECT, "compared as text")


def test_a_row_without_an_answer_is_not_graded(write_rows, base_tokenizer):
    inspection = inspect(write_rows({"prompt": "A poem:"}), base_tokenizer, grade=grade_exactly)
    row = inspection.rows[0]
    assert (row.completion, row.verdict) == (None, None)
    assert row.mask == [0] * 7
    assert "none: no right answer is known" in shown(inspection)


def test_three_rows_that_fit_are_shown_and_the_others_counted(write_rows, base_tokenizer):
    questions = ["a", "far too long", "bbb", "cc", "dddd"]
    inspection = inspect(
        write_rows(*({"question": q, "answer": 1} for q in questions)), base_tokenizer
    )
    assert [row.prompt for row in inspection.rows] == ["a", "bbb", "cc"]
    assert (inspection.num_rows, inspection.num_too_long) == (5, 1)
    assert inspection.prompt_tokens == (1, 3, 4)


def test_only_too_long_rows_are_an_error(write_rows, base_tokenizer):
    with pytest.raises(DataError, match="all 1 prompts are longer"):
        inspect(write_rows({"question": "far too long", "answer": 1}), base_tokenizer)


def test_rendering_shows_each_part(write_rows, base_tokenizer):
    path = write_rows({"question": "[b]2+2?", "answer": "4", "note": "x" * 500})
    text = shown(inspect(path, base_tokenizer, grade=grade_exactly))
    for part in (
        "question_answer",
        "row 1",
        "[b]2+2?",  # as it is, not read as rich mark-up
        "\\boxed{4}",
        "91 98 93 50 43 50 63",
        "mask         0 x 7, 1 x ",
        'expected     "4"',
        "correct, reward 1: compared as text",
        "characters)",
    ):
        assert part in text


def test_first_countdown_rows_are_inspected_with_a_known_answer(benchmark, base_tokenizer):
    config = DataConfig(max_prompt_tokens=1000)
    inspection = inspect(benchmark("countdown/countdown_train.parquet"), base_tokenizer, config)
    assert inspection.formats == ("verl",)
    assert [row.number for row in inspection.rows] == [1, 2, 3]
    assert [row.answer["target"] for row in inspection.rows] == [98, 64, 28]
    assert all(row.template == "verbatim" and row.completion for row in inspection.rows)
