"""GSM8K, MATH, AIME, HumanEval, MBPP and CodeContests rows: their traps, and the real files."""

import pytest

from rlsys.config.data import DataConfig, RowFormat
from rlsys.data.read import read_rows
from rlsys.data.rows import PromptKind
from rlsys.errors import DataError


def read(path, **settings):
    return read_rows(path, DataConfig(**settings))


def gsm8k_row(final):
    return {"question": "How much?", "answer": f"He pays 2*3=<<2*3=6>>6.\n#### {final}"}


@pytest.mark.parametrize(
    ("final", "answer"),
    [("72", "72"), ("1,080", "1080"), ("109,200,000", "109200000"), ("-3", "-3"), ("2.5", "2.5")],
)
def test_gsm8k_answer_is_the_number_after_the_hashes_without_commas(write_rows, final, answer):
    reading = read(write_rows(gsm8k_row(final)))
    assert reading.formats == ("gsm8k",)
    assert reading.rows[0].expected == answer
    assert reading.rows[0].info == {"solution": "He pays 2*3=6."}


def test_gsm8k_row_without_a_final_number_is_an_error(write_rows):
    path = write_rows(gsm8k_row("1"), gsm8k_row("2"), {"question": "Q", "answer": "It is 5."})
    with pytest.raises(DataError, match=r"row 3, column answer: .*'#### ' .*got 'It is 5\.'"):
        read(path)


def test_question_answer_rows_are_not_taken_for_gsm8k(write_rows):
    assert read(write_rows({"question": "Q", "answer": "5"})).formats == ("question_answer",)


def test_math_row_keeps_latex_and_level(write_rows):
    row = {"problem": "P", "solution": "S", "answer": "\\frac{1}{2}", "level": "Level 3"}
    read_row = read(write_rows(row)).rows[0]
    assert (read_row.expected, read_row.difficulty) == ("\\frac{1}{2}", 3.0)
    assert read_row.info == {"solution": "S", "level": "Level 3"}
    assert read_row.source == "math"


def test_math_row_without_an_answer_column_takes_the_last_box(write_rows):
    row = {"problem": "P", "solution": "First \\boxed{1}, then \\boxed{\\sqrt{2}}."}
    assert read(write_rows(row)).rows[0].expected == "\\sqrt{2}"
    path = write_rows({"problem": "P", "solution": "No box."}, name="boxless.jsonl")
    with pytest.raises(DataError, match="row 1, column solution"):
        read(path)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("Thus \\boxed{\\text{Friday}}.", "\\text{Friday}"),
        ("Thus $\\boxed{\\frac{1}{\\sqrt{2}}}$.", "\\frac{1}{\\sqrt{2}}"),
    ],
)
def test_math_solution_may_box_words_and_nested_braces(write_rows, solution, answer):
    assert read(write_rows({"problem": "P", "solution": solution})).rows[0].expected == answer


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        (None, "null"),
        ("", "''"),
        ("\u200b", "blank"),
        (True, "True"),
        ([], "list"),
        (float("nan"), "a missing value"),
    ],
)
def test_math_row_without_an_answer_is_an_error_that_names_it(write_rows, bad, got):
    path = write_rows({"problem": "P", "answer": "1"}, {"problem": "P", "answer": bad})
    with pytest.raises(DataError, match=rf"row 2, column answer: expected a LaTeX .*got.*{got}"):
        read(path)


@pytest.mark.parametrize(
    ("written", "answer"), [("025", 25), ("204", 204), (70, 70), ("000", 0), (25.0, 25)]
)
def test_aime_answer_is_an_integer_however_it_is_written(write_rows, written, answer):
    reading = read(write_rows({"problem": "P", "answer": written}, name="aime24.jsonl"))
    assert reading.formats == ("aime",)
    assert reading.rows[0].expected == answer
    assert type(reading.rows[0].expected) is int


@pytest.mark.parametrize("bad", ["1000", "-5", "2.5", "x", 1000, 2.5, True, "9" * 5000])
def test_aime_answer_outside_0_to_999_is_an_error(write_rows, bad):
    path = write_rows({"problem": "P", "answer": bad})
    with pytest.raises(DataError, match="column answer: expected an integer from 0 to 999"):
        read(path, format=RowFormat.aime)


def test_a_file_name_that_merely_contains_the_letters_is_not_aime(write_rows):
    path = write_rows({"problem": "P", "answer": "1000"}, name="reclaimed.jsonl")
    assert read(path).formats == ("math",)


def test_code_contests_tests_become_stdin_and_expected(write_rows):
    row = {"problem": "Add.", "tests": {"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"]}}
    read_row = read(write_rows(row)).rows[0]
    assert read_row.info == {
        "tests": [{"stdin": "1 2\n", "expected": "3\n"}, {"stdin": "3 4\n", "expected": "7\n"}]
    }
    assert (read_row.kind, read_row.expected) == (PromptKind.PROGRAM, None)


def test_code_contests_with_unequal_lists_is_an_error(write_rows):
    path = write_rows({"problem": "Add.", "tests": {"inputs": ["1"], "outputs": []}})
    with pytest.raises(DataError, match="row 1, column tests: expected inputs and outputs"):
        read(path)


