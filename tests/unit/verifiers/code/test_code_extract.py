"""Where the program stands in a completion."""

import pytest

from verifiers.code.extract import defines, function_of, program_of

HEAD = 'from typing import List\n\ndef add(a: int, b: int) -> int:\n    """Add."""\n'


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


def test_a_block_that_was_cut_off_is_no_program():
    text = "```python\nprint(1)\n```\nbetter:\n```python\nprint("
    assert program_of(text, truncated=True) == "print(1)\n"
    assert program_of(text) == "print("


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
        ("x = f(3)", False),
    ],
)
def test_a_definition_is_found_at_the_top_level_only(source, found):
    assert defines(f"x = 1\n{source}", "f") is found
