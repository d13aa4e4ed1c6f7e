"""LeetCode's tasks: a method of a class Solution, as published and as written by hand."""

import pytest

from rlsys.config.data import DataConfig, RowFormat
from rlsys.data.gold import gold_completion
from rlsys.data.read import read_rows
from rlsys.data.rows import PromptKind
from rlsys.errors import DataError

STARTER = "class Solution:\n    def top(self, xs: List[int]) -> int:\n        "
SOLVED = "class Solution:\n    def top(self, xs: List[int]) -> int:\n        return max(xs)"
BY_HAND = {
    "task_id": "top",
    "prompt": f"from typing import List\n\n{STARTER}pass\n",
    "entry_point": "Solution().top",
    "test": "def check(candidate):\n    assert candidate(xs=[3, 9]) == 9\n",
}
PUBLISHED = {
    "task_id": "top",
    "question_id": 1,
    "difficulty": "Easy",
    "problem_description": "Return the largest number.",
    "starter_code": STARTER,
    "prompt": "from typing import *\nimport math\n",
    "completion": SOLVED,
    "entry_point": "Solution().top",
    "test": BY_HAND["test"],
    "input_output": [{"input": "xs = [3, 9]", "output": "9"}],
    "query": f"### Question:\nReturn the largest.\n```python\n{STARTER}\n```\n",
    "response": f"Take the largest.\n```python\n{SOLVED}\n```",
}


def read(path, **settings):
    return read_rows(path, DataConfig(**settings))


def test_a_task_written_by_hand_is_asked_with_its_class(write_rows):
    reading = read(write_rows(BY_HAND))
    assert reading.formats == ("leetcode",)
    (row,) = reading.rows
    assert (row.source, row.kind, row.expected) == ("leetcode", PromptKind.PROGRAM, None)
    assert row.messages[0]["content"].startswith("Fill in this class.")
    assert "def top(self" in row.messages[0]["content"]
    assert {name: row.info[name] for name in ("prompt", "entry_point", "test")} == {
        name: BY_HAND[name] for name in ("prompt", "entry_point", "test")
    }


def test_the_published_rows_are_asked_by_their_query_and_bring_their_solution(write_rows):
    (row,) = read(write_rows(PUBLISHED)).rows
    assert row.messages[0]["content"] == PUBLISHED["query"]
    assert row.expected == SOLVED
    assert row.info["prompt"] == PUBLISHED["prompt"]
    assert "response" not in row.info


def test_without_a_query_the_description_and_the_starter_code_are_asked(write_rows):
    (row,) = read(write_rows(PUBLISHED | {"query": None})).rows
    asked = row.messages[0]["content"]
    assert asked.startswith("Return the largest number.\n\nFill in this class.")
    assert STARTER.rstrip() in asked


def test_a_written_answer_gives_its_last_block_of_the_class(write_rows):
    (row,) = read(write_rows(PUBLISHED | {"completion": None})).rows
    assert row.expected == SOLVED + "\n"


def test_the_gold_answer_brings_imports_and_class(write_rows):
    (row,) = read(write_rows(PUBLISHED)).rows
    completion = gold_completion(row, "asked")
    assert completion is not None
    assert completion.endswith(f"```python\n{PUBLISHED['prompt']}{SOLVED}\n```")


def test_the_gold_answer_of_a_class_to_fill_in_is_the_class_alone(write_rows):
    (row,) = read(write_rows(BY_HAND | {"completion": SOLVED})).rows
    completion = gold_completion(row, "asked")
    assert completion is not None
    assert completion.count("class Solution") == 1


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"test": None}, "test"),
        ({"entry_point": "top"}, "entry_point"),
        ({"prompt": "import math\n"}, "prompt"),
    ],
)
def test_what_cannot_be_graded_is_refused_by_name(write_rows, change, column):
    path = write_rows(BY_HAND, BY_HAND | change)
    with pytest.raises(DataError, match=rf"row 2, column {column}: expected "):
        read(path)


def test_tests_that_are_only_inputs_and_outputs_are_refused(write_rows):
    row = {k: v for k, v in PUBLISHED.items() if k != "test"}
    with pytest.raises(DataError, match=r"column test: .* input_output alone is not run"):
        read(write_rows(row))


def test_tests_that_make_their_own_solution_are_refused(write_rows):
    row = {"prompt": "Add.", "test": "my = Solution()\nassert my.add(1, 2) == 3"}
    with pytest.raises(DataError, match=r"column test: expected tests that define check\(candid"):
        read(write_rows(row))


def test_a_method_is_not_graded_as_a_function(write_rows):
    path = write_rows(BY_HAND | {"entry_point": "top"})
    with pytest.raises(DataError, match=r"entry_point: expected Solution\(\)\.top, a method"):
        read(path)
    with pytest.raises(DataError, match=r"entry_point: expected a function's name"):
        read(write_rows(BY_HAND), format=RowFormat.humaneval)


def test_functions_stay_rows_of_humaneval(write_rows):
    row = BY_HAND | {"prompt": "class Node: ...\n\ndef top(xs):\n", "entry_point": "top"}
    assert read(write_rows(row)).formats == ("humaneval",)
