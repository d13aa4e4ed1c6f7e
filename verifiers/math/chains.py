"""Chains of equalities, `x = 5`, `AB = 24`, `6*4 = 24`, `22/7 ≈ 3.14`, and the names in them."""

from verifiers.math.number_words import NAMES
from verifiers.math.tree import Node, node, num, symbols
from verifiers.math.units import MULTIPLIERS, REFUSED
from verifiers.math.values import is_constant

_INVERTED = frozenset(
    ("sqrt", "root", "exp", "ln", "log", "floor", "ceil", "gcd", "lcm", "max", "min")
)
"""Functions of an unknown that leave it to be solved for, where sin A or |z| are asked for."""
_MATRIX_POWERS = (node("neg", num(1)), num(-1), node("sym", "T"))
_GROUPS = frozenset(
    ("list", "tuple", "set", "matrix", "chain", "union", "pm", "ratio", "based", "percent")
)


def members_of(chain: Node) -> list[Node]:
    """What stands between the relations."""
    return [part for part in chain.args if isinstance(part, Node)]


def relations_of(chain: Node) -> list[str]:
    """The relations, in order."""
    return [part for part in chain.args if isinstance(part, str)]


def sides_of(chain: Node) -> tuple[list[Node], list[Node]]:
    """Members that are said to be equal, and those behind an `≈`."""
    members, relations = members_of(chain), relations_of(chain)
    cut = relations.index("≈") + 1 if "≈" in relations else len(members)
    return members[:cut], members[cut:]


def named_value(chain: Node) -> tuple[Node | None, Node | None]:
    """The name and value of `x = 5`, `f(x) = 2x`, `5 = x`; None where it is no such thing."""
    members = members_of(chain)
    if set(relations_of(chain)) - {"=", "≈"}:
        if relations_of(chain) == ["in"]:
            return members[0], members[1]
        return None, None
    first, last = members[0], members[-1]
    if is_name(first) and may_name(first, last):
        return first, last
    if is_name(last) and last.op != "text" and is_constant(first):
        return last, first
    return None, None


def is_name(tree: Node) -> bool:
    """What may stand for a value: x, AB, f(3), \\angle A, a text, a + b, but not 2x or x^2."""
    if tree.op in ("sym", "word", "text", "fn"):
        if tree.op != "fn":
            return True
        inner = tree.args[1] if tree.args[0] == "abs" else tree
        of_letter = inner.op == "sym" and inner.args[0].islower()  # |x| = 5 is to be solved
        return tree.args[0] not in _INVERTED and not of_letter
    if tree.op in ("tuple", "list"):
        return all(is_name(part) for part in tree.args if isinstance(part, Node))
    if tree.op == "mul" and not any(part.op == "num" for part in tree.args):
        return all(is_name(part) for part in tree.args)
    if tree.op == "add":
        powers = [part.args[0] for part in tree.args if part.op == "pow"]
        apart = len(set(powers)) == len(powers) != 1  # x^2 + y^2
        letters = [part for part in tree.args if part.op != "pow"] + (powers if apart else [])
        return apart and all(part.op == "sym" or _is_negative_letter(part) for part in letters)
    if tree.op == "div":  # dy/dx, m/n
        return _is_derivative(tree) or all(part.op == "sym" for part in tree.args)
    if tree.op == "pow":  # the inverse or the transpose of A, sin^2 x, a variance
        if tree.args[0].op == "fn" or tree.args == (node("sym", "\\sigma"), num(2)):
            return is_name(tree.args[0])
        return tree.args[0].op == "sym" and tree.args[1] in _MATRIX_POWERS
    return tree.op == "unit" and is_name(tree.args[0])


def _is_derivative(tree: Node) -> bool:
    """dy/dx, by its letters."""
    small = node("sym", "d")
    return tree.op == "div" and all(
        part.op == "mul" and part.args[0] == small for part in tree.args
    )


def _is_negative_letter(tree: Node) -> bool:
    return tree.op == "neg" and tree.args[0].op == "sym"


def says_nothing_else(words: str) -> bool:
    """Are words before an equals sign a name (Area), and no part of the value (half of x, not)?"""
    lower = set(words.lower().split())
    return not lower & (REFUSED | MULTIPLIERS.keys() | NAMES) and "n't" not in words


def is_plain_name(tree: Node) -> bool:
    """A name and no equation's left side: x, f(x), AB, Area."""
    return tree.op in ("sym", "word", "text", "fn", "tuple", "list") or (
        tree.op == "mul" and all(part.op in ("sym", "word") for part in tree.args)
    )


def may_name(member: Node, value: Node) -> bool:
    """May this member of a chain of equalities stand before that value?"""
    if is_constant(member):
        return is_constant(value)
    if member.op == value.op == "ratio":
        return all(map(is_name, member.args))
    if member.op == "text":
        return says_nothing_else(member.args[0])
    if _is_derivative(member):
        return True
    own = {member.args[0]} if member.op == "fn" else symbols(member)
    return is_name(member) and not own & symbols(value)


def same_name(first: Node | None, second: Node | None) -> bool:
    """Letters must agree; a name in words stands for any."""
    if first is None or second is None:
        return False
    kinds = {first.op, second.op}
    return first == second or "text" in kinds or kinds == {"fn", "sym"}


def without_unit(tree: Node) -> Node:
    """The value of 17 cm or 17°."""
    return tree.args[0] if tree.op in ("unit", "deg") else tree


def is_group(tree: Node) -> bool:
    """Is this more, or something else, than one value?"""
    return tree.op in _GROUPS
