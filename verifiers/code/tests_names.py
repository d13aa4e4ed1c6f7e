"""What the names in a task's tests stand for: the tests' own, Python's, or the solution's."""

import ast
import builtins
import importlib
import sys
from collections.abc import Collection, Sequence
from functools import lru_cache
from importlib.machinery import PathFinder
from sysconfig import get_paths

from rlsys.errors import VerifierError

CALLABLE = frozenset(name for name, value in vars(builtins).items() if callable(value))
KNOWN = frozenset(dir(builtins)) | sys.stdlib_module_names
TYPING = frozenset(
    (
        *("Any", "Callable", "DefaultDict", "Deque", "Dict", "FrozenSet", "Generator", "Generic"),
        *(
            "Hashable",
            "Iterable",
            "Iterator",
            "List",
            "Literal",
            "Mapping",
            "NamedTuple",
            "Optional",
        ),
        *("Sequence", "Set", "Tuple", "Type", "TypeVar", "Union"),
    )
)
"""Names that answers use in annotations without an import, as LeetCode lets them."""
MEANT = {
    **dict.fromkeys(TYPING, "typing"),
    **dict.fromkeys(
        ("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"), "collections"
    ),
    **dict.fromkeys(("ceil", "comb", "factorial", "floor", "gcd", "inf", "isclose"), "math"),
    **dict.fromkeys(("isnan", "log", "pi", "sqrt"), "math"),
    **dict.fromkeys(("chain", "combinations", "permutations", "product"), "itertools"),
    **{"Decimal": "decimal", "Fraction": "fractions", "reduce": "functools"},
    **{"date": "datetime", "timedelta": "datetime", "deepcopy": "copy"},
}
"""What tests mean by a name that they bind nowhere, by the module that has it."""
_ALIASES = {"np": "numpy", "numpy": "numpy", "pd": "pandas", "pandas": "pandas"}
MEANT |= _ALIASES
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


@lru_cache
def _is_installed(module: str) -> bool:
    if module in sys.stdlib_module_names or module == "__future__":
        return True
    paths = get_paths()
    return PathFinder.find_spec(module, [paths["purelib"], paths["platlib"]]) is not None


def without_imports(names: Collection[str]) -> list[str]:
    """The imports that tests leave out which use these names and bind them nowhere."""
    modules = [f"import {name}" for name in sorted(names) if name in sys.stdlib_module_names]
    aliases = [
        f"import {module} as {name}"
        for name, module in _ALIASES.items()
        if name in names and _is_installed(module)
    ]
    meant = [
        f"from {module} import {name}"
        for name, module in MEANT.items()
        if name in names and name not in _ALIASES
    ]
    return [*modules, *aliases, *meant]


def require_installed(trees: Sequence[ast.AST]) -> frozenset[str]:
    """The packages that tests import beside the standard library.

    Raises:
        VerifierError: one of them is not installed.
    """
    found = set()
    for node in (part for tree in trees for part in ast.walk(tree)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for module in {name.partition(".")[0] for name in names}:
            if not _is_installed(module):
                raise VerifierError(f"code: the tests import {module}, which is not installed")
            if module not in sys.stdlib_module_names and module != "__future__":
                found.add(module)
    return frozenset(found)


def require_bound(names: Collection[str]) -> None:
    """Raises VerifierError where tests use a name that nobody binds."""
    for name in sorted(names):
        known = _ALIASES.get(name)
        missing = f"; {known} is not installed" if known else ""
        raise VerifierError(
            f"code: the tests use {name!r}, which neither they nor the task define{missing}"
        )
