"""Rows of the well-known benchmarks: maths, programs, repositories."""

import json
import re

from rlsys.config.data import DataConfig
from rlsys.data.expected import flaw
from rlsys.data.raw import RawRow, first_number, is_blank, shown
from rlsys.data.rows import PromptKind, Row, build_row, question
from verifiers.extract import last_boxed

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_CALCULATOR = re.compile(r"<<[^<>]*>>")
_AIME_ANSWER = re.compile(r"[0-9]{1,9}")
_AIME_MAXIMUM = 999


def read_gsm8k(raw: RawRow, config: DataConfig) -> Row:
    """GSM8K: the answer column is a worked solution whose last line is `#### 1,080`.

    The expected answer is that number without thousands commas, as text; the solution goes to
    info, without its last line and its calculator annotations.
    """
    expected = "a solution that ends in '#### ' and a number"
    solution, mark, final = raw.text("answer", expected).rpartition("####")
    number = final.strip().removeprefix("$").replace(",", "")
    if not mark or not _NUMBER.fullmatch(number):
        raise raw.error("answer", expected, shown(final if mark else solution + final))
    return build_row(
        raw,
        config,
        source="gsm8k",
        kind=PromptKind.QUESTION,
        messages=question(raw.text("question")),
        expected=number,
        info={"solution": _CALCULATOR.sub("", solution).strip()} | raw.rest("question", "answer"),
    )


def read_math(raw: RawRow, config: DataConfig) -> Row:
    """MATH: problem and a LaTeX answer; without an answer column, what the solution boxes."""
    expected = "a LaTeX answer"
    if "answer" in raw.values:
        answer = raw.value("answer", expected)
        if flaw(answer) or not isinstance(answer, str | int | float):
            found = flaw(answer)
            raise raw.error("answer", expected, shown(answer) + (f": {found}" if found else ""))
        answer = str(answer)
    else:
        solution = raw.text("solution", "a solution with its answer in \\boxed{}")
        answer = last_boxed(solution)
        if answer is None or is_blank(answer):
            raise raw.error("solution", "an answer in \\boxed{}", shown(solution))
    return build_row(
        raw,
        config,
        source="math",
        kind=PromptKind.QUESTION,
        messages=question(raw.text("problem")),
        expected=answer,
        info=raw.rest("problem", "answer"),
        difficulty=first_number(raw.values, "difficulty", "level"),
    )


def read_aime(raw: RawRow, config: DataConfig) -> Row:
    """AIME: problem and an integer from 0 to 999, as a number or zero-padded text (025).

    25.0 is one, too: pandas makes such numbers of a column with a missing value.
    """
    expected = f"an integer from 0 to {_AIME_MAXIMUM}"
    value = raw.value("answer", expected)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_text = isinstance(value, str) and _AIME_ANSWER.fullmatch(value.strip()) is not None
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not (is_text or is_integer) or not 0 <= int(value) <= _AIME_MAXIMUM:
        raise raw.error("answer", expected, shown(value))
    return build_row(
        raw,
        config,
        source="aime",
        kind=PromptKind.QUESTION,
        messages=question(raw.text("problem" if "problem" in raw.values else "question")),
        expected=int(value),
        info=raw.rest("problem", "question", "answer"),
        difficulty=first_number(raw.values, "difficulty"),
    )


def read_humaneval(raw: RawRow, config: DataConfig) -> Row:
    """HumanEval: a function's head to complete; the tests call `check(candidate)`."""
    head = raw.text("prompt")
    task = (
        f"Complete this Python function. Write the whole function.\n```python\n{head.rstrip()}\n```"
    )
    return build_row(
        raw,
        config,
        source="humaneval",
        kind=PromptKind.PROGRAM,
        messages=question(task),
        text=head,
        expected=_gold(raw, "canonical_solution"),
        info={
            "task_id": raw.value("task_id", "the task's id"),
            "prompt": head,
            "entry_point": _function_name(raw, head),
            "test": raw.text("test", "Python that defines check(candidate)"),
        },
    )


