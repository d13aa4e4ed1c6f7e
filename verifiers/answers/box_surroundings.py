"""What stands around a box and belongs to its value: `-\\boxed{5}`, `\\boxed{5}\\sqrt2`.

In a formula it is the sign or number before, the command around, and all that follows up to a
relation, a comma or the formula's end. A box that a calculation goes on from is a value by itself
(`10 - \\boxed{5} = 5`), and so is the right side of a relation (`x \\ge \\boxed{5}`). In a sentence
it is a minus right before, a power or root right behind, and a word like `million`.
"""

import re
from typing import NamedTuple

from verifiers.answers.denials import MULTIPLIED

_REACH = 200
"""Characters before and behind a box that are looked at."""
_SPACE = r"(?:[ \t\n~]|\\[,;:! ])"
_GROUP = r"\{(?:[^{}]|\{[^{}]*\})*\}"
_DIRECT = rf"""
    (?: \^\s*(?:{_GROUP}|\\[A-Za-z]+|[0-9A-Za-z]) | _\s*(?:{_GROUP}|[0-9]) | \\?%
      | \\sqrt\s*(?:\[[^\[\]]*\])?\s*(?:{_GROUP}|[0-9A-Za-z])
      | \\[dt]?frac\s*(?:{_GROUP}|[0-9])\s*(?:{_GROUP}|[0-9])
      | \\(?:pi|infty|cdot|times|div)(?![A-Za-z])
      | \\text\s*\{{{MULTIPLIED}\s*\}} )
"""
_BEHIND_IN_TEXT = re.compile(rf"(?:[ ]?{_DIRECT}[0-9]*)*+", re.VERBOSE | re.IGNORECASE)
_BEHIND_IN_FORMULA = re.compile(
    rf"""(?: {_SPACE}* (?: {_DIRECT} | ! | [0-9]+(?:\.[0-9]+)? | [A-Za-z](?![A-Za-z]) | [-−+*/]
        | \([-+*/^0-9a-z\s]{{1,40}}\) | \\(?:ln|log|sin|cos|tan|pm)(?![A-Za-z]) ) )*+""",
    re.VERBOSE,
)
_STOP = re.compile(
    r"(?:\s|\\[,;:! ])*+(?:[.,;:&=<>≈$}]|$"
    r"|\\(?:[()\[\]\\]|text|q?quad|approx|sim|implies|Rightarrow|le|ge|ne|to))"
)
_GOES_ON = re.compile(r"(?:\s|\\[,;:! ])*+=")
_BINARY = re.compile(r"\s*(?:[-−+*/]|\\(?:cdot|times|div))")
_NUMBERS = r"[0-9]+(?:\.[0-9]+)?"
_LEAD = (
    r"(?:^|[=≈<>≤≥(\[{,:;&]|\\\\"
    r"|\\(?:approx|implies|Rightarrow|therefore|to|leq?|geq?|q?quad)(?![A-Za-z]))"
)
_BEFORE_IN_FORMULA = re.compile(
    rf"{_LEAD}{_SPACE}*(?P<factor>(?:(?:{_NUMBERS}|[-−+*/]|\\(?:cdot|times|div|pm)(?![A-Za-z])){_SPACE}*)+)$"
)
_BEFORE_IN_TEXT = re.compile(r"(?:^|[\s:(=*])(?P<factor>[-−])$")
_COMMAND = re.compile(
    rf"\\(?:(?P<fraction>[dt]?frac)\s*(?P<numerator>{_GROUP})?|sqrt\s*(?:\[[^\[\]]*\])?)\s*\{{[^{{}}]*$"
)
_ARGUMENT_END = re.compile(r"[^{}]*\}")
_NUMERATOR_END = re.compile(rf"[^{{}}]*\}}\s*{_GROUP}")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3}")
_WORDS = re.compile(
    rf"(?:[$*]|\\[)\]]|[ \t](?=[$*\\]))*+(?P<words>{MULTIPLIED})", re.VERBOSE | re.IGNORECASE
)


class Box(NamedTuple):
    """A box: where it begins and ends in the text, and what it holds."""

    begin: int
    end: int
    content: str


