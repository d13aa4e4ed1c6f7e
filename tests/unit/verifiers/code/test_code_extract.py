"""Where the program stands in a completion."""

import time

import pytest

from tests.helpers.fake_sandbox import FakeSandbox
from verifiers.code import extract
from verifiers.code.extract import defines, standing_before
from verifiers.code.facts import look_in
from verifiers.code.fences import take_apart

SANDBOX = FakeSandbox()

HEAD = 'from typing import List\n\ndef add(a: int, b: int) -> int:\n    """Add."""\n'


def program_of(text, **more):
    return extract.program_of(text, look_in(SANDBOX), **more)


def function_of(text, name, *more):
    return extract.function_of(text, name, look_in(SANDBOX), *more)


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("```python\nprint(1)\n```", "print(1)\n"),
        ("```\nprint(1)\n```", "print(1)\n"),
        ("first\n```python\nx\n```\nbetter\n```py\ny\n```\nDone.", "y\n"),
        ("```python\nx = 1\n```\nOutput:\n```text\n1\n```", "x = 1\n"),
        ("<think>```python\nno\n```</think>```python\nyes\n```", "yes\n"),
        ("```python\nno\n```<answer>```python\nyes\n```</answer>", "yes\n"),
        ("<answer>print(1)</answer>", "print(1)"),
        ("print(1)", "print(1)"),
        ("```python\nprint(1)", "print(1)"),
        ("   ", None),
        ("```python\n```", None),
        ("<think>print(1)", None),
    ],
)
def test_the_last_fenced_block_is_the_program(text, program):
    assert program_of(text) == program


SOLUTION = "n = int(input())\nprint(3 * n)\n"
BLOCK = f"```python\n{SOLUTION}```\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{BLOCK}Sample:\n```\n5\n15\n```\n",
        f"{BLOCK}Complexity:\n```\nO(1)\n```\n",
        f"```\n5\n```\n{BLOCK}```\n15\n```\n",
        f"{BLOCK}```output\n15\n```\n```bash\npython3 a.py\n```",
        f"{BLOCK}A transcript:\n```python\n>>> 3 * 5\n15\n```",
        f"```python\nimport os\nprint(1)\n```\nBetter:\n{BLOCK}",
        f"```\n{SOLUTION}```\n```\n5\n15\n```\n",
        f"```\n5\n```\ngives\n```\n{SOLUTION}```\n",
        f"````python\n{SOLUTION}````",
        f"~~~python\n{SOLUTION}~~~",
        f"```{{.python .numberLines}}\n{SOLUTION}```",
        f"```Python3\n{SOLUTION}```",
        "1. So:\n\n   ```python\n   n = int(input())\n   print(3 * n)\n   ```\n",
        "- ```python\n  n = int(input())\n  print(3 * n)\n  ```\n",
        f"```markdown\nText\n{BLOCK}```\n",
        f"\ufeff{SOLUTION}",
        SOLUTION.replace("\n", "\r\n"),
        f"{SOLUTION}```",
        f"{SOLUTION}```\nThis triples n.\n",
        f"{SOLUTION}```\nExample:\n```\n5\n15\n```\n",
        f"Here is the program:\n\n{SOLUTION}\nIt triples n.\nNote: linear.\nDone",
        f"```python\n{SOLUTION}",
        f"```python\n{SOLUTION}```text\n1\n```",
    ],
)
def test_what_stands_around_the_program_is_not_taken_for_it(text):
    assert program_of(text).strip() == SOLUTION.strip()


def test_a_fence_inside_a_string_does_not_end_the_block():
    source = f'"""\nUse:\n```\nprog < file\n```\n"""\n{SOLUTION}'
    assert program_of(f"```python\n{source}```\nDone.") == source
    tagged = source.replace("```\nprog", "```python\nprog")
    assert program_of(f"```python\n{tagged}```\nDone.") == tagged


def test_blocks_that_need_each_other_are_joined_in_order():
    first = "```python\nimport math\ndef triple(n):\n    return 3 * n\n```\n"
    rest = "Then:\n```python\nn = int(input())\nprint(triple(n))\n```\n"
    program = (
        "import math\ndef triple(n):\n    return 3 * n\n\nn = int(input())\nprint(triple(n))\n"
    )
    assert program_of(first + rest) == program
    cells = "```python\nn = int(input())\n```\n```python\nprint(3 * n)\n```"
    assert program_of(cells) == "n = int(input())\n\nprint(3 * n)\n"


def test_a_call_that_shows_the_use_of_a_program_is_no_program():
    program = "def triple(n):\n    return 3 * n\nprint(triple(int(input())))\n"
    text = f"```python\n{program}```\nFor example:\n```python\nprint(triple(5))\n```"
    assert program_of(text) == program


def test_a_later_version_of_a_program_counts():
    text = f"```python\nn = int(input())\nprint(n)\n```\nNo:\n{BLOCK}"
    assert program_of(text) == SOLUTION


