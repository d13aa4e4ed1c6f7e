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

from verifiers.answers.last_values import formulas
from verifiers.math.groups import items_of
from verifiers.math.notation import canonical
from verifiers.math.reading import read_answer
from verifiers.math.tree import Node, num, walk
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
_AROUND = frozenset(("set", "tuple", "unit", "deg", "percent"))
_GROUPS = frozenset(("list", "tuple", "set"))
_MAX_QUESTION_CHARS = 8000
_MAX_FORMULAS = 60
_MAX_FORMULA_CHARS = 300


def copied_from(answer: Node, expected: Node, question: str) -> bool:
    """Does an answer repeat, or leave undone, what the question asks to work out?"""
    answer, expected = _core(answer), _core(expected)
    if answer.op in _GROUPS:
        items = [
            item for item in _items(answer) if _form(item) not in set(map(_form, _items(expected)))
        ]
        wanted = next((item for item in _items(expected) if not _is_settled(item)), num(0))
        return any(copied_from(item, wanted, question) for item in items)
    if _form(answer) == _form(expected):
        return False
    if answer.op == "chain":
        parts = [part for part in answer.args if isinstance(part, Node)]
        if any(part.op == "num" for part in parts):
            return False
        return copied_from(parts[-1], expected, question)
    form = _form(answer)
    has_work = any(part.op in _OPERATIONS for part in walk(answer))
    if not question or not has_work or _is_settled(answer):
        return False
    if form in _forms(question):
        return True
    if _is_settled(expected) or expected.op in ("num", "mixed", "repeating"):
        return bool(_expressions(question)) and _is_undone(answer, question)
    return False


def _core(tree: Node) -> Node:
    """What a set of one, a list of one, a unit, a degree or a per cent sign is around, without
    what changes nothing: `/1`, `+0`, `^1`."""
    inner = [part for part in tree.args if isinstance(part, Node)]
    if tree.op == "residue" or (tree.op in _AROUND and len(inner) == 1):
        return _core(inner[0])
    return _bare(tree)


def _bare(tree: Node) -> Node:
    op = tree.op
    args = [_bare(part) if isinstance(part, Node) else part for part in tree.args]
    if op in ("div", "pow") and _is(args[1], 1):
        return args[0]
    if op == "neg" and args[0].op == "neg":
        return args[0].args[0]
    if op == "mul" and any(_is(part, 0) for part in args):
        return num(0)
    if op in _PLAIN:
        args = [part for part in args if not _is(part, 0 if op == "add" else 1)] or args[:1]
        if len(args) == 1:
            return args[0]
    return Node(op, tuple(args))


def _is(tree: Node, value: int) -> bool:
    return tree.op == "num" and tree.args[0] == value


def _items(tree: Node) -> tuple[Node, ...]:
    return tuple(map(_core, items_of(tree)))


def _is_undone(answer: Node, question: str) -> bool:
    """Sums and products are left to do, or the numbers of the question's own expression."""
    for part in walk(answer):
        factors = [inner for inner in part.args if isinstance(inner, Node) and inner.op == "num"]
        if part.op == "add" or (part.op == "mul" and len(factors) > 1):
            return True
    numbers = _numbers(answer)
    return any(not own - numbers for own in _expressions(question))


def _is_settled(answer: Node) -> bool:
    """A number, or a fraction of two numbers in lowest terms, is worked out."""
    if answer.op == "neg":
        return _is_settled(answer.args[0])
    if answer.op == "div" and all(part.op == "num" for part in answer.args):
        above, below = (part.args[0] for part in answer.args)
        return bool(below) and (above / below).denominator == below
    return answer.op in ("num", "mixed", "repeating")


def _form(tree: Node) -> str:
    """A text that is the same for the same sum or product in any order."""
    parts = [_form(part) if isinstance(part, Node) else str(part) for part in _flat(tree)]
    if tree.op in _PLAIN:
        parts = sorted(parts)
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
    for text in formulas(question[-_MAX_QUESTION_CHARS:])[:_MAX_FORMULAS]:
        if len(text) > _MAX_FORMULA_CHARS:
            continue
        answer = read_answer(text)
        if answer.tree is not None:
            found |= {
                _form(_bare(part)) for part in walk(algebra(answer.tree)) if part.op in _OPERATIONS
            }
    return frozenset(found)


def _numbers(answer: Node) -> Counter[Fraction]:
    return Counter(abs(part.args[0]) for part in walk(answer) if part.op == "num")


@lru_cache(maxsize=512)
def _expressions(question: str) -> list[Counter[Fraction]]:
    """The numbers of each expression in a question."""
    text = canonical(question[-_MAX_QUESTION_CHARS:])
    for written, sign in _SIGNS:
        text = text.replace(written, sign)
    text = re.sub(r"(?<=[-+*/^(){}!0-9])\s+(?=[-+*/^(){}!0-9])", "", text)
    found = []
    for match in _EXPRESSION.finditer(text):
        if len(match.group()) > _MAX_FORMULA_CHARS:
            continue
        literals = re.findall(r"[0-9]+(?:\.[0-9]+)?", match.group())
        found.append(Counter(Fraction(literal) for literal in literals))
    return found
