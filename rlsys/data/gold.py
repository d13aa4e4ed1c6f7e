"""The completion that a perfect policy would write: what a verifier must pay in full."""

from typing import Any

from rlsys.data.countdown import read_puzzle, solve
from rlsys.data.leetcode import is_method
from rlsys.data.rows import PromptKind, Row
from rlsys.markup import ANSWER, END_ANSWER, END_THINK, THINK, opens_thinking

_REASONING = "The steps are left out here."


def gold_completion(row: Row, prompt: str) -> str | None:
    """The expected answer of a row, written as its rendered prompt asks for it.

    The form is read off the prompt, so it holds for rows with instructions of their own:
    `<answer>` tags where the prompt names them, `#### x` where it names `####` and no box, else
    `\\boxed{x}`.
    A `<think>` that the prompt has opened is closed, not opened again.

    Returns: None where no right answer is known: rows without an answer, answers that are a
        struct, and countdown puzzles without a solution.
    """
    if row.kind is PromptKind.PROGRAM:
        return _program(row, prompt)
    if row.kind is PromptKind.PATCH:
        return _patch(row, prompt)
    answer = _answer_text(row.expected)
    if answer is None:
        return None
    solution = row.info.get("solution")
    reasoning = solution if isinstance(solution, str) else _REASONING
    return _in_form(prompt, reasoning, answer, fallback=f"\\boxed{{{answer}}}")


def _program(row: Row, prompt: str) -> str | None:
    if not isinstance(row.expected, str):
        return None
    if prompt == row.info.get("prompt"):
        return row.expected  # the head of a function, completed as it stands
    head = str(row.info.get("prompt", ""))
    if is_method(row.info.get("entry_point")):
        head = head.partition("class Solution")[0]  # the known solution brings the class itself
    program = f"{head}{row.expected}"
    block = f"```python\n{program.rstrip()}\n```"
    return _in_form(prompt, _REASONING, block, fallback=block)


def _patch(row: Row, prompt: str) -> str | None:
    if not isinstance(row.expected, str):
        return None
    patch = row.expected.rstrip("\n")  # a last line of one space is a line of context
    block = f"```diff\n{patch}\n```"
    return _in_form(prompt, _REASONING, block, fallback=block)


def _answer_text(expected: Any) -> str | None:
    puzzle = read_puzzle(expected)
    if puzzle is not None:
        return solve(*puzzle)
    if isinstance(expected, list) and expected:
        return _answer_text(expected[0])  # alternatives, any of which is right
    if isinstance(expected, bool) or not isinstance(expected, (str, int, float)):
        return None
    return str(expected)


def _in_form(prompt: str, reasoning: str, answer: str, fallback: str) -> str:
    opened = opens_thinking(prompt)
    thought = f"{reasoning}{END_THINK}" if opened else f"{THINK}{reasoning}{END_THINK}"
    if ANSWER in prompt:
        return f"{thought} {ANSWER}{answer}{END_ANSWER}"
    hashes = "####" in prompt and "\\boxed" not in prompt
    final = f"#### {answer}" if hashes else fallback
    return f"{thought if opened else reasoning}\n{final}"