def test_a_function_gets_the_helpers_of_other_blocks():
    helper = "from math import gcd\ndef half(n):\n    return gcd(n, 2)\n"
    main = "def f(n):\n    return half(n)\n"
    first, second = f"```python\n{helper}```\n", f"```python\n{main}```\n"
    use = "```python\nprint(f(3))\n```\n"
    assert function_of(first + second + use, "f") == f"{helper}\n{main}"
    assert function_of(second + use, "f") == main
    assert function_of(second + first, "f") == f"{main}\n{helper}"


def test_a_bare_function_is_found_between_words():
    bare = "def f(n):\n    return 2 * n"
    assert function_of(f"The function:\n\n{bare}\n\nIt doubles n.", "f") == bare
    assert function_of(f"{bare}\n```\nIt doubles n.", "f") == bare


def test_a_class_is_found_like_a_function():
    text = "```python\nclass Stack:\n    pass\n```\n```python\ns = Stack()\n```"
    assert function_of(text, "Stack") == "class Stack:\n    pass\n"


def test_a_continuation_may_stand_in_a_fence_with_a_sample_after_it():
    for body in ("    c = a + b\n    return c\n", "c = a + b\nreturn c\n"):
        text = f"```python\n{body}```\n```\n>>> add(1, 2)\n3\n```"
        assert function_of(text, "add", "", HEAD) == HEAD + "    c = a + b\n    return c\n"
    text = "    return a + b\n\n```\n>>> add(1, 2)\n3\n```"
    assert function_of(text, "add", "", HEAD).rstrip() == HEAD + "    return a + b"


def test_one_block_is_taken_without_a_job():
    SANDBOX.programs.clear()
    program_of(f"Text\n{BLOCK}")
    function_of("```python\ndef f(): pass\n```", "f")
    function_of("    return a + b\n", "add", "", HEAD)
    assert SANDBOX.programs == []


def test_text_that_ends_the_job_leaves_the_last_block(monkeypatch):
    monkeypatch.setattr("verifiers.code.facts._PROGRAM", "# ends: timeout")
    assert program_of(f"{BLOCK}```python\nother\n```") == "other\n"


def test_many_fences_take_little_time():
    began = time.perf_counter()
    extract.take_apart("```python\n'''\n" * 20_000)
    extract.take_apart("```\n" * 50_000 + "x" * 100_000)
    assert time.perf_counter() - began < 5.0


def test_a_block_that_was_cut_off_is_no_program():
    text = "```python\nprint(1)\n```\nbetter:\n```python\nprint("
    assert program_of(text, truncated=True) == "print(1)\n"
    assert program_of("```python\nprint(") == "print("
    assert program_of("```python\nprint(", truncated=True) is None


def test_the_last_block_that_defines_the_function_counts():
    text = "```python\ndef add(a, b):\n    return a + b\n```\nUse it:\n```python\nadd(1, 2)\n```"
    assert function_of(text, "add") == "def add(a, b):\n    return a + b\n"
    assert function_of(text, "sub") == "add(1, 2)\n"


def test_a_whole_function_stands_behind_the_head_with_its_imports():
    source = function_of("```python\ndef add(a, b):\n    return a + b\n```", "add", "", HEAD, HEAD)
    assert source == HEAD.rstrip() + "\n\ndef add(a, b):\n    return a + b\n"


@pytest.mark.parametrize(
    "text",
    [
        "    return a + b\n",
        "return a + b\n",
        "    return a + b\n\nprint(add(1, 2))\n",
        "    return a + b\nThis adds.\n",
        "    return a + b\n\ndef other():\n    pass\n",
    ],
)
def test_a_continuation_ends_at_the_first_line_that_is_not_indented(text):
    source = function_of(text, "add", HEAD, HEAD)
    assert source.rstrip() == HEAD + "    return a + b"


def test_a_closing_bracket_may_stand_at_the_margin():
    source = function_of("    return sum([\na, b\n])\n", "add", "", HEAD)
    assert source == HEAD + "    return sum([\n"
    source = function_of("    return sum([\n    a, b\n])\n", "add", "", HEAD)
    assert source == HEAD + "    return sum([\n    a, b\n])\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(x):", True),
        ("async  def f(x):", True),
        ("f = lambda x: x", True),
        ("f: int = 3", True),
        ("f == 3", False),
        ("def ff(x):", False),
        ("    def f(x):", False),
        ("class f:", True),
        ("x = f(3)", False),
    ],
)
def test_a_definition_is_found_at_the_top_level_only(source, found):
    assert defines(f"x = 1\n{source}", "f") is found


@pytest.mark.parametrize("line", ["~" * 50_000, "~~~" + " " * 50_000, "```" + "a" * 50_000])
def test_a_long_line_that_is_nearly_a_fence_takes_no_time(line):
    began = time.perf_counter()
    assert take_apart(f"{line}`\nx").tagged == []
    assert time.perf_counter() - began < 1.0


def test_what_a_task_gives_stands_before_the_solution_and_future_imports_before_all():
    source = "x = 1\nfrom __future__ import annotations\ndef f(xs: List[int]): pass\n"
    lines = standing_before("class Node: pass", source).split("\n")
    assert [line for line in lines if line] == [
        "from __future__ import annotations",
        "from typing import List",
        "class Node: pass",
        "x = 1",
        "def f(xs: List[int]): pass",
    ]
    assert standing_before("", "def f(): pass") == "def f(): pass"
