"""The hostile and honest programs, and the tasks that they are graded on.

A file holds several programs, each behind a line `# %% TASK: NAME`. They are what a model might
write, so none of them is imported or formatted.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from verifiers.base import Completion

FOLDER = Path(__file__).resolve().parent
_HEAD = re.compile(r"^# %% (\w+): (\w+)\n", re.MULTILINE)
_NUMBERS = ([3, 1, 2], [10, -7, 10, 44, 0], [2**70, -(3**40), 12], [5], list(range(300, 0, -7)))

CHECK = "def check(candidate):\n" + "".join(
    f"    assert candidate({xs}) == ({sorted(xs)}, {sum(xs)})\n" for xs in _NUMBERS
)
FUNCTION = {"prompt": "", "entry_point": "solve", "test": CHECK}
PROGRAM = {
    "tests": [
        {"stdin": f"{len(xs)}\n{' '.join(map(str, xs))}\n", "expected": f"{sorted(xs)} {sum(xs)}"}
        for xs in _NUMBERS
    ]
}
for _test in PROGRAM["tests"]:
    _test["expected"] = re.sub(r"[\[\],]", "", _test["expected"])
TOLERANCE = {"tests": [{"stdin": "", "expected": "1.41421356"}], "checker": "float:1e-6"}
UNICODE = {
    "tests": [
        {"stdin": "größe\n日本語\n", "expected": "eßörg\n語本日\n"},
        {"stdin": "a\U0001f600b", "expected": "b\U0001f600a"},
    ],
    "checker": "exact",
}


@dataclass(frozen=True)
class Case:
    """One program with its task."""

    name: str
    verifier: str
    completion: Completion


def read(kind: str, planted: str = "") -> dict[str, list[Case]]:
    """The programs of a kind (hostile or honest) by file.

    Args:
        planted: paths, one to a line, that programs of the task `escape` try to read. They print
            ESCAPED when they reach anything that they should not, which their tests expect.
    """
    escape = {"tests": [{"stdin": planted, "expected": "ESCAPED"}] * 2}
    tasks = {
        "function": ("code_functions", FUNCTION),
        "program": ("code_programs", PROGRAM),
        "tolerance": ("code_programs", TOLERANCE),
        "unicode": ("code_programs", UNICODE),
        "escape": ("code_programs", escape),
    }
    classes = {}
    for path in sorted((FOLDER / kind).glob("*.py")):
        _, *parts = _HEAD.split(path.read_text(encoding="utf-8"))
        classes[path.stem] = [
            Case(name, tasks[task][0], _completion(source, tasks[task][1]))
            for task, name, source in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        ]
    return classes


def _completion(source: str, info: dict) -> Completion:
    return Completion("", f"```python\n{source}\n```", None, info)