def with_surroundings(text: str, box: Box) -> Box:
    """The box together with what belongs to its value."""
    before = text[max(0, box.begin - _REACH) : box.begin].rpartition("\n\n")[2]
    after = text[box.end : box.end + _REACH].partition("\n\n")[0]
    formula = _formula_before(before, after)
    if formula is None:
        box = _with_factor(text, box, _BEFORE_IN_TEXT.search(before))
        box = _with_rest(box, _BEHIND_IN_TEXT.match(after))
    else:
        box = _in_formula(text, box, formula, after)
    words = _WORDS.match(text[box.end : box.end + _REACH])
    multiplied = words["words"].strip() if words else ""
    is_time = multiplied.rstrip(".").endswith("m")
    if words is None or not multiplied or "\n" in words[0] or is_time:
        return box
    return Box(box.begin, box.end + words.end(), f"{box.content} {multiplied}")


def _formula_before(before: str, after: str) -> str | None:
    """The part of a formula that stands before the box; None outside of formulas."""
    opened = max(before.rfind(r"\("), before.rfind(r"\["))
    if opened > max(before.rfind(r"\)"), before.rfind(r"\]")):
        return before[opened + 2 :]
    environment = before.rfind(r"\begin{")
    if environment > before.rfind(r"\end{"):
        return before[environment:].partition("}")[2]
    dollar = before.rfind("$")
    inside = before[dollar + 1 :]
    closing = after.find("$")
    if dollar < 0 or closing < 0 or before[dollar - 1 : dollar] == "\\":
        return None
    return None if _PROSE.search(inside) or _PROSE.search(after[:closing]) else inside


def _in_formula(text: str, box: Box, before: str, after: str) -> Box:
    around = _with_command(text, box, before, after)
    if around != box:
        before = before[: len(before) - (box.begin - around.begin)]
        after = after[around.end - box.end :]
    behind = _BEHIND_IN_FORMULA.match(after)
    rest = behind[0] if behind and _STOP.match(after, behind.end()) else ""
    if rest.startswith("(") and not re.search(r"[0-9]", box.content):
        rest = ""
    goes_on = bool(_GOES_ON.match(after, len(rest)))
    if goes_on and (_BINARY.match(rest) or around != box):
        return box
    factor = _BEFORE_IN_FORMULA.search(before)
    if factor and goes_on and factor["factor"].strip() not in ("-", "−"):
        factor = None
    box = _with_factor(text, around, factor)
    return Box(box.begin, box.end + len(rest), _grouped(box.content, rest) + rest) if rest else box


def _with_command(text: str, box: Box, before: str, after: str) -> Box:
    """The fraction or root that the box stands in, as in `\\frac{1}{\\boxed{5}}`."""
    command = _COMMAND.search(before)
    if command is None:
        return box
    is_numerator = command["fraction"] is not None and command["numerator"] is None
    closing = (_NUMERATOR_END if is_numerator else _ARGUMENT_END).match(after)
    if closing is None:
        return box
    begin = box.begin - (len(before) - command.start())
    content = text[begin : box.begin] + box.content + closing[0]
    return Box(begin, box.end + closing.end(), content)


def _with_factor(text: str, box: Box, found: re.Match[str] | None) -> Box:
    """The sign, or the number, right before the box."""
    if found is None:
        return box
    factor = found["factor"]
    inner = box.content if re.fullmatch(r"[0-9A-Za-z.^]+|\\.*", box.content) else f"({box.content})"
    if re.search(r"[0-9.]\s*$", factor) and re.match(r"[0-9.]", inner):
        inner = f"({inner})"
    return Box(box.begin - len(factor), box.end, factor + inner)


def _with_rest(box: Box, found: re.Match[str] | None) -> Box:
    rest = found[0] if found else ""
    return Box(box.begin, box.end + len(rest), _grouped(box.content, rest) + rest) if rest else box


def _grouped(content: str, rest: str) -> str:
    """The content in brackets where a power, a root or a number behind it would split it."""
    if re.fullmatch(r"-?[0-9.]+|-?[0-9]*[A-Za-z]|\([^()]*\)", content) and not (
        rest.lstrip()[:1].isdigit() or (content.startswith("-") and rest.lstrip().startswith("^"))
    ):
        return content
    return content if re.match(r"\s*(?:\^\s*\{?\\circ|\\?%|_)", rest) else f"({content})"
