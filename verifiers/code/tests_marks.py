"""Places in the tests where more happens than Python says, found once for a task.

f(xs)           ->  __changing__(f)(xs)         a call that may change its arguments
u + v           ->  __operate__('add', u, v)    an object of the job as its result
3 in s.items()  ->  3 in __plain__(s.items())   what may be a value is not asked itself
"""

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from verifiers.code.tests_changes import changing_calls
from verifiers.code.tests_objects import Objects, Tree
from verifiers.sandbox.served import BY_VALUE

CHANGING, OPERATE, PLAIN = "__changing__", "__operate__", "__plain__"
Mark = tuple[str, int, int, int, int]
"""What is marked (one of those three), and where in the script it begins and ends."""
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
    parsed = ast.parse(script)
    calls = changing_calls(parsed, [name for name, _, _ in proxies])
    found: list[tuple[str, ast.AST]] = [(CHANGING, call) for call in calls]
    classes = [name for name, _, mode in proxies if mode != BY_VALUE]
    if classes:
        tree = Tree([parsed])
        objects = Objects(tree, classes)
        found += ((OPERATE, node) for node in objects.used_as_objects())
        found += ((PLAIN, node) for node in _told(tree) if not objects.of(node))
    return tuple((kind, *_place(node)) for kind, node in found)


def _told(tree: Tree) -> Iterator[ast.expr]:
    """What is asked `in`, or by a method that values have."""
    for node in tree.nodes:
        if isinstance(node, ast.Compare) and isinstance(node.ops[-1], ast.In | ast.NotIn):
            yield node.comparators[-1]
        function = node.func if isinstance(node, ast.Call) else None
        if isinstance(function, ast.Attribute) and function.attr in tree.value_names:
            yield function.value


def _place(node: Any) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def marked(tree: ast.Module, marks: Sequence[Mark]) -> ast.Module:
    """The tree of a script with its marks made calls."""
    changed: ast.Module = _Marking(frozenset(marks)).visit(tree)
    return changed


class _Marking(ast.NodeTransformer):
    def __init__(self, marks: frozenset[Mark]) -> None:
        self._marks = marks

    def _is(self, kind: str, node: Any) -> bool:
        return (kind, *_place(node)) in self._marks

    def visit(self, node: ast.AST) -> Any:
        changed = super().visit(node)
        if isinstance(node, ast.expr) and self._is(PLAIN, node):
            return _call(PLAIN, [changed], node)
        return changed

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