@pytest.mark.parametrize(
    ("name", "num_rows", "layout"),
    [
        ("countdown/countdown_test.parquet", 2001, RowFormat.verl),
        ("gsm8k/test.jsonl", 923, RowFormat.gsm8k),
        ("gsm8k/train.jsonl", 7473, RowFormat.gsm8k),
        ("math500/test.jsonl", 350, RowFormat.math),
        ("aime/aime24.jsonl", 21, RowFormat.aime),
        ("aime/aime25.jsonl", 21, RowFormat.aime),
        ("aime/aime_1983_2023.jsonl", 975, RowFormat.aime),
        ("humaneval/humaneval.jsonl", 115, RowFormat.humaneval),
        ("mbpp/mbpp.jsonl", 974, RowFormat.mbpp),
        ("codeforces/code_contests_test.jsonl", 165, RowFormat.code_contests),
    ],
)
def test_all_rows_of_the_benchmark_files_are_read(benchmark, name, num_rows, layout):
    reading = read(benchmark(name))
    assert (len(reading.rows), reading.formats, reading.unreadable) == (
        num_rows,
        (layout.value,),
        (),
    )


def test_countdown_rows_keep_the_struct(benchmark):
    row = read(benchmark("countdown/countdown_train.parquet")).rows[0]
    assert row.expected == {"numbers": [44, 19, 35], "target": 98}
    assert (row.source, row.info) == ("countdown", {"index": 0, "split": "train"})
    assert row.messages[0]["content"].endswith("<think>")


def test_gsm8k_files_have_plain_numbers_only(benchmark):
    rows = read(benchmark("gsm8k/train.jsonl")).rows
    assert rows[0].expected == "72"
    assert all(row.expected.lstrip("-").isdecimal() for row in rows)
    assert not any("<<" in row.info["solution"] or "####" in row.info["solution"] for row in rows)


def test_aime_2024_zero_padded_answers(benchmark):
    answers = {row.expected for row in read(benchmark("aime/aime24.jsonl")).rows}
    assert {25, 73, 23, 33} <= answers


def test_humaneval_row_carries_what_the_code_verifier_needs(benchmark):
    row = read(benchmark("humaneval/humaneval.jsonl")).rows[0]
    assert row.info["entry_point"] == "has_close_elements"
    assert "def check(candidate)" in row.info["test"]
    assert row.text == row.info["prompt"]
    assert row.expected.startswith("    for idx, elem in enumerate(numbers):")
    assert row.messages[0]["content"].startswith("Complete this Python function.")


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_a_missing_known_solution_of_a_program_is_no_error(write_rows, missing):
    row = {"task_id": "T", "prompt": "def f():\n", "entry_point": "f", "test": "def check(c): 0"}
    assert read(write_rows(row | {"canonical_solution": missing})).rows[0].expected is None


def test_math_training_file_has_four_rows_without_an_answer(benchmark):
    path = benchmark("math500/math_train.jsonl")
    with pytest.raises(DataError, match=r"row 887, .* leaves out this row and 3 more"):
        read(path)
    reading = read(path, skip_unreadable_rows=True)
    assert len(reading.rows) == 7470
    assert [error.number for error in reading.unreadable] == [887, 1010, 5329, 5331]
    assert {error.reason for error in reading.unreadable} == {
        "column answer: expected a LaTeX answer"
    }


SWEBENCH = {
    "repo": "o/n",
    "instance_id": "o__n-1",
    "base_commit": "abc",
    "patch": "--- a/x\n",
    "test_patch": "--- a/t\n",
    "problem_statement": "It breaks.",
    "FAIL_TO_PASS": '["t.py::test_a"]',
    "PASS_TO_PASS": ["t.py::test_b"],
    "version": "1.0",
}


def test_swebench_row_reads_its_tests_as_lists_and_as_json_texts(write_rows):
    reading = read(write_rows(SWEBENCH))
    assert reading.formats == ("swebench",)
    row = reading.rows[0]
    assert (row.source, row.kind, row.expected) == ("swebench", PromptKind.PATCH, "--- a/x\n")
    assert row.info["FAIL_TO_PASS"] == ["t.py::test_a"]
    assert row.info["PASS_TO_PASS"] == ["t.py::test_b"]
    assert row.info["version"] == "1.0"
    assert row.messages[0]["content"].endswith("\n\nIt breaks.")
    assert "patch" not in row.info
    oracle = read(write_rows(SWEBENCH | {"text": "<issue>It breaks.</issue><code>"})).rows[0]
    assert oracle.messages[0]["content"].endswith("\n\n<issue>It breaks.</issue><code>")


@pytest.mark.parametrize("names", [None, "t.py::test_a", "{}", [1]])
def test_swebench_row_without_readable_tests_is_an_error(write_rows, names):
    with pytest.raises(
        DataError, match="row 1, column FAIL_TO_PASS: expected a list of test names"
    ):
        read(write_rows(SWEBENCH | {"FAIL_TO_PASS": names}))


def test_all_swebench_rows_are_read(benchmark):
    rows = read(benchmark("swebench/swebench_sample.jsonl")).rows
    assert len(rows) == 14
    assert {len(row.info["base_commit"]) for row in rows} == {40}
    assert all(row.expected.startswith("diff --git ") and row.info["FAIL_TO_PASS"] for row in rows)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("So it is $\\boxed 3$.", "3"),
        ("So it is \\fbox{3}.", "3"),
        ("Thus $\\boxed\\frac12$.", "\\frac12"),
    ],
)
def test_math_solution_may_box_without_braces(write_rows, solution, answer):
    assert read(write_rows({"problem": "P", "solution": solution})).rows[0].expected == answer
