"""Classes that the prompt or the tests define, whose instances cross by what they hold."""

import ast
from collections.abc import Collection

from verifiers.code.tests_names import KNOWN, TYPING, loaded_names
from verifiers.code.tests_objects import Tree


def shared_classes(
    tree: Tree, function: str, elsewhere: Collection[str]
) -> dict[str, ast.ClassDef]:
    """Plain classes of the tests by name: without a base of Python's, which would hold more than
    attributes, and without need of anything that only the tests or the solution have.

    Args:
        function: the name of the solution, never one of them.
        elsewhere: names that both sides have.
    """
    found: dict[str, ast.ClassDef] = {}
    for node in tree.nodes:
        if isinstance(node, ast.ClassDef) and node.name != function:
            known = {*found, node.name, *elsewhere, *tree.imported, *KNOWN, *TYPING}
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
            is_plain = len(bases) == len(node.bases) and bases <= {"object", *found}
            decorators = all(_is_dataclass(part) for part in node.decorator_list)
            if is_plain and decorators and not node.keywords and loaded_names(node) <= known:
                found[node.name] = node
    return found


def _is_dataclass(node: ast.expr) -> bool:
    node = node.func if isinstance(node, ast.Call) else node
    return getattr(node, "id", getattr(node, "attr", "")) == "dataclass"
