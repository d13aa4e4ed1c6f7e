"""What inspection shows of single rows: tokens, mask, verdict."""

import io

from rich.console import Console

from rlsys.config.data import DataConfig, PromptTemplate
from rlsys.data.inspection.rows import inspect_row, render_row
from rlsys.data.read import read_rows
from rlsys.data.templates import tokenize
from verifiers.base import Status, Verdict

VERBATIM = DataConfig(template=PromptTemplate.verbatim, max_prompt_tokens=8)


def grade_exactly(completions):
    """1 when the completion ends with the boxed answer."""
    right = [c.text.endswith(f"\\boxed{{{c.answer}}}") for c in completions]
    return [
        Verdict(float(r), Status.CORRECT if r else Status.WRONG, "compared as text") for r in right
    ]


def shown(row):
    stream = io.StringIO()
    Console(file=stream, width=100).print(render_row(row))
    return stream.getvalue()


def inspect(path, tokenizer, config=VERBATIM, grade=None):
    """The first rows, looked at closely."""
    tokenized = tokenize(read_rows(path, config).rows, config, tokenizer)
    pairs = zip(tokenized.rows[:3], tokenized.prompts[:3], strict=True)
    return [inspect_row(row, prompt, config, tokenizer, grade) for row, prompt in pairs]


def test_prompt_is_masked_and_the_gold_answer_with_its_end_is_not(write_rows, base_tokenizer):
    (row,) = inspect(write_rows({"question": "2+2?", "answer": "4"}), base_tokenizer)
    assert row.completion is not None
    assert row.completion.endswith("\n\\boxed{4}")
    num_trained = len(row.completion) + 1  # one token per character, and the end of sequence
    assert row.mask == [0] * 4 + [1] * num_trained
    assert row.token_ids[:4] == [ord(c) for c in "2+2?"]
    assert row.token_ids[-2:] == [ord("}"), 3]
    assert (row.template, row.expected, row.verdict) == ("verbatim", "4", None)


def test_gold_answers_are_graded_dry(write_rows, base_tokenizer):
    path = write_rows({"question": "2+2?", "answer": "4"})
    (row,) = inspect(path, base_tokenizer, grade=grade_exactly)
    assert row.verdict == Verdict(1.0, Status.CORRECT, "compared as text")


def test_a_row_without_an_answer_is_not_graded(write_rows, base_tokenizer):
    (row,) = inspect(write_rows({"prompt": "A poem:"}), base_tokenizer, grade=grade_exactly)
    assert (row.completion, row.verdict) == (None, None)
    assert row.mask == [0] * 7
    assert "none: no right answer is known" in shown(row)


def test_rendering_shows_each_part(write_rows, base_tokenizer):
    path = write_rows({"question": "[b]2+2?", "answer": "4", "note": "x" * 500})
    text = shown(inspect(path, base_tokenizer, grade=grade_exactly)[0])
    for part in (
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
    rows = inspect(benchmark("countdown/countdown_test.parquet"), base_tokenizer, config)
    assert [row.number for row in rows] == [1, 2, 3]
    assert rows[0].expected["target"] == 55
    assert all(row.template == "verbatim" and row.completion for row in rows)
