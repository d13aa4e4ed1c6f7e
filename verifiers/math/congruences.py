"""Congruences: `x \\equiv 5 \\pmod 7`, which may stand for 5, the remainder, and 5 for it."""

from dataclasses import dataclass

from verifiers.math.chains import is_name, members_of, named_value, relations_of
from verifiers.math.tree import Node
from verifiers.math.values import TooLargeError, fraction, is_constant


@dataclass(frozen=True)
class Congruence:
    """A value, with its modulus and the name that has it; `holds` is false for 13 ≡ 5 (mod 7)."""

    value: Node
    modulus: Node | None
    name: Node | None = None
    holds: bool = True


def is_congruence(tree: Node) -> bool:
    """Is it written with ≡ or (mod m)?"""
    if tree.op == "chain":
        return "≡" in tree.args or is_congruence(tree.args[-1])
    return tree.op == "residue" or (tree.op == "list" and is_congruence(tree.args[-1]))


def congruence_of(tree: Node) -> Congruence:
    """The parts of a congruence, or of a bare or named value that is compared with one."""
    if tree.op == "chain" and not is_congruence(tree):
        name, value = named_value(tree)
        return Congruence(tree, None) if value is None else Congruence(value, None, name)
    if tree.op != "chain":
        return Congruence(*_split(tree))
    *others, last = members_of(tree)
    value, modulus = _split(last)
    unknown = [member for member in others if not is_constant(member)]
    agree = all(
        modulus is None or are_congruent(member, value, modulus, default=True)
        for member in others
        if is_constant(member)
    )
    holds = agree and len(unknown) <= 1 and all(map(is_name, unknown))
    holds = holds and set(relations_of(tree)) <= {"≡", "="}
    return Congruence(value, modulus, unknown[0] if unknown else None, holds)


def _split(tree: Node) -> tuple[Node, Node | None]:
    """A value and its modulus, which stands behind the last of several: 1, 4 (mod 5)."""
    if tree.op == "residue":
        return tree.args[0], tree.args[1]
    if tree.op == "list" and tree.args[-1].op == "residue":
        value, modulus = tree.args[-1].args
        return Node("list", (*tree.args[:-1], value)), modulus
    return tree, None


def are_congruent(first: Node, second: Node, modulus: Node, default: bool = False) -> bool:
    """Is their difference a multiple of the modulus? `default` where that is not worked out."""
    try:
        values = [fraction(part) for part in (first, second, modulus)]
    except TooLargeError:
        return default
    one, other, whole = values
    if one is None or other is None or not whole:
        return default
    return (one - other) % whole == 0


def is_residue(given: Congruence) -> bool:
    """Is a number smaller than its modulus: 5 (mod 7) and not 12 (mod 7)?"""
    try:
        values = [fraction(part) for part in (given.value, given.modulus or given.value)]
    except TooLargeError:
        return False
    value, modulus = values
    return given.modulus is None or value is None or modulus is None or abs(value) < abs(modulus)
