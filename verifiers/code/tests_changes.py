"""Which calls of the tests may change their arguments.

A call is marked, `f(xs)` -> `__changing__(f)(xs)`, where the tests cannot mean anything else, and
where a function that spoils its argument gains nothing:

- the result is dropped: `order(xs)`;
- all that the tests do with the argument afterwards is to compare it with literals:
  `n = shorten(xs)`, `assert xs[:n] == [3, 1]`. In `assert n == len(xs)`, or `n - len(xs) == 0`,
  both sides would be the function's word, so there the argument stays as it was.
"""

import ast
import builtins
from collections.abc import Sequence
from typing import Any

MARK = "__changing__"


class Changes(ast.NodeTransformer):
    """Marks the calls of a module."""

    def visit(self, node: ast.AST) -> Any:
        """Mark the calls of a statement's own blocks, then go into them."""
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                for place, statement in enumerate(statements):
                    _mark_in(statement, statements[place + 1 :])
        return self.generic_visit(node)


def _mark_in(statement: ast.stmt, later: Sequence[ast.stmt]) -> None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        _mark(statement.value)
    elif isinstance(statement, ast.Assign | ast.Assert):
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        for call in calls:
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            names = {argument.id for argument in arguments if isinstance(argument, ast.Name)}
            if names and all(
                _loads(statement, name) == _loads(call, name) and _is_compared(name, later)
                for name in names
            ):
                _mark(call)


def _mark(call: ast.Call) -> None:
    mark = ast.copy_location(ast.Name(MARK, ast.Load()), call.func)
    call.func = ast.copy_location(ast.Call(mark, [call.func], []), call.func)


def _is_compared(name: str, later: Sequence[ast.stmt]) -> bool:
    """Whether a variable is compared with literals, and used for nothing else until it is bound
    anew."""
    found = False
    for statement in later:
        if _loads(statement, name):
            if not _compares_with_literal(statement, name):
                return False
            found = True
        elif any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(statement)):
            break
    return found


def _compares_with_literal(statement: ast.stmt, name: str) -> bool:
    if not isinstance(statement, ast.Assert) or not isinstance(statement.test, ast.Compare):
        return False
    compared = statement.test
    if len(compared.ops) != 1 or not isinstance(compared.ops[0], ast.Eq) or statement.msg:
        return False
    sides = (compared.left, compared.comparators[0])
    return any(
        _is_literal(literal) and _tells_of(side, name) for literal, side in (sides, reversed(sides))
    )


def _tells_of(node: ast.expr, name: str) -> bool:
    """Whether an expression has no other variable, but for places (`xs[:n]`): in
    `(out == sorted(xs)) == True` both sides are the function's word."""
    places = [part.slice for part in ast.walk(node) if isinstance(part, ast.Subscript)]
    in_places = {part for place in places for part in ast.walk(place)}
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
    own = {part.id for part in names if isinstance(part.ctx, ast.Store)}
    read = {part.id for part in names if part not in in_places}
    return read <= {name, *own, *dir(builtins)}


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def _loads(node: ast.AST, name: str) -> int:
    return sum(
        isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load)
        for part in ast.walk(node)
    )
