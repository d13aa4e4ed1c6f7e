"""docs/failures.md quotes messages that the code says, and names errors and alarms that it has."""

import ast
import re
from functools import cache

import pytest

from rlsys.config.load import load
from rlsys.observe.alarms import Alarms
from tests.helpers.places import ROOT

PAGE = (ROOT / "docs" / "failures.md").read_text()
HOLE = "\0"
"""Where a message has a value."""


def rows(heading):
    """The first cells of the tables under a heading, without the tables' own headings."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (.+?) \|", section, re.MULTILINE)
    return [cell for cell in cells if "`" in cell]


QUOTES = [
    re.findall(r"`([^`]+)`", cell)[0]
    for heading in re.findall(r"^## ((?:In|While) .+)$", PAGE, re.MULTILINE)
    for cell in rows(heading)
]


@cache
def said():
    """Every text that a module makes outside of its docstrings."""
    texts = []
    for package in ("rlsys", "actors", "verifiers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text())
            docs = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
            texts += [text(n) for n in ast.walk(tree) if id(n) not in docs and text(n)]
    return texts


def text(node):
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else HOLE for part in node.values
        )
    return ""


def is_said(quote):
    """Whether one text has all that stands between the holes of the quote, in its order."""
    parts = [re.escape(part.strip()) for part in quote.split("...") if part.strip()]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(pattern.search(told) for told in said())


@pytest.mark.parametrize("quote", QUOTES)
def test_a_quoted_message_stands_in_the_code(quote):
    assert is_said(quote)


def test_a_message_that_nobody_says_is_found_out():
    assert len(QUOTES) > 40
    assert not is_said("the fleet is too large: ...")
    assert not is_said("... free, and the cluster is busy: ...")


def test_each_alarm_is_on_the_page():
    metrics = Alarms(load(ROOT / "configs" / "base.yaml").observe, 1).metrics()
    assert set(re.findall(r"`(alarm/\w+)`", PAGE)) == set(metrics)
