"""Lists, pairs, sets and matrices as sequences of items."""

from collections.abc import Sequence

from verifiers.math.chains import named_value
from verifiers.math.tree import Node, node, walk


def has_sign(tree: Node) -> bool:
    return any(here.op == "pm" for here in walk(tree))


def expanded(tree: Node) -> Node:
    """A list with each ± as its two values, and each named value bare."""
    if tree.op in ("or", "and"):
        tree = Node("list", tree.args)
    if tree.op == "chain":
        _, value = named_value(tree)
        tree = value if value is not None else tree
    if tree.op in ("list", "set"):
        items = (
            [item for part in tree.args for item in items_of(expanded(part))]
            if any(has_sign(part) for part in tree.args)
            else list(tree.args)
        )
        return Node(tree.op, tuple(items))
    if tree.op != "tuple" and has_sign(tree):
        return node("list", _signed(tree, 1), _signed(tree, -1))
    return tree


def _signed(tree: Node, sign: int) -> Node:
    """The tree with + or - for each ±, all alike."""
    if not isinstance(tree, Node):
        return tree
    args = tuple(_signed(part, sign) for part in tree.args)
    if tree.op == "pm":
        return node("add", args[0], args[1] if sign > 0 else node("neg", args[1]))
    return Node(tree.op, args)


def items_of(tree: Node) -> tuple[Node, ...]:
    if tree.op == "tuple":
        return tree.args[2:]
    return tree.args if tree.op in ("list", "set") else (tree,)


def brackets_agree(first: Node, second: Node) -> bool:
    """[1, 2] is not (1, 2), which may be an interval; a list without brackets is both."""
    if "set" in (first.op, second.op):
        return False
    if first.op == second.op == "tuple":
        marks = {(tree.args[0] if tree.args[0] != "<" else "(") for tree in (first, second)}
        return len(marks) == 1 or len(items_of(first)) > 2
    return len(items_of(first)) == len(items_of(second)) > 1


def by_name(items: Sequence[Node]) -> Sequence[Node]:
    """x = 3, y = 4 in the order of its names, without them."""
    pairs = [named_value(item) if item.op == "chain" else (None, None) for item in items]
    if not items or any(name is None or name.op != "sym" for name, _ in pairs):
        return items
    return [value for _, value in sorted(pairs, key=lambda pair: pair[0].args[0])]  # type: ignore[union-attr,misc]


def rows_of(tree: Node) -> list[tuple[Node, ...]] | None:
    """Rows of a matrix; a tuple is a column."""
    if tree.op == "matrix":
        return [row.args for row in tree.args]
    if tree.op == "mul" and len(tree.args) == 2 and tree.args[1].op == "matrix":
        scale = tree.args[0]
        return [tuple(node("mul", scale, cell) for cell in row.args) for row in tree.args[1].args]
    if tree.op == "binom":  # a column, where a column is expected
        return [(part,) for part in tree.args]
    if tree.op == "tuple":
        items = items_of(tree)
        if items and all(item.op == "tuple" for item in items):
            return [items_of(item) for item in items]
        return [(item,) for item in items]
    return None


def is_matrix(tree: Node) -> bool:
    """A matrix, also times a number."""
    if tree.op == "matrix":
        return True
    return tree.op == "mul" and len(tree.args) == 2 and tree.args[1].op == "matrix"
