"""The form that a question asks for: factored, expanded, as a product of primes.

`x(x+5)+6` equals `(x+2)(x+3)` and is no factorization. So where the question asks for one and the
expected answer is a product, the answer must be a product of as many factors with letters (powers
counted), and of the same primes where there are only numbers. Where it asks to expand and the
expected answer is expanded, no product of sums may be left.
"""

import re
from collections import Counter
from collections.abc import Iterator

from verifiers.math.tree import Node, symbols, walk

_FACTOR = re.compile(
    r"\bfactor(?:i[sz]e|ed|ing)?\b(?!\s+of)|\bfactori[sz](?:ed|ing|ation)\b|product\s+of\s+primes?\b|因式",
    re.IGNORECASE,
)
_EXPAND = re.compile(r"\bexpand(?:ed|ing)?\b|\bexpansion\b|\bmultiply\s+out\b|展开", re.IGNORECASE)


def is_in_asked_form(answer: Node, expected: Node, question: str) -> bool:
    """Has an answer that is equal to the expected one the form that the question asks for?"""
    answer, expected = _value(answer), _value(expected)
    if _FACTOR.search(question):
        wanted, found = list(_factors(expected)), list(_factors(answer))
        if not symbols(expected):
            is_product = len(wanted) > 1 and all(factor.op == "num" for factor in wanted)
            return not is_product or Counter(wanted) == Counter(found)
        lettered = [[part for part in parts if symbols(part)] for parts in (wanted, found)]
        if len(lettered[0]) > 1 and any(part.op == "add" for part in lettered[0]):
            divided = _divides_by_letters(answer) and not _divides_by_letters(expected)
            return len(lettered[1]) >= len(lettered[0]) and not divided
    if _EXPAND.search(question) and not _multiplies_sums(expected):
        return not _multiplies_sums(answer)
    return True


def _value(tree: Node) -> Node:
    """The last member of `x^2+5x+6 = (x+2)(x+3)`."""
    return _value(tree.args[-1]) if tree.op == "chain" else tree


def _factors(tree: Node, times: int = 1) -> Iterator[Node]:
    """The factors of a product, each as often as its power says, without signs and ones."""
    op, args = tree
    if op == "mul":
        for part in args:
            yield from _factors(part, times)
    elif op == "neg" or (op == "div" and args[1].op == "num"):
        yield from _factors(args[0], times)
    elif op == "pow" and args[1].op == "num" and 0 < args[1].args[0] <= 20:
        yield from _factors(args[0], min(20, times * int(args[1].args[0])))
    elif op != "num" or abs(args[0]) != 1:
        yield from [tree] * times


def _divides_by_letters(tree: Node) -> bool:
    return any(part.op == "div" and symbols(part.args[1]) for part in walk(tree))


def _multiplies_sums(tree: Node) -> bool:
    """Is a sum with letters multiplied or raised to a power somewhere?"""
    return any(
        inner.op == "add" and symbols(inner)
        for part in walk(tree)
        if part.op == "mul" or (part.op == "pow" and part.args[1].op == "num")
        for inner in part.args[: 1 if part.op == "pow" else None]
    )
