"""What the names in a task's tests stand for: the tests' own, Python's, or the solution's."""

import ast
import builtins
import copy
import importlib
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import PathFinder
from sysconfig import get_paths

from rlsys.errors import VerifierError
from verifiers.sandbox.value_names import VALUE_NAMES

CALLABLE = frozenset(name for name, value in vars(builtins).items() if callable(value))
KNOWN = frozenset(dir(builtins)) | sys.stdlib_module_names
CASE = "rlsys_case"
_SOLUTION = ("solution", "candidate", "submission", "answer", "main", "your_module")
"""Modules that tests import the solution from; of others its name alone."""


def called_names(tree: ast.AST) -> list[str]:
    """Names that are called, outermost and leftmost first."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node.func.id for node in calls if isinstance(node.func, ast.Name)]


def loaded_names(tree: ast.AST) -> frozenset[str]:
    """Names that a piece of code reads and does not bind itself (in comprehensions, lambdas)."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    local = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    local |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return frozenset(read if isinstance(tree, ast.Module) else read - local)


def bound_names(tree: ast.AST) -> frozenset[str]:
    """Names that a module binds anywhere, in functions and comprehensions, too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            names |= _all_of(node.module or "")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)


def _all_of(module: str) -> set[str]:
    """What `from module import *` binds, of a module of the standard library."""
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return set()
    names = vars(importlib.import_module(module))
    return set(names.get("__all__") or (name for name in names if name[0] != "_"))


def without_solution_imports(source: str, function: str) -> str:
    """A test's text without imports of the solution (`from solution import twice`): from a module
    that is not there, of the function, or of all names."""
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
            continue
        is_solutions = node.module in _SOLUTION or {a.name for a in node.names} & {function, "*"}
        if is_solutions and not _is_installed(node.module.partition(".")[0]):
            lines[node.lineno - 1] = " " * node.col_offset + "pass"
            for number in range(node.lineno, node.end_lineno or node.lineno):
                lines[number] = ""
    return "\n".join(lines)


def _is_installed(module: str) -> bool:
    if module in sys.stdlib_module_names or module == "__future__":
        return True
    paths = get_paths()
    return PathFinder.find_spec(module, [paths["purelib"], paths["platlib"]]) is not None


class Objects:
    """Classes of the solution that tests use as such, and variables that hold their instances.

    A name is a class where the tests use what it returns as an object: by an attribute that no
    value has, or, under a name with a capital letter, by any (`Stack().pop()`).

    Args:
        names: the solution's names.
    """

    def __init__(self, trees: Sequence[ast.AST], names: Iterable[str]) -> None:
        self._trees = trees
        self._names = frozenset(names)
        self._made = self._variables()
        self.classes = frozenset(
            name
            for name in self._names
            if any(self._shows_class(name, a) for a in self._uses(name))
        )
        self.variables = frozenset(v for v, name in self._made.items() if name in self.classes)

    def maker(self, node: ast.AST) -> str | None:
        """The class whose instance an expression is for certain; None for another expression."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id if node.func.id in self.classes else None
        if isinstance(node, ast.Name) and node.id in self.variables:
            return self._made[node.id]
        return None

    def require_gradable(self) -> None:
        """Raises VerifierError where a test asks what only the solution's own methods could tell:
        whether its objects are equal, or of its classes."""
        for node in (part for tree in self._trees for part in ast.walk(tree)):
            if isinstance(node, ast.Compare):
                self._look_at_comparison(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                parts = [part for arg in node.args[1:] for part in ast.walk(arg)]
                named = {part.id for part in parts if isinstance(part, ast.Name)}
                if node.func.id in ("isinstance", "issubclass") and named & self._names:
                    raise VerifierError(
                        f"code: the test {ast.unparse(node)!r:.120} asks for a class of the "
                        "solution, which is known only where the solution runs"
                    )

    def _look_at_comparison(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            if isinstance(operator, ast.Is | ast.IsNot):
                continue
            looked_at = (left,) if isinstance(operator, ast.In | ast.NotIn) else (left, right)
            if any(isinstance(side, ast.Constant) and side.value is None for side in looked_at):
                continue
            made = [self.maker(side) or self._member(side) for side in looked_at]
            if len(looked_at) == 2:
                made += [self._object_beside(left, right), self._object_beside(right, left)]
            name = next(filter(None, made), None)
            if name is not None:
                raise VerifierError(
                    f"code: the test {ast.unparse(node)!r:.120} compares an object of the "
                    f"solution's {name}, which only the solution's own methods could do; compare "
                    "its attributes, or what its methods return"
                )

    def _member(self, node: ast.AST) -> str | None:
        """The class whose attribute an expression is: `Color.RED`."""
        is_member = isinstance(node, ast.Attribute) and _is_name(node.value)
        name = node.value.id if is_member else ""  # type: ignore[attr-defined]
        return name if name in self.classes and name[:1].isupper() else None

    def _object_beside(self, side: ast.AST, other: ast.AST) -> str | None:
        """`Point` of `f(3) == Point(1, 2)`: a name with a capital letter, called beside something
        else of the solution's. Beside a value, it may be a function."""
        name = _made_by(side)
        is_class = name in self._names and name[:1].isupper()
        return name if is_class and self._names & set(called_names(other)) else None

    def _variables(self) -> dict[str, str]:
        """Variables that nothing but calls of one of the names is assigned to."""
        made: dict[str, str] = {}
        other: set[str] = set()
        for node in (part for tree in self._trees for part in ast.walk(tree)):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target, value = node.targets[0], node.value
                name = _made_by(value)
                if isinstance(target, ast.Name) and name in self._names:
                    if made.setdefault(target.id, name) != name:
                        other.add(target.id)
                    continue
            if isinstance(node, ast.stmt | ast.comprehension):
                other |= _stored_by(node)
        return {variable: name for variable, name in made.items() if variable not in other}

    def _uses(self, name: str) -> list[str]:
        """Attributes that are taken of a name, of its results, or of variables that hold these."""
        found = []
        for node in (part for tree in self._trees for part in ast.walk(tree)):
            if isinstance(node, ast.Attribute):
                base = node.value
                if isinstance(base, ast.Call):
                    base = base.func
                parts = ast.walk(base) if isinstance(base, ast.BinOp | ast.UnaryOp) else [base]
                names = [part.id for part in parts if isinstance(part, ast.Name)]
                if name in names or name in map(self._made.get, names):
                    found.append(node.attr)
        return found

    @staticmethod
    def _shows_class(name: str, attribute: str) -> bool:
        return name[:1].isupper() or attribute not in VALUE_NAMES


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def _made_by(node: ast.AST) -> str:
    """The name whose call gives a value, or, with a capital letter, part of a sum or the like."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    sides = [node.left, node.right] if isinstance(node, ast.BinOp) else []
    sides = [node.operand] if isinstance(node, ast.UnaryOp) else sides
    return next((name for name in map(_made_by, sides) if name[:1].isupper()), "")


def _stored_by(node: ast.stmt | ast.comprehension) -> set[str]:
    """Names that a statement itself assigns to, not those of statements inside it."""
    targets: list[ast.AST] = []
    if isinstance(node, ast.Assign):
        targets = [*node.targets]
    elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.comprehension):
        targets = [node.target]
    elif isinstance(node, ast.With):
        targets = [item.optional_vars for item in node.items if item.optional_vars]
    names = [part for t in targets for part in ast.walk(t) if isinstance(part, ast.Name)]
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


class Cases(ast.NodeTransformer):
    """Finds the calls that must happen as a whole in the job, and puts proxies in their place.

    That is so where an argument needs what only the solution defines (`Pair(5, 24)`), or is no
    value (`int` itself, a lambda). Variables of the tests become the proxy's arguments.

    Args:
        outside: names that are bound in the tests' process.
        function: the name that `aliases` of it (the parameter of check) stand for.
    """

    def __init__(
        self, function: str, outside: frozenset[str], objects: Objects, aliases: Sequence[str] = ()
    ) -> None:
        self._function, self._outside, self._objects = function, outside, objects
        self._aliases = frozenset(aliases)
        self.called: dict[str, None] = {}
        """Names of the job that the tests name, in order."""
        self.sources: list[str] = []
        """Assignments of the cases, to stand behind the solution."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self._function:  # `map(f, xs)`; an unknown name is rather a slip of the tests
            self.called.setdefault(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self._note(node.value)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if self._goes_to_the_job(node.func) and any(map(self._needs_the_job, arguments)):
            return self._case(node)
        self._note(node.func)
        return self.generic_visit(node)

    def _note(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name) and self.is_solutions(node.id):
            self.called.setdefault(node.id)

    def is_solutions(self, name: str) -> bool:
        """Whether a name is the solution's."""
        return name == self._function or (bool(name) and name not in KNOWN | self._outside)

    def _goes_to_the_job(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return self.is_solutions(function.id) or function.id in self._aliases
        root: ast.expr = function
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        return root is not function and self._objects.maker(root) is not None

    def _case(self, node: ast.Call) -> ast.Call:
        inside = copy.deepcopy(node)
        for part in ast.walk(inside):
            if isinstance(part, ast.Name) and part.id in self._aliases:
                part.id = self._function
        free = sorted(loaded_names(inside) & self._outside - KNOWN - {self._function})
        proxy = f"{CASE}_{len(self.sources) + 1}"
        head = f"lambda {', '.join(free)}" if free else "lambda"
        self.sources.append(f"{proxy} = {head}: {ast.unparse(inside)}")
        self.called.setdefault(proxy)
        return ast.Call(ast.Name(proxy, ast.Load()), [ast.Name(n, ast.Load()) for n in free], [])

    def _needs_the_job(self, argument: ast.expr) -> bool:
        called = {call.func for call in ast.walk(argument) if isinstance(call, ast.Call)}
        for part in ast.walk(argument):
            if isinstance(part, ast.Lambda):
                return True
            if isinstance(part, ast.Name) and part not in called and part.id in CALLABLE:
                return True
        return any(map(self.is_solutions, loaded_names(argument)))
