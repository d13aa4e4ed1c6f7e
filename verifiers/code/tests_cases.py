"""Calls of the tests that must happen as a whole in the job."""

import ast
import copy
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rlsys.errors import VerifierError
from verifiers.code.tests_names import CALLABLE, KNOWN, bound_names, loaded_names
from verifiers.code.tests_objects import Objects, Tree
from verifiers.code.tests_taint import names_in

CASE = "rlsys_case"
_MAKES_NO_VALUE = frozenset(
    (
        *("iter", "map", "filter", "zip", "reversed", "enumerate", "open"),
        *(
            "StringIO",
            "BytesIO",
            "Path",
            "PurePath",
            "compile",
            "partial",
            "itemgetter",
            "attrgetter",
        ),
        *("cycle", "count", "repeat", "chain", "islice", "combinations", "permutations", "product"),
        *("accumulate", "attrgetter", "groupby", "uuid4", "UUID", "Lock", "Random"),
    )
)
"""Functions of Python's whose results do not cross, by their last name."""


@dataclass(frozen=True)
class Known:
    """What the names in the tests stand for."""

    function: str
    """The function or class that the task asks for."""
    outside: frozenset[str]
    """Names that are bound in the tests' process."""
    in_job: frozenset[str] = frozenset()
    """Of those, names that the job has, too: of the prompt, and classes that both sides have."""
    shared: frozenset[str] = frozenset()
    """Classes whose instances cross."""
    aliases: frozenset[str] = frozenset()
    """Other names of the function: the parameter of check."""

    def is_solutions(self, name: str) -> bool:
        """Whether a name is the solution's."""
        return name == self.function or (bool(name) and name not in KNOWN | self.outside)


