"""Which variables of the tests may hold the solution's word, and which may hold one object.

Neither follows the order of statements: a variable is what any of its assignments makes it.
"""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

_UNKNOWN = "?"
_SHALLOW = frozenset(("sorted", "list", "tuple", "set", "dict", "reversed", "copy"))
_SCALAR = frozenset(("len", "sum", "abs", "int", "float", "str", "bool", "range", "deepcopy"))


@dataclass(frozen=True)
class Binding:
    """One way in which a name gets its value."""

    value: ast.expr | None
    """None: in some other way (an import, a `with`, an exception)."""
    is_item: bool = False
    """The name is an item of the value, as in a loop, or part of it, as where it is unpacked."""
    is_change: bool = False
    """The value is added to what the name holds, or the like."""
    is_each: bool = False
    """The name is each item of the value, unpacked no further."""


def bindings(trees: Sequence[ast.AST]) -> dict[str, list[Binding]]:
    """All bindings of each name that the tests bind."""
    found: dict[str, list[Binding]] = defaultdict(list)
    functions: dict[str, ast.FunctionDef] = {}
    nodes = [node for tree in trees for node in ast.walk(tree)]
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        for target, value, is_item in _assigned(node):
            for name in names_in(target):
                is_whole = isinstance(target, ast.Name)
                is_part = isinstance(target, ast.Attribute | ast.Subscript)
                is_change = is_part or isinstance(node, ast.AugAssign)
                is_each = is_item and is_whole and not isinstance(node, ast.withitem)
                found[name].append(Binding(value, is_item or not is_whole, is_change, is_each))
        if isinstance(node, ast.ExceptHandler) and node.name:
            found[node.name].append(Binding(None))
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function = functions.get(node.func.id)
            for name, value in _passed(function, node) if function else ():
                found[name].append(Binding(value))
    return found


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None, bool]]:
    """(target, value, whether the target gets items of it) of what one node assigns."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            pairs = _side_by_side(target, node.value)
            yield from ((left, right, False) for left, right in pairs)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
        yield node.target, node.value, False
    elif isinstance(node, ast.For | ast.comprehension):
        yield node.target, node.iter, True
    elif isinstance(node, ast.withitem) and node.optional_vars:
        yield node.optional_vars, node.context_expr, True


def _side_by_side(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """`a, b = 1, 2` as two assignments."""
    displays = ast.Tuple | ast.List
    if isinstance(target, displays) and isinstance(value, displays):
        parts = (*target.elts, *value.elts)
        is_plain = not any(isinstance(part, ast.Starred) for part in parts)
        if is_plain and len(target.elts) == len(value.elts):
            return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _passed(function: ast.FunctionDef, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Parameters of a function of the tests, with what a call passes."""
    parameters = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    yield from zip(parameters, call.args, strict=False)
    yield from ((k.arg, k.value) for k in call.keywords if k.arg)


def names_in(node: ast.AST) -> set[str]:
    """All names that a piece of code reads or binds."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def with_aliases(solution: Collection[str], bound: dict[str, list[Binding]]) -> frozenset[str]:
    """The solution's names, with the variables that are nothing but other names for them."""
    found = set(solution)
    size = -1
    while size != len(found):
        size = len(found)
        for name, ways in bound.items():
            values = [way.value for way in ways if not way.is_item]
            if values and all(isinstance(v, ast.Name) and v.id in found for v in values):
                found.add(name)
    return frozenset(found)


def answered_names(
    trees: Sequence[ast.AST], solution: Collection[str], bound: dict[str, list[Binding]]
) -> frozenset[str]:
    """Names of the tests that may hold what the solution said, or what it was given to change.

    Args:
        solution: names that stand for the solution's functions and classes.
        bound: `bindings` of the trees.
    """
    answered: set[str] = set(solution)
    nodes = [node for tree in trees for node in ast.walk(tree)]
    returned = {
        node.name: [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
        for node in nodes
        if isinstance(node, ast.FunctionDef)
    }
    size = -1
    while size != len(answered):
        size = len(answered)
        for name, ways in bound.items():
            if any(way.value is None or names_in(way.value) & answered for way in ways):
                answered.add(name)
        for name, values in returned.items():
            if any(value is not None and names_in(value) & answered for value in values):
                answered.add(name)
        for node in nodes:
            # `seen.append(f(3))`, and what a call of the solution's may change
            if isinstance(node, ast.Call) and names_in(node) & answered:
                is_method = isinstance(node.func, ast.Attribute)
                if is_method and any(names_in(part) & answered for part in node.args):
                    answered |= names_in(node.func) & set(bound)
                if names_in(node.func) & set(solution):
                    given = (*node.args, *(k.value for k in node.keywords))
                    answered |= {part.id for part in given if isinstance(part, ast.Name)}
    return frozenset(answered - set(solution))


class Origins:
    """Which variables' objects a variable may share."""

    def __init__(self, bound: dict[str, list[Binding]]) -> None:
        self._bound = bound

    def of(self, name: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        """The variable itself, and those whose object, or part of it, it may be."""
        found = {name}
        if name in seen:
            return frozenset(found)
        for way in self._bound.get(name, ()):
            for other in self._shared_by(way):
                found |= self.of(other, seen | {name})
        return frozenset(found)

    def is_flat(self, name: str) -> bool:
        """Whether a variable only ever is a literal without containers in it."""
        return all(
            way.value is not None and not way.is_item and _is_flat(way.value)
            for way in self._bound.get(name, (Binding(None),))
        )

    def _shared_by(self, way: Binding) -> set[str]:
        if way.value is None:
            return {_UNKNOWN}
        if not way.is_item:
            return self._parts_of(way.value)
        # Items of one display are objects of their own, but for the variables that it names.
        value: ast.expr | None = way.value
        if isinstance(value, ast.Name):
            own = self._bound.get(value.id, ())
            value = own[0].value if len(own) == 1 and not own[0].is_item else None
        if isinstance(value, ast.List | ast.Tuple | ast.Set | ast.Dict):
            return names_in(value)
        return names_in(way.value)

    def _parts_of(self, value: ast.expr) -> set[str]:
        called = value.func if isinstance(value, ast.Call) else None
        if isinstance(called, ast.Name | ast.Attribute):
            name = called.id if isinstance(called, ast.Name) else called.attr
            if name in _SCALAR:
                return set()
            if name in _SHALLOW:
                return {part for part in names_in(value) if not self.is_flat(part)} - {name}
        if isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Slice):
            return {part for part in names_in(value.value) if not self.is_flat(part)}
        return names_in(value)


def _is_flat(value: ast.expr) -> bool:
    try:
        literal = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError):
        return False
    items = literal if isinstance(literal, list | tuple | set) else []
    return not any(isinstance(item, list | tuple | set | dict | bytes) for item in items)
