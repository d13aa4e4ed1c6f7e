"""Is an answer the question's own expression, written down again instead of worked out?

A policy that is paid for `3*4+5` where the question is `3*4+5` learns to copy. So an answer that
still has operations to do is refused when the question holds such an expression and the answer
repeats it, rearranges its numbers, or leaves plain sums and products of its own. `10^3` and `6!`
are answers where the question does not say them.
"""

import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import Any

from verifiers.last_values import formulas
from verifiers.math.notation import canonical
from verifiers.math.reading import read_answer
from verifiers.math.tree import Node, symbols, walk
from verifiers.math.words import algebra

_SIGNS = (
    *((r"\times", "*"), (r"\cdot", "*"), (r"\div", "/"), (r"\left", ""), (r"\right", "")),
    *((r"\dfrac", r"\frac"), (r"\tfrac", r"\frac"), (r"\,", ""), (r"\!", ""), ("**", "^")),
    *(("{", "("), ("}", ")"), ("x", "*")),
)
_EXPRESSION = re.compile(
    r"\(*-?[0-9][0-9.]*[)!]*(?:\(?[-+*/^]\(*-?[0-9][0-9.]*[)!]*)+"
    r"|\\frac\(-?[0-9.]+\)\(-?[0-9.]+\)|\\binom\([0-9]+\)\([0-9]+\)|\\sqrt\([0-9]+\)|[0-9]+!"
)
_OPERATIONS = frozenset(("add", "mul", "div", "pow", "fact", "binom", "fn", "mod"))
_PLAIN = frozenset(("add", "mul"))
_PLAIN_PARTS = frozenset(("add", "mul", "neg", "num", "div"))


def copied_from(answer: Node, expected: Node, question: str) -> bool:
    """Does an answer repeat, or leave undone, what the question asks to work out?"""
    if answer.op in ("chain", "unit"):
        parts = [part for part in answer.args if isinstance(part, Node)]
        return copied_from(parts[-1], expected, question)
    if not question or not any(part.op in _OPERATIONS for part in walk(answer)):
        return False
    form = _form(answer)
    if form != _form(expected) and not _is_settled(answer) and form in _forms(question):
        return True
    if not _is_unfinished(answer):
        return False
    expressions = _expressions(question)
    plain = answer.op in _PLAIN and all(part.op in _PLAIN_PARTS for part in walk(answer))
    numbers = _numbers(answer)
    return bool(expressions) and (plain or any(not own - numbers for own in expressions))


def _is_settled(answer: Node) -> bool:
    """A fraction of two numbers in lowest terms is worked out, wherever it stands."""
    return answer.op == "div" and not _is_unfinished(answer) and not symbols(answer)


def _form(tree: Node) -> str:
    """A text that is the same for the same sum or product in any order."""
    parts = [_form(part) if isinstance(part, Node) else str(part) for part in _flat(tree)]
    if tree.op in _PLAIN:
        parts.sort()
    return f"{tree.op}({','.join(parts)})"


def _flat(tree: Node) -> list[Any]:
    if tree.op == "num":
        return [tree.args[0]]
    if tree.op not in _PLAIN:
        return list(tree.args)
    nested = [_flat(part) if part.op == tree.op else [part] for part in tree.args]
    return [part for parts in nested for part in parts]


@lru_cache(maxsize=512)
def _forms(question: str) -> frozenset[str]:
    """The calculations that stand in a question, and in one another."""
    found: set[str] = set()
    for text in formulas(question):
        answer = read_answer(text)
        if answer.tree is not None:
            found |= {_form(part) for part in walk(algebra(answer.tree)) if part.op in _OPERATIONS}
    return frozenset(found)


def _is_unfinished(answer: Node) -> bool:
    """An expression of numbers with an operation in it; a fraction of two numbers is none when it
    is in lowest terms."""
    if answer.op == "neg":
        return _is_unfinished(answer.args[0])
    if any(part.op in ("sym", "word", "const") for part in walk(answer)):
        return False
    if answer.op == "div" and all(part.op == "num" for part in answer.args):
        above, below = (part.args[0] for part in answer.args)
        return bool(below) and (above / below).denominator != below
    return answer.op in _OPERATIONS


def _numbers(answer: Node) -> Counter[Fraction]:
    return Counter(abs(part.args[0]) for part in walk(answer) if part.op == "num")


@lru_cache(maxsize=512)
def _expressions(question: str) -> list[Counter[Fraction]]:
    """The numbers of each expression in a question."""
    text = canonical(question)
    for written, sign in _SIGNS:
        text = text.replace(written, sign)
    text = re.sub(r"(?<=[-+*/^(){}!0-9])\s+(?=[-+*/^(){}!0-9])", "", text)
    found = []
    for match in _EXPRESSION.finditer(text):
        literals = re.findall(r"[0-9]+(?:\.[0-9]+)?", match.group())
        found.append(Counter(Fraction(literal) for literal in literals))
    return found