class Cases(ast.NodeTransformer):
    """Finds the calls that must happen as a whole in the job, and puts proxies in their place.

    That is so where an argument needs what only the solution defines (`Pair(5, 24)`), or is no
    value (`int` itself, a lambda, a function of the tests, whose text then goes along). Variables
    of the tests become the proxy's arguments.
    """

    def __init__(self, tree: Tree, known: Known, objects: Objects) -> None:
        self._tree, self._known, self._objects = tree, known, objects
        self._strangers = _strangers(tree, known)
        self._definitions = _definitions(tree, known, self._strangers)
        self._imports = import_texts(tree)
        self.called: dict[str, None] = {}
        """Names of the job that the tests name, in order."""
        self.sources: list[str] = []
        """Definitions and assignments of the cases, to stand behind the solution."""
        self._count = 0

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self._known.function:  # `map(f, xs)`
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
        if isinstance(node, ast.Name) and self._known.is_solutions(node.id):
            self.called.setdefault(node.id)

    def _goes_to_the_job(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return self._known.is_solutions(function.id) or function.id in self._known.aliases
        root: ast.expr = function
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        return root is not function and self._objects.maker(root) is not None

    def _case(self, node: ast.Call) -> ast.Call:
        inside = copy.deepcopy(node)
        for part in ast.walk(inside):
            if isinstance(part, ast.Name) and part.id in self._known.aliases:
                part.id = self._known.function
        free = []
        named = loaded_names(inside) & self._known.outside
        for name in sorted(named - (KNOWN - set(self._imports))):
            if name != self._known.function and not self._brought(name, node):
                free.append(name)
        self._count += 1
        proxy = f"{CASE}_{self._count}"
        head = f"lambda {', '.join(free)}" if free else "lambda"
        self.sources.append(f"{proxy} = {head}: {ast.unparse(inside)}")
        self.called.setdefault(proxy)
        return ast.Call(ast.Name(proxy, ast.Load()), [ast.Name(n, ast.Load()) for n in free], [])

    def _brought(self, name: str, call: ast.Call) -> bool:
        """Whether the job has a name of the tests by its definition.

        Raises:
            VerifierError: it is defined by what only the tests' process has.
        """
        if name in self._known.in_job:
            return True
        if name in self._imports:
            source = self._imports[name]
        elif name in self._definitions:
            definition = self._definitions[name]
            source = ast.unparse(definition) if definition is not None else ""
            needs = loaded_names(ast.Module([definition], [])) if definition is not None else ()
            own = bound_names(definition) if definition is not None else ()
            others = set(needs) & self._known.outside - {*own, name}
            for other in sorted(others - (KNOWN - set(self._imports))):
                source = source if self._brought(other, call) else ""
            if not source:
                raise VerifierError(
                    f"code: the test {ast.unparse(call)!r:.120} passes {name}, which does not "
                    "cross to the solution"
                )
        else:
            return False
        if source not in self.sources:
            self.sources.append(source)
        return True

    def _needs_the_job(self, argument: ast.expr) -> bool:
        called = {call.func for call in ast.walk(argument) if isinstance(call, ast.Call)}
        for part in ast.walk(argument):
            if isinstance(part, ast.Lambda):
                return True
            is_itself = isinstance(part, ast.Name) and part not in called
            if is_itself and (part.id in CALLABLE or part.id in self._definitions):  # type: ignore[attr-defined]
                return True
            if isinstance(part, ast.Attribute) and part not in called and _is_function(part):
                return True
        if makes_no_value(argument) or self._strangers & names_in(argument):
            return True
        return any(map(self._known.is_solutions, loaded_names(argument)))


def makes_no_value(node: ast.expr) -> bool:
    """Whether an expression is, for certain, of a type that does not cross."""
    if isinstance(node, ast.GeneratorExp | ast.Lambda):
        return True
    function = node.func if isinstance(node, ast.Call) else None
    name = getattr(function, "id", getattr(function, "attr", ""))
    return name in _MAKES_NO_VALUE


def _is_function(node: ast.Attribute) -> bool:
    """Whether an attribute is a function of a module of the standard library: `math.sqrt`."""
    module = node.value.id if isinstance(node.value, ast.Name) else ""
    if module not in sys.stdlib_module_names:
        return False
    return module not in sys.modules or callable(getattr(sys.modules[module], node.attr, None))


def _strangers(tree: Tree, known: Known) -> frozenset[str]:
    """Classes of the tests whose instances do not cross, and functions that make some."""
    found = {n.name for n in tree.nodes if isinstance(n, ast.ClassDef)} - known.shared
    functions = [node for node in tree.nodes if isinstance(node, ast.FunctionDef)]
    size = -1
    while size != len(found):
        size = len(found)
        found |= {node.name for node in functions if _returned_names(node) & found}
    return frozenset(found)


def _returned_names(function: ast.FunctionDef) -> set[str]:
    values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    return set().union(*(names_in(value) for value in values if value is not None))


def _definitions(
    tree: Tree, known: Known, strangers: Collection[str]
) -> dict[str, ast.stmt | None]:
    """Names of the tests that stand for no value: functions, classes, and variables that hold an
    iterator or the like; None where they are bound in several ways."""
    found: dict[str, ast.stmt | None] = {}
    kinds = ast.FunctionDef | ast.ClassDef
    for node in tree.nodes:
        if isinstance(node, kinds) and node.name not in known.in_job:
            found[node.name] = None if node.name in found else node
    for node in tree.nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            is_strange = makes_no_value(node.value) or (
                isinstance(node.value, ast.Call)
                and isinstance(node.value.func, ast.Name)
                and node.value.func.id in strangers
            )
            if isinstance(target, ast.Name) and is_strange:
                is_alone = len(tree.bound.get(target.id, ())) == 1
                found[target.id] = node if is_alone else None
    return found


def import_texts(tree: Tree) -> dict[str, str]:
    """The import that binds a name, by the name."""
    found = {}
    for node in tree.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                text = f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                found[(alias.asname or alias.name).partition(".")[0]] = text
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                text = f"from {node.module} import {alias.name}"
                found[alias.asname or alias.name] = text + (
                    f" as {alias.asname}" if alias.asname else ""
                )
    return found


def require_crossing(tree: Tree, calls: Sequence[ast.Call], packages: Collection[str]) -> bool:
    """Whether calls of the solution get numpy's arrays or numbers.

    Raises:
        VerifierError: they get objects of another package, none of which cross.
    """
    imports = {n: text.split()[1].partition(".")[0] for n, text in import_texts(tree).items()}
    of = {name: package for name, package in imports.items() if package in packages}
    size = -1
    while size != len(of):
        size = len(of)
        for name, ways in tree.bound.items():
            for way in ways:
                made = names_in(way.value) & set(of) if way.value is not None else set()
                if made and name not in of:
                    of[name] = of[sorted(made)[0]]
    has_arrays = False
    for call in calls:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        for name in sorted(set().union(*map(names_in, given)) & set(of)):
            if of[name] != "numpy":
                raise VerifierError(
                    f"code: the test {ast.unparse(call)!r:.120} passes what {of[name]} makes, "
                    "which does not cross to the solution"
                )
            if isinstance(tree.parent(call), ast.Expr):
                raise VerifierError(
                    f"code: the test {ast.unparse(call)!r:.120} may want an array changed "
                    "in place, which does not cross back"
                )
            has_arrays = True
    return has_arrays
