"""What a task's own texts say of names: which are classes, and what is defined in a comment."""

import ast
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_COLUMNS = (
    *("prompt", "text", "question", "query", "problem_description", "starter_code", "code"),
    *("canonical_solution", "solution"),
)
_DEFINED = re.compile(
    r"^[ \t>#`]*(?:async +)?(class|def)[ \t]+([A-Za-z_]\w*)[ \t]*[:(]", re.MULTILINE
)
_CALLED = r"""(?i:\b{0})\s+(?:(?:named|called)\s+[`'"*]*|[`'"*]+)([A-Za-z_]\w*)"""
_CAPITAL = r"""(?i:\b{0})\s+([A-Z]\w*)|\b([A-Z]\w*)[`'"*]*\s+(?i:{0})\b"""
_WAYS = f"{_CALLED}|{_CAPITAL}"
_COMMENTED = re.compile(r"(?:^[ \t]*#[^\n]*(?:\n|\Z))+", re.MULTILINE)


@dataclass(frozen=True)
class Words:
    """Of one task."""

    classes: frozenset[str]
    """Names that are called classes."""
    functions: frozenset[str]
    """Names that are called functions."""
    told: frozenset[str]
    """All words: functions that the task asks for are among them."""
    definitions: str
    """Classes that stand in comments, as LeetCode has ListNode: Python."""


def words_of(info: dict[str, Any]) -> Words:
    """What the texts among a task's columns say."""
    return _words(tuple(text for name in _COLUMNS if isinstance(text := info.get(name), str)))


@lru_cache(maxsize=1024)
def _words(texts: tuple[str, ...]) -> Words:
    together = "\n".join(texts)
    classes, functions = (_called(kind, together) for kind in ("class", "function"))
    defined = _DEFINED.findall(together)
    coded = {name for kind, name in defined if kind == "class"}
    plain = {name for kind, name in defined if kind == "def"} - coded
    return Words(
        frozenset(coded | (classes - functions - plain) | {"Solution"}),
        frozenset(plain | (functions - classes - coded)),
        frozenset(re.findall(r"[A-Za-z_]\w*", together)),
        _definitions(texts),
    )


def _called(kind: str, text: str) -> set[str]:
    """Names that a text calls so: `class Bag`, "a class named bag", "the Bag class". A name without
    a capital letter or quotes is a word like another: "the class average"."""
    return {name for ways in re.findall(_WAYS.format(kind), text) for name in ways if name}


def _definitions(texts: Sequence[str]) -> str:
    found: dict[str, str] = {}
    for text in texts:
        for comment in _COMMENTED.findall(text):
            lines = [line.lstrip()[1:] for line in comment.splitlines()]
            begins = [n for n, line in enumerate(lines) if line.lstrip().startswith("class ")]
            for begin in begins:
                node = _class_at(lines[begin:])
                if node is not None:
                    found.setdefault(node.name, ast.unparse(node))
    return "\n".join(found.values())


def _class_at(lines: Sequence[str]) -> ast.ClassDef | None:
    """The class that lines begin with; what follows it may be words."""
    margin = len(lines[0]) - len(lines[0].lstrip())
    body = [lines[0]]
    for line in lines[1:]:
        if line.strip() and len(line) - len(line.lstrip()) <= margin:
            break
        body.append(line)
    try:
        tree = ast.parse(textwrap.dedent("\n".join(body)))
    except SyntaxError:
        return None
    node = tree.body[0] if tree.body else None
    return node if isinstance(node, ast.ClassDef) else None
