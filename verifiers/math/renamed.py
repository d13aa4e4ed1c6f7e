"""Letters whose choice says nothing: the C of `x^2 + C`, the t of `f(t) = 2t + 1`."""

from collections.abc import Iterator

from verifiers.math.chains import members_of, relations_of
from verifiers.math.tree import Node, node, symbols

_CONSTANT = node("sym", "C")
_CONSTANTS = frozenset(("c", "K", "k", "D", "C_1", "C_0", "c_1"))


def renamed(expected: Node, given: Node) -> Node:
    """The given tree with the expected one's letters, where it only chose others."""
    given = _with_argument(expected, given)
    if _CONSTANT not in _terms(expected) or "C" in symbols(given):
        return given
    free = {term.args[0] for term in _terms(given) if term.op == "sym"} & _CONSTANTS
    free -= symbols(expected)
    return _replaced(given, node("sym", free.pop()), _CONSTANT) if len(free) == 1 else given


def _with_argument(expected: Node, given: Node) -> Node:
    """f(t) = 2t + 1 as f(x) = 2x + 1."""
    wanted, found = _argument(expected), _argument(given)
    if wanted is None or found is None or wanted == found or wanted[0] != found[0]:
        return given
    (_, old), (_, new) = found, wanted
    return given if new in symbols(given) else _replaced(given, node("sym", old), node("sym", new))


def _argument(tree: Node) -> tuple[str, str] | None:
    """The function and the letter of f(x) = ..."""
    if tree.op != "chain" or relations_of(tree) != ["="]:
        return None
    name = members_of(tree)[0]
    if name.op != "fn" or len(name.args) != 2 or name.args[1].op != "sym":
        return None
    return name.args[0], name.args[1].args[0]


def _terms(tree: Node) -> Iterator[Node]:
    """The terms of a sum, or of the last member of an equation."""
    if tree.op == "chain":
        yield from _terms(members_of(tree)[-1])
    elif tree.op == "add":
        yield from tree.args


def _replaced(tree: Node, old: Node, new: Node) -> Node:
    if tree == old:
        return new
    args = (_replaced(part, old, new) if isinstance(part, Node) else part for part in tree.args)
    return Node(tree.op, tuple(args))
