"""From a user's request to prompts: what is asked, and how often."""

from dataclasses import replace
from pathlib import Path

from rlsys.data.rows import PromptKind, Row, content_id, question
from rlsys.evaluation.benchmark import Benchmark
from rlsys.evaluation.cut import NO_CUT
from rlsys.evaluation.job import Job, Request, assemble
from tests.helpers.tiny_policy import write_policy


def sum_of(number: int, line: int) -> Row:
    asked = question(f"{number}+1=?")
    return Row(
        prompt_id=content_id("sums", asked, str(number + 1)),
        source="sums",
        kind=PromptKind.QUESTION,
        messages=tuple(asked),
        text=asked[0]["content"],
        expected=str(number + 1),
        info={},
        difficulty=None,
        file="sums.jsonl",
        number=line,
    )


def assembled(folder: Path, numbers: list[int], told: list[str], instruction: str = "") -> Job:
    rows = [sum_of(number, line) for line, number in enumerate(numbers, start=1)]
    sums = Benchmark("sums", "", "math", True, 16, rows=lambda: rows)
    policy = write_policy(folder / "policy", 0)
    request = Request(str(policy), (sums,), folder, 4, (1.0,), (8,), 16, 0, NO_CUT)
    return assemble(replace(request, instruction=instruction), None, [], told.append)


def test_a_problem_that_a_file_has_twice_is_asked_once(tmp_path: Path) -> None:
    told: list[str] = []
    (task,) = assembled(tmp_path, [1, 2, 1, 3, 1], told).eval_tasks
    assert [prompt.expected for prompt in task.prompts] == ['"2"', '"3"', '"4"']
    (line,) = (line for line in told if "left out" in line)
    assert line.startswith("sums: 2 rows left out: they ask the same as others")


def test_a_prompt_that_says_its_budget_is_asked_once_too(tmp_path: Path) -> None:
    (task,) = assembled(tmp_path, [1, 1], [], "Think for {budget} tokens.").eval_tasks
    (prompt,) = task.prompts
    assert prompt.prompt_id.endswith("-b8")
    assert "Think for 8 tokens." in prompt.text
