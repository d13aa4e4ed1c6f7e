"""What kind of thing an expected answer is: what a verifier has to be able to compare."""

import re

from rlsys.data.countdown import read_puzzle
from rlsys.data.rows import PromptKind, Row

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_NUMBER = rf"[-+−]?(?:{_DIGITS}(?:\.[0-9]+)?|\.[0-9]+)"
_KINDS = (
    ("whole number", rf"[-+−]?{_DIGITS}"),
    ("decimal", rf"{_NUMBER}(?:[eE][-+]?[0-9]+)?"),
    (
        "fraction",
        r"-?[0-9]+\s*/\s*[0-9]+|-?\\[dt]?frac\s*(?:\{-?[0-9]+\}|[0-9])\s*(?:\{[0-9]+\}|[0-9])",
    ),
    (
        "number with a unit",
        rf"\\?[$€£]\s*{_NUMBER}|{_NUMBER}\s*(?:\\?%|°|\^\\circ|\s[A-Za-z]+\.?|[A-Za-z]{{3,}}\.?)",
    ),
    ("choice letter", r"[A-J]|\(?[A-Ja-j]\)|\\text\{\(?[A-J]\)?\}"),
    ("yes or no", r"(?i:yes|no|true|false)"),
    ("LaTeX", r"(?s:.*(?:\\[A-Za-z]|[_^{}]).*)"),
    # Letters one by one, as in `2x + 3 = y`, and a figure or an operator among them.
    ("expression", r"(?!.*[A-Za-z]{2})(?=.*[0-9+*/=<>])[A-Za-z0-9\s!-/:-@|\[\]]+"),
    ("word", r"\S+"),
)
_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS)
_MOST_CHARACTERS = 200


def kind_of(row: Row) -> str:
    """The kind of a row's expected answer, in words: `whole number`, `choice letter`, `text`."""
    expected = row.expected
    if row.kind is PromptKind.PATCH:
        return "tests of a repository"
    if row.kind is PromptKind.PROGRAM:
        return "inputs and outputs" if "tests" in row.info else "tests of a function"
    if expected is None:
        return "none"
    if read_puzzle(expected) is not None:
        return "countdown puzzle"
    if isinstance(expected, list):
        return "list of alternatives"
    if isinstance(expected, str):
        return _kind_of_text(expected.strip())
    if isinstance(expected, int):
        return "whole number"
    return "decimal" if isinstance(expected, float) else "struct"


def _kind_of_text(text: str) -> str:
    inner = text[1:-1].strip() if len(text) > 2 and text[0] == text[-1] == "$" else text
    if len(inner) > _MOST_CHARACTERS:
        return "text"
    return next((kind for kind, pattern in _PATTERNS if pattern.fullmatch(inner)), "text")
