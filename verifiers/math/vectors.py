"""Vectors written by their unit vectors: `3\\mathbf{i} - 2\\mathbf{j}` is (3, -2)."""

from verifiers.math.cursor import negative
from verifiers.math.tree import Node, node, num

_UNITS = ("i", "j", "k")
_MARKS = ("\\hat", "\\vec", "\\bar", "\\overline")


def as_components(tree: Node, count: int) -> Node | None:
    """The sum as a tuple of so many components; None where a term has no unit vector."""
    if tree.op != "add" or not 2 <= count <= len(_UNITS):
        return None
    found: dict[str, Node] = {}
    for term in tree.args:
        part = _component(term)
        if part is None or part[0] in found or part[0] not in _UNITS[:count]:
            return None
        found[part[0]] = part[1]
    return node("tuple", "(", ")", *(found.get(unit, num(0)) for unit in _UNITS[:count]))


def _component(term: Node) -> tuple[str, Node] | None:
    """The unit vector of a term, and the number before it."""
    if term.op == "neg":
        inner = _component(term.args[0])
        return None if inner is None else (inner[0], negative(inner[1]))
    factors = term.args if term.op == "mul" else (term,)
    units = [name for name in map(_unit, factors) if name]
    if len(units) != 1:
        return None
    rest = [factor for factor in factors if not _unit(factor)]
    return units[0], rest[0] if len(rest) == 1 else node("mul", *rest) if rest else num(1)


def _unit(factor: Node) -> str:
    """i, j or k, also with a hat; empty for anything else."""
    inner = factor.args[1] if factor.op == "fn" and factor.args[0] in _MARKS else factor
    if not isinstance(inner, Node) or inner.op not in ("sym", "const"):
        return ""
    name = str(inner.args[0]).removeprefix("\\").removesuffix("math")
    return name if name in _UNITS else ""
