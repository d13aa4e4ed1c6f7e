"""Are two trees the same answer? Each kind of answer has its rule.

The expected answer's kind decides: a list in any order, a pair in its order, an interval also as an
inequality, an equation also multiplied by a number, a value also with its name (`AB = 24`).
"""

import itertools
from collections.abc import Sequence
from fractions import Fraction

from verifiers.math.chains import (
    is_group,
    is_name,
    is_plain_name,
    may_name,
    members_of,
    named_value,
    relations_of,
    same_name,
    sides_of,
    without_unit,
)
from verifiers.math.congruences import are_congruent, congruence_of, is_congruence, is_residue
from verifiers.math.groups import (
    brackets_agree,
    by_name,
    expanded,
    has_sign,
    is_matrix,
    items_of,
    rows_of,
)
from verifiers.math.quantity import Prove, ValueComparison
from verifiers.math.regions import Region, is_region, region_of
from verifiers.math.renamed import renamed
from verifiers.math.tree import Node, node, num, show, symbols
from verifiers.math.values import TooLargeError, fraction, is_constant, number_at, substituted
from verifiers.math.vectors import as_components
from verifiers.math.words import is_letter, is_text, product_of, same_product, same_words, text_of

_POINTS = 6


def equal(expected: Node, given: Node, prove: Prove) -> bool:
    """Is the given answer the expected one?

    Raises:
        TooLargeError: the given answer holds a number that is not worked out.
        Whatever `prove` raises.
    """
    if expected == given:
        return True
    return _Comparison(prove).same(expected, renamed(expected, given))