def read_mbpp(raw: RawRow, config: DataConfig) -> Row:
    """MBPP: a task in words and asserts, which the prompt shows, since they name the function."""
    tests = raw.texts("test_list", "a list of asserts")
    shown_tests = "\n".join(tests)
    words = raw.text("text" if "text" in raw.values else "prompt", "the task in words")
    task = f"{words}\nYour Python code has to pass these tests:\n```python\n{shown_tests}\n```"
    return build_row(
        raw,
        config,
        source="mbpp",
        kind=PromptKind.PROGRAM,
        messages=question(task),
        expected=_gold(raw, "code"),
        info={
            "text": words,
            "test_list": tests,
            "test_setup_code": raw.values.get("test_setup_code") or "",
            "challenge_test_list": raw.values.get("challenge_test_list") or [],
        }
        | raw.rest("text", "prompt", "code", "test_list", "test_setup_code", "challenge_test_list"),
    )


def read_code_contests(raw: RawRow, config: DataConfig) -> Row:
    """CodeContests: a program that reads standard input; tests are {inputs, outputs}.

    info["tests"] is a list of {stdin, expected}.
    """
    expected = "inputs and outputs, two lists of texts of the same length, not empty"
    tests = raw.mapping("tests", expected)
    inputs, outputs = tests.get("inputs"), tests.get("outputs")
    if (
        not isinstance(inputs, list)
        or not isinstance(outputs, list)
        or len(inputs) != len(outputs)
        or not inputs
        or not all(isinstance(text, str) for text in inputs + outputs)
    ):
        raise raw.error("tests", expected, shown(tests))
    task = (
        "Write a Python program that reads from standard input and writes to standard output.\n"
        f"{raw.text('problem').strip()}"
    )
    return build_row(
        raw,
        config,
        source="code_contests",
        kind=PromptKind.PROGRAM,
        messages=question(task),
        expected=None,
        info={
            "tests": [
                {"stdin": stdin, "expected": output}
                for stdin, output in zip(inputs, outputs, strict=True)
            ]
        }
        | raw.rest("problem", "tests"),
        difficulty=first_number(raw.values, "difficulty"),
    )


def read_swebench(raw: RawRow, config: DataConfig) -> Row:
    """SWE-bench: an issue of a repository; the answer is a patch, graded by the tests it brings.

    The prompt is the issue, or the column `text` where the data set has one (issue and source
    files). FAIL_TO_PASS and PASS_TO_PASS are lists, or JSON texts of lists.
    """
    repo = raw.text("repo", "owner/name of the repository")
    tests = {column: _test_names(raw, column) for column in ("FAIL_TO_PASS", "PASS_TO_PASS")}
    issue = raw.text("problem_statement", "the issue")
    given = raw.text("text") if raw.values.get("text") else issue
    task = (
        f"This is an issue of the repository {repo}. Write a patch that resolves it, a unified "
        "diff in a fenced block that `git apply` takes. Leave the tests as they are.\n\n"
        f"{given.strip()}"
    )
    columns = ("instance_id", "base_commit", "test_patch")
    used = ("repo", "problem_statement", "text", "patch", *columns, *tests)
    return build_row(
        raw,
        config,
        source="swebench",
        kind=PromptKind.PATCH,
        messages=question(task),
        expected=_gold(raw, "patch"),
        info={"repo": repo, "question": issue}
        | {column: raw.text(column) for column in columns}
        | tests
        | raw.rest(*used),
    )


def _gold(raw: RawRow, column: str) -> str | None:
    """A known solution, which no verdict depends on: None where there is none."""
    written = raw.values.get(column)
    return written if isinstance(written, str) and not is_blank(written) else None


def _function_name(raw: RawRow, head: str) -> str:
    """The entry point: a function of the head's own level, not a method."""
    name = raw.text("entry_point", "the function's name")
    if not name.isidentifier():
        raise raw.error("entry_point", "a function's name (data.format=leetcode)", shown(name))
    is_function = re.search(rf"^(?:async )?def {name}\b", head, re.MULTILINE) is not None
    if "class Solution" in head and not is_function:
        raise raw.error("entry_point", f"Solution().{name}, a method of the class", shown(name))
    return name


def _test_names(raw: RawRow, column: str) -> list[str]:
    expected = "a list of test names, or a JSON text of one"
    names = raw.value(column, expected)
    if isinstance(names, str):
        try:
            names = json.loads(names)
        except ValueError:
            raise raw.error(column, expected, shown(names)) from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise raw.error(column, expected, shown(names))
    return names
