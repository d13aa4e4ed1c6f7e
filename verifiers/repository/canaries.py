"""Canaries: tests changed so that they must fail, whatever the code under test does.

Code under test runs in the process that runs its tests and can, with effort, make any of them look
passed. It cannot do so for the real tests alone, unless it tells them from these: the canary of a
test has its name, its place and its statements, and runs in another sandbox. Code that patches
pytest, forges the report or answers every comparison with yes makes its canaries pass, too.
"""

import ast
import secrets
from collections.abc import Iterable

from verifiers.repository.names import Function, find_functions

_LITERALS = ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.JoinedStr
_EQUALITIES = ("assertEqual", "assertEquals")


def make_canaries(source: str, path: str, names: Iterable[str]) -> tuple[str, list[str]]:
    """Change tests of a file so that each must fail.

    Where the test ends in an equality, another value of the same kind is expected there: only what
    claims to equal everything still passes. Else the test fails at its end, however it gets there.

    Args:
        path: of the file in the tree.
        names: of tests, some of them perhaps in other files (names.py).
    Returns: the changed source, and the names that were found in it.
    Raises: SyntaxError when the source is not Python.
    """
    module = ast.parse(source)
    meant = {name: find_functions(module, path, name) for name in names}
    changed = [name for name, functions in meant.items() if functions]
    # The cases of one test share its function.
    for function in {id(f): f for functions in meant.values() for f in functions}.values():
        if not _compare_with_another(function):
            _fail_at_the_end(function)
    return ast.unparse(ast.fix_missing_locations(module)), changed


def _compare_with_another(function: Function) -> bool:
    """Change what is expected in the last equality that the test is sure to reach."""
    if any(isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) for node in ast.walk(function)):
        return False
    for statement in reversed(function.body):
        if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
            compare = statement.test
            if len(compare.ops) == 1 and isinstance(compare.ops[0], ast.Eq):
                pair = _changed(compare.left, compare.comparators[0])
                compare.left, compare.comparators = pair[0], [pair[1]]
                return True
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            call = statement.value
            named = isinstance(call.func, ast.Attribute) and call.func.attr in _EQUALITIES
            if named and len(call.args) >= 2:
                call.args[:2] = _changed(call.args[0], call.args[1])
                return True
    return False


def _changed(left: ast.expr, right: ast.expr) -> tuple[ast.expr, ast.expr]:
    if isinstance(left, _LITERALS) and not isinstance(right, _LITERALS):
        return _another(left), right
    return left, _another(right)


def _another(expected: ast.expr) -> ast.expr:
    """A value of the same kind that is not the expected one; else an object of no kind."""
    distance = secrets.randbelow(89) + 11
    number = ast.Constant(distance)
    if isinstance(expected, ast.List | ast.Tuple):
        return type(expected)([*expected.elts, number], ast.Load())
    if isinstance(expected, ast.Dict):
        return ast.Dict([*expected.keys, number], [*expected.values, number])
    if isinstance(expected, ast.Constant):
        value = expected.value
        if isinstance(value, str):
            return ast.Constant(value + chr(ord("a") + secrets.randbelow(26)))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return ast.Constant(value + distance)
    return ast.Call(ast.Name("object", ast.Load()), [], [])


def _fail_at_the_end(function: Function) -> None:
    fail = ast.parse("assert [] == [None]").body
    # The docstring stays: it may be the test's name.
    first = 1 if ast.get_docstring(function) and len(function.body) > 1 else 0
    ending = ast.Try(body=function.body[first:], handlers=[], orelse=[], finalbody=fail)
    function.body[first:] = [ending]