class _Comparison(ValueComparison):
    def same(self, expected: Node, given: Node) -> bool:
        if expected == given:
            return True
        if given.op == "tuple" and expected.op != "tuple" and len(given.args) == 3:
            return self.same(expected, given.args[2])  # [17]
        if is_text(expected) or is_text(given):
            decided = self._words(expected, given)
            if decided is not None:
                return decided
        for tree in (expected, given):
            if is_region(tree):
                return self._regions(expected, given)
        if is_congruence(expected) or is_congruence(given):
            return self._congruences(expected, given)
        if expected.op == "chain":
            return self._equation(expected, given)
        if given.op == "chain":
            return self._solved(expected, given)
        if given.op == "add" and (rows := rows_of(expected)) is not None:
            vector = as_components(given, len(rows))
            given = given if vector is None else vector
        if is_matrix(expected) or is_matrix(given):
            return self._matrices(expected, given)
        groups = ("list", "tuple", "set", "pm", "or", "and")
        if expected.op in groups or given.op in groups or has_sign(expected) or has_sign(given):
            return self._groups(expected, given)
        if "based" in (expected.op, given.op):
            return self._based(expected, given)
        if "ratio" in (expected.op, given.op) and "unit" not in (expected.op, given.op):
            return self.ratios(expected, given)
        return self.measured(expected, given)

    def _words(self, expected: Node, given: Node) -> bool | None:
        """Texts; None when these are no texts after all (ab is also a product)."""
        if is_text(expected) and is_text(given):
            return same_words(expected, given) or same_product(expected, given)
        word, other = (expected, given) if is_text(expected) else (given, expected)
        text = text_of(word)
        if other.op == "set" and not other.args:
            return text == "no solution"
        if other.args in (("reals",), ("inf",)):
            return text == {"reals": "all real numbers", "inf": "infinity"}[other.args[0]]
        if other.op == "tuple" and region_of(other) is not None and text == "all real numbers":
            return self._regions(node("const", "reals"), other)
        if other.op == "chain":
            name, value = named_value(other)
            is_value = name is not None and name.op == "sym" and value is not None
            return word is expected and is_value and self.same(expected, value)  # type: ignore[arg-type]
        if other.op == "list":
            letters = [text_of(item) for item in other.args if is_letter(item)]
            return len(letters) == len(other.args) and "".join(letters) == text
        if other.op in ("sym", "const"):
            return bool(other.args[0].lower() == text)
        product = product_of(word)
        if product is None:
            return False
        return self.same(*((product, other) if word is expected else (other, product)))

    def _regions(self, expected: Node, given: Node) -> bool:
        first, second = region_of(expected), region_of(given)
        if second is None and expected.op == "union" and given.op == "list":
            second = region_of(Node("union", given.args))
        if first is None or second is None:
            return self._inequalities(expected, given)
        variables = [part.variable for part in (first, second) if part.variable is not None]
        if len(variables) == 2 and not self.same(*variables):
            return False
        return self._same_pieces(first, second)

    def _same_pieces(self, first: Region, second: Region) -> bool:
        if len(first.pieces) != len(second.pieces):
            return False
        return all(
            (a.low_closed, a.high_closed) == (b.low_closed, b.high_closed)
            and self.same(a.low, b.low)
            and self.same(a.high, b.high)
            for a, b in zip(first.pieces, second.pieces, strict=True)
        )

    def _inequalities(self, expected: Node, given: Node) -> bool:
        """y > 2x + 1 and 2x - y < -1: one side's difference is the other's, times a number."""
        if any(tree.op != "chain" or len(tree.args) != 3 for tree in (expected, given)):
            return False
        (a, op, b), (c, other, d) = expected.args, given.args
        flipped = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
        first, second = node("add", a, node("neg", b)), node("add", c, node("neg", d))
        factor = self._factor(first, second)
        if factor is None:
            return False
        return other == (op if factor > 0 else flipped.get(op, op))

    def _equation(self, expected: Node, given: Node) -> bool:
        """x = 5 and y = 2x + 1, also without the name; an equation also times a number."""
        name, value = named_value(expected)
        if name is not None and not is_plain_name(name):
            value = None
        if given.op != "chain":
            sides = members_of(expected)
            if value is None and relations_of(expected) == ["="] and self.values(*sides):
                value = sides[1]  # 360 = 2^3*3^2*5 says that they are equal
            return value is not None and self.same(value, given)
        other, found = named_value(given)
        named = found is not None and same_name(name, other) and self._chain_holds(given)
        if named and value is not None and found is not None and self.same(value, found):
            return True
        if relations_of(expected) != ["="] or relations_of(given) != ["="]:
            return self._same_parts(expected, given)
        (a, _, b), (c, _, d) = expected.args, given.args
        first, second = node("add", a, node("neg", b)), node("add", c, node("neg", d))
        if not symbols(first) or symbols(first) != symbols(second):
            return False
        return self._factor(first, second) is not None

    def _same_parts(self, expected: Node, given: Node) -> bool:
        if relations_of(expected) != relations_of(given):
            return False
        pairs = zip(members_of(expected), members_of(given), strict=True)
        return all(self.same(a, b) for a, b in pairs)

    def _factor(self, first: Node, second: Node) -> Fraction | None:
        """The number k other than 0 with second = k * first, if there is one and it is rational."""
        letters = sorted(symbols(first) | symbols(second))
        for attempt in range(_POINTS):
            at = {
                name: Fraction(3 * attempt + 2 * place + 2, place + 3)
                for place, name in enumerate(letters)
            }
            try:
                a, b = (fraction(substituted(tree, at)) for tree in (first, second))
            except TooLargeError:
                return None
            if a is None or b is None:
                continue
            if not a or not b:
                if a or b:
                    return None
                continue
            factor = b / a
            return factor if self.values(node("mul", num(factor), first), second) else None
        return None

    def _congruences(self, expected: Node, given: Node) -> bool:
        """x ≡ 5 (mod 7), with or without its name and modulus."""
        first, second = congruence_of(expected), congruence_of(given)
        if first.modulus and second.modulus and not self.same(first.modulus, second.modulus):
            return False
        names = [part.name for part in (first, second) if part.name is not None]
        if not second.holds or (len(names) == 2 and not same_name(*names)):
            return False
        modulus = second.modulus or first.modulus
        if not first.modulus and not is_residue(second):  # 12 (mod 7) for 5 is not worked out
            return False
        both = first.modulus is not None and second.modulus is not None
        return self.same(first.value, second.value) or (
            both and modulus is not None and are_congruent(first.value, second.value, modulus)
        )

    def _solved(self, expected: Node, given: Node) -> bool:
        """A value with its name or its working: AB = 24, 6*4 = 24, 22/7 ≈ 3.14."""
        relations = relations_of(given)
        if relations == ["in"] and is_name(given.args[0]):
            return self.same(expected, given.args[2])
        if not set(relations) <= {"=", "≈"} or not self._chain_holds(given):
            return False
        exact, rounded = sides_of(given)
        value = exact[-1]
        if rounded and (not is_constant(value) or is_group(value)) and len(exact) == 1:
            return is_name(value) and len(rounded) == 1 and self.same(expected, rounded[0])
        turned = len(exact) == 2 and value.op != "text" and not is_constant(value)
        if turned and is_constant(exact[0]):
            exact = exact[::-1]  # 24 = AB
            value = exact[-1]
        for member in exact[:-1]:
            if not may_name(member, value) and not (symbols(value) and self.values(member, value)):
                return False
        literal = value.op == "num"  # 17 ≈ 17.3 says 17
        about = [] if literal else [other for other in rounded if is_constant(other)]
        return self.same(expected, value) or any(self.same(expected, other) for other in about)

    def _chain_holds(self, chain: Node) -> bool:
        """Its numbers agree: 6*4 = 25 is no answer, whatever was expected."""
        exact, rounded = sides_of(chain)
        numbers = [without_unit(member) for member in exact if is_constant(member)]
        for first, second in itertools.pairwise(numbers):
            grouped = is_group(first) or is_group(second)
            if not (self.same(first, second) if grouped else self.values(first, second)):
                return False
        if not rounded or not numbers:
            return all(is_constant(member) and not is_group(member) for member in rounded)
        value = number_at(numbers[-1], {})
        return all(is_constant(m) and _is_rounded(without_unit(m), value) for m in rounded)

    # Lists, pairs, sets, matrices

    def _groups(self, expected: Node, given: Node) -> bool:
        first, second = expanded(expected), expanded(given)
        alone = [tree for tree in (first, second) if tree.op not in ("list", "tuple", "set")]
        if alone and first.op not in ("list", "set") and second.op == "list":
            kept = self._distinct(items_of(second))  # 5 or 5, 1/2 or 0.5
            return len(kept) == 1 and self.same(expected, kept[0])
        if "tuple" not in (first.op, second.op):
            as_set = "set" in (first.op, second.op)
            return self._in_any_order(items_of(first), items_of(second), as_set)
        if not brackets_agree(first, second):
            return False
        if first.op == "list" and second.args[0] == "[":  # a list as Python writes it
            return self._in_any_order(items_of(first), items_of(second), as_set=False)
        return self._in_order(items_of(first), items_of(second))

    def _in_order(self, expected: Sequence[Node], given: Sequence[Node]) -> bool:
        if len(expected) != len(given):
            return False
        if len(expected) == 1 and expected[0] == given[0]:
            return True
        given = by_name(given)
        return all(self.same(a, b) for a, b in zip(expected, given, strict=True))

    def _in_any_order(self, expected: Sequence[Node], given: Sequence[Node], as_set: bool) -> bool:
        if as_set:
            expected, given = self._distinct(expected), self._distinct(given)
        if len(expected) != len(given) or len(given) > 60:
            return False
        left = list(given)
        for item in expected:
            at = next(
                (n for n, other in enumerate(left) if self._same_member(item, other, as_set)), None
            )
            if at is None:
                return False
            del left[at]
        return True

    def _same_member(self, item: Node, other: Node, as_set: bool) -> bool:
        """Equal items; in a set {1} is not 1."""
        return (not as_set or (item.op == "set") == (other.op == "set")) and self.same(item, other)

    def _distinct(self, items: Sequence[Node]) -> list[Node]:
        kept: list[Node] = []
        for item in items[:60]:
            if not any(self.same(other, item) for other in kept):
                kept.append(item)
        return [*kept, *items[60:]]

    def _matrices(self, expected: Node, given: Node) -> bool:
        rows, others = rows_of(expected), rows_of(given)
        if rows is None or others is None or len(rows) != len(others):
            return False
        return all(self._in_order(a, b) for a, b in zip(rows, others, strict=True))

    def _based(self, expected: Node, given: Node) -> bool:
        """Digits and, where the answer gives one, the base: 40_9 is also 40."""
        if expected.op != "based":
            return given.args[1] == 10 and _digits(given.args[0]) == show(expected)
        digits, base = expected.args
        if given.op == "based":
            return bool(given.args[1] == base) and _digits(given.args[0]) == _digits(digits)
        value = given.args[0] if given.op == "num" else None
        if given.op in ("word", "mul", "text"):  # 2A is no product here
            return _digits(show(given).replace("*", "")) == _digits(digits)
        return (
            value is not None and value.denominator == 1 and _digits(str(value)) == _digits(digits)
        )

    def ratios(self, expected: Node, given: Node) -> bool:
        sides, others = _ratio(expected), _ratio(given)
        if sides is None or others is None or len(sides) != len(others):
            return False
        if expected.op == given.op:
            return self._in_order(sides, others)  # 3:45 may be a time, which is not 1:15
        return all(
            self.values(node("mul", a, others[0]), node("mul", b, sides[0]))
            for a, b in zip(sides[1:], others[1:], strict=True)
        )


def _is_rounded(decimal: Node, value: complex) -> bool:
    """Is the number behind an `≈` the other one, rounded to the digits that it has?"""
    places = decimal.args[1] if decimal.op == "num" else 0
    return abs(number_at(decimal, {}) - value) <= 0.51 * 10.0**-places


def _digits(text: str) -> str:
    sign = "-" if text.startswith("-") else ""
    return sign + (text.removeprefix("-").lstrip("0").upper() or "0")


def _ratio(tree: Node) -> tuple[Node, ...] | None:
    return tree.args if tree.op in ("ratio", "div") else None
