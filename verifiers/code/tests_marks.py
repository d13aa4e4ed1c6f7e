"""Places in the tests where more happens than Python says, found once for a task.

f(xs)  -> __changing__(f)(xs)           a call that may change its arguments (tests_changes.py)
u + v  -> __operate__('add', u, v)      an object of the job as its result (tests_objects.py)
"""

import ast
from collections.abc import Sequence
from typing import Any

from verifiers.code.tests_changes import changing_calls
from verifiers.code.tests_objects import Objects, Tree
from verifiers.sandbox.served import BY_VALUE

CHANGING, OPERATE = "__changing__", "__operate__"
Mark = tuple[str, int, int, int, int]
"""What is marked (CHANGING or OPERATE), and where in the script it begins and ends."""
_OPERATORS: dict[type[ast.AST], str] = {
    **{ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.MatMult: "matmul", ast.Pow: "pow"},
    **{ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.LShift: "lshift"},
    **{ast.RShift: "rshift", ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"},
    **{ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert"},
}


def marks_of(script: str, proxies: Sequence[tuple[str, str, str]]) -> tuple[Mark, ...]:
    """The marks of a script.

    Args:
        proxies: (name in the script, name in the job, mode) of what is the job's.
    """
    tree = ast.parse(script)
    calls = changing_calls(tree, [name for name, _, _ in proxies])
    objects = Objects(Tree([tree]), [name for name, _, mode in proxies if mode != BY_VALUE])
    operators = objects.used_as_objects()
    return tuple(
        (kind, node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
        for kind, nodes in ((CHANGING, calls), (OPERATE, operators))
        for node in nodes
    )


def marked(tree: ast.Module, marks: Sequence[Mark]) -> ast.Module:
    """The tree of a script with its marks made calls."""
    changed: ast.Module = _Marking(frozenset(marks)).visit(tree)
    return changed


class _Marking(ast.NodeTransformer):
    def __init__(self, marks: frozenset[Mark]) -> None:
        self._marks = marks

    def _is(self, kind: str, node: Any) -> bool:
        place = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        return (kind, *place) in self._marks

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_marked = self._is(CHANGING, node)
        self.generic_visit(node)
        if is_marked:
            node.func = _call(CHANGING, [node.func], node.func)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return self._operator(node, [node.left, node.right])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        return self._operator(node, [node.operand])

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`v += w` -> `v = __operate__('iadd', v, w)`."""
        if not self._is(OPERATE, node) or not isinstance(node.target, ast.Name):
            return self.generic_visit(node)
        read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)
        name = ast.copy_location(ast.Constant(f"i{_OPERATORS[type(node.op)]}"), node)
        value = _call(OPERATE, [name, read, self.visit(node.value)], node)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def _operator(self, node: ast.BinOp | ast.UnaryOp, sides: list[ast.expr]) -> ast.AST:
        if not self._is(OPERATE, node):
            return self.generic_visit(node)
        name = ast.copy_location(ast.Constant(_OPERATORS[type(node.op)]), node)
        return _call(OPERATE, [name, *map(self.visit, sides)], node)


def _call(function: str, arguments: list[ast.expr], place: ast.expr | ast.stmt) -> ast.Call:
    name = ast.copy_location(ast.Name(function, ast.Load()), place)
    return ast.copy_location(ast.Call(name, arguments, []), place)
