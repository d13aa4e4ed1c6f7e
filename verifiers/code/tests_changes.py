"""Which calls of the tests may change their arguments.

That is so where the tests cannot mean anything else, and where a function that spoils its argument
gains nothing:

- the result is dropped: `order(xs)`;
- all that the tests do with the argument afterwards is to compare it with what is their own:
  `n = shorten(xs)`, `assert xs[:n] == expected`. In `assert n == len(xs)`, or `n - len(xs) == 0`,
  both sides would be the function's word, so there the argument stays as it was.
"""

import ast
from collections.abc import Collection, Iterator, Sequence

from verifiers.code.tests_taint import (
    Origins,
    answered_names,
    bindings,
    names_in,
    with_aliases,
)

_BLOCKS = ("body", "orelse", "finalbody")


def changing_calls(tree: ast.Module, solution: Collection[str]) -> list[ast.Call]:
    """The calls of a module that may change their arguments.

    Args:
        solution: names that stand for the solution's functions and classes.
    """
    bound = bindings([tree])
    own = with_aliases(solution, bound)
    scope = _Scope(own, answered_names([tree], own, bound), Origins(bound))
    return list(_calls_in(tree, (), scope))


class _Scope:
    """What is known of the names of a module."""

    def __init__(
        self, solution: frozenset[str], answered: frozenset[str], origins: Origins
    ) -> None:
        self.solution, self.answered, self.origins = solution, answered, origins


def _calls_in(node: ast.AST, outer: Sequence[ast.stmt], scope: _Scope) -> Iterator[ast.Call]:
    """Calls in the blocks of a node; `outer` are the statements that run after it."""
    for block in _BLOCKS:
        statements = getattr(node, block, None)
        if not isinstance(statements, list):
            continue
        for place, statement in enumerate(statements):
            later = (*statements[place + 1 :], *outer)
            yield from _calls_of(statement, later, scope)
            yield from _calls_in(statement, later, scope)
    for handler in getattr(node, "handlers", ()):
        yield from _calls_in(handler, outer, scope)


def _calls_of(statement: ast.stmt, later: Sequence[ast.stmt], scope: _Scope) -> Iterator[ast.Call]:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        yield statement.value
    elif isinstance(statement, ast.Assign | ast.Assert):
        for call in ast.walk(statement):
            if isinstance(call, ast.Call) and names_in(call.func) & (
                scope.solution | scope.answered
            ):
                given = [*call.args, *(keyword.value for keyword in call.keywords)]
                names = {part.id for part in given if isinstance(part, ast.Name)}
                own = all(_loads(statement, name) == _loads(call, name) for name in names)
                if names and own and _Later(names, scope).only_compares(later):
                    yield call


class _Later:
    """What the tests do with arguments after the call.

    Args:
        names: variables that the call was given.
    """

    def __init__(self, names: set[str], scope: _Scope) -> None:
        self._scope = scope
        self._given = frozenset(names)
        self._changed = set(names)
        """Variables that hold what the function may have made of its arguments."""
        self._is_compared = False

    def only_compares(self, later: Sequence[ast.stmt]) -> bool:
        """Whether an argument is compared with what is the tests' own, and none of them used for
        anything else until they are bound anew."""
        for statement in later:
            if not names_in(statement) & self._changed:
                continue
            if isinstance(statement, ast.Assign) and not names_in(statement.value) & self._changed:
                self._changed -= {t.id for t in statement.targets if isinstance(t, ast.Name)}
            if not self._is_fine(statement):
                return False
        return self._is_compared

    def _is_fine(self, statement: ast.stmt) -> bool:
        if not names_in(statement) & self._changed:
            return True
        if isinstance(statement, ast.Assert):
            return self._is_decided(statement.test)
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr):
            if names_in(statement) & self._scope.solution:
                return False
            self._changed |= _written(statement)
            return True
        if isinstance(statement, ast.For):
            return not names_in(statement.iter) & self._changed and self._are_fine(statement)
        if isinstance(statement, ast.If | ast.While):
            return not names_in(statement.test) & self._changed and self._are_fine(statement)
        return False

    def _are_fine(self, statement: ast.For | ast.If | ast.While) -> bool:
        return all(map(self._is_fine, (*statement.body, *statement.orelse)))

    def _is_decided(self, test: ast.expr) -> bool:
        """Whether a test holds only if what was changed is equal to something of the tests' own."""
        if not names_in(test) & self._changed:
            return True
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return all(map(self._is_decided, test.values))
        if isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "all":
            each = test.args[0] if len(test.args) == 1 else None
            if not isinstance(each, ast.GeneratorExp | ast.ListComp):
                return False
            ways = [part for loop in each.generators for part in (loop.iter, *loop.ifs)]
            return not any(names_in(p) & self._changed for p in ways) and self._is_decided(each.elt)
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            return False
        sides = (test.left, test.comparators[0])
        if isinstance(test.ops[0], ast.Eq) and any(
            self._is_own(own) and self._tells_of_changes(told)
            for own, told in (sides, reversed(sides))
        ):
            self._is_compared = True
            return True
        return False

    def _is_own(self, side: ast.expr) -> bool:
        """Whether an expression is the tests' own, whatever place of it is looked at: in
        `expected[:n]`, n may be the function's word."""
        names = _outside_places(side)
        if names_in(side) & (self._changed | self._scope.solution):
            return False
        if names & self._scope.answered:
            return False
        given = frozenset().union(*map(self._scope.origins.of, self._given))
        return not any(self._scope.origins.of(name) & given for name in names)

    def _tells_of_changes(self, side: ast.expr) -> bool:
        """Whether an expression has nothing of the function's but its changes: in
        `(out == sorted(xs)) == True` both sides are the function's word."""
        if any(isinstance(part, ast.Compare) for part in ast.walk(side)):
            return False
        told = (self._scope.answered - self._changed) | self._scope.solution
        return not _outside_places(side) & told


def _written(statement: ast.Assign | ast.AugAssign | ast.Expr) -> set[str]:
    """Names that a statement may bring what it reads into: `head = xs[:n]`, `sort(xs, 0, n)`."""
    if isinstance(statement, ast.Expr):
        return names_in(statement)
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return set().union(*map(names_in, targets))


def _outside_places(side: ast.expr) -> set[str]:
    """Names that an expression reads, but for those inside the brackets of `xs[:n]`."""
    places = [part.slice for part in ast.walk(side) if isinstance(part, ast.Subscript)]
    inside = {part for place in places for part in ast.walk(place)}
    names = [part for part in ast.walk(side) if isinstance(part, ast.Name)]
    return {part.id for part in names if part not in inside}


def _loads(node: ast.AST, name: str) -> int:
    return sum(
        isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load)
        for part in ast.walk(node)
    )
