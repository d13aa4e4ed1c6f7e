"""LeetCode's tasks, as newfacade/LeetCodeDataset lays them out: a method of a class Solution."""

import re
from typing import Any

from rlsys.config.data import DataConfig
from rlsys.data.raw import RawRow, first_number, shown
from rlsys.data.rows import PromptKind, Row, build_row, question

_METHOD = re.compile(r"\s*Solution\(\s*\)\.[A-Za-z_]\w*\s*")
_BLOCK = re.compile(r"```(?:python3?|py)?[ \t]*\n(.*?)```", re.DOTALL)


def is_method(entry_point: Any) -> bool:
    """Whether an entry point is a method of a new Solution, as in `Solution().twoSum`."""
    return isinstance(entry_point, str) and _METHOD.fullmatch(entry_point) is not None


def read_leetcode(raw: RawRow, config: DataConfig) -> Row:
    """LeetCode: `test` defines check(candidate), `entry_point` is `Solution().twoSum`.

    `prompt` is what the tests and the answer need before them: imports, helper classes, or the
    class to fill in itself. The task is the column `query`, else `problem_description` with
    `starter_code`, else `prompt`. Tests that are there only as `input_output` are not run.
    """
    test = raw.text("test", "Python that defines check(candidate); input_output alone is not run")
    head = raw.text("prompt", "Python: the imports, or the class Solution to fill in")
    entry_point = raw.text("entry_point", "a method, such as Solution().twoSum")
    if not is_method(entry_point):
        raise raw.error("entry_point", "a method, such as Solution().twoSum", shown(entry_point))
    task = _task(raw, head)
    return build_row(
        raw,
        config,
        source="leetcode",
        kind=PromptKind.PROGRAM,
        messages=question(task),
        expected=_solution(raw),
        answer_column="completion",
        info={"prompt": head, "entry_point": entry_point.strip(), "test": test}
        | raw.rest("prompt", "entry_point", "test", "query", "completion", "response"),
        difficulty=first_number(raw.values, "difficulty"),
    )


def _task(raw: RawRow, head: str) -> str:
    if raw.values.get("query"):
        return raw.text("query")
    described = raw.text("problem_description") if raw.values.get("problem_description") else ""
    starter = raw.text("starter_code") if raw.values.get("starter_code") else head
    if "class Solution" not in starter:
        raise raw.error("prompt", "a class Solution, there or in starter_code", shown(starter))
    asked = "Fill in this class. Write the whole class in Python."
    return f"{described.strip()}\n\n{asked}\n```python\n{starter.rstrip()}\n```".strip()


def _solution(raw: RawRow) -> str | None:
    """The known solution: a program, or the last block of a written answer; None without one."""
    for column in ("completion", "response"):
        written = raw.values.get(column)
        if isinstance(written, str) and "class Solution" in written:
            blocks = [block for block in _BLOCK.findall(written) if "class Solution" in block]
            return str(blocks[-1]) if blocks else written
    return None
