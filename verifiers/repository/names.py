"""Names of tests in the data: what each means, and where in a file its function stands.

tests/test_stack.py::TestStack::test_order[1]     pytest's node ids, also cut off at a space
test_sparse_matrix                                a function of the test patch's files
test_render (admin_widgets.tests.WidgetTest)      as unittest prints them, Django's among them
Sitemaps without items can be rendered.           a test's docstring, which unittest prints too
"""

import ast
import re
from pathlib import PurePosixPath

Function = ast.FunctionDef | ast.AsyncFunctionDef

_UNITTEST = re.compile(r"(\w+) \(([\w.]+)\)")


def is_of_unittest(name: str) -> bool:
    """Whether unittest printed it, and not pytest."""
    return "::" not in name and not name.partition("[")[0].isidentifier()


def file_of(name: str) -> str:
    """The file that a name says; empty where it says none."""
    return name.partition("::")[0] if "::" in name else ""


def find_functions(module: ast.Module, path: str, name: str) -> list[Function]:
    """The functions that a name means in a file at path; several may share a docstring."""
    if not is_of_unittest(name):
        if file_of(name) not in ("", path):
            return []
        plain = name.partition("[")[0].split("::")
        return _by_names(module.body, plain[1:] or plain)
    match = _UNITTEST.fullmatch(name)
    if match is None:
        return _by_docstring(module, name)
    method, place = match[1], match[2].removesuffix(f".{match[1]}")
    of_module, _, of_class = place.rpartition(".")
    dotted = ".".join(PurePosixPath(path).with_suffix("").parts)
    if not f".{dotted}".endswith(f".{of_module}"):
        return []
    return _by_names(module.body, [of_class, method])


def _by_names(body: list[ast.stmt], names: list[str]) -> list[Function]:
    for statement in reversed(body):  # the last definition of a name is the one that runs
        if len(names) > 1 and isinstance(statement, ast.ClassDef) and statement.name == names[0]:
            return _by_names(statement.body, names[1:])
        if len(names) == 1 and isinstance(statement, Function) and statement.name == names[0]:
            return [statement]
    return []


def _by_docstring(module: ast.Module, first_line: str) -> list[Function]:
    tests = (node for node in ast.walk(module) if isinstance(node, Function))
    return [test for test in tests if _first_line(test) == first_line]


def _first_line(function: Function) -> str:
    """As unittest's shortDescription has it."""
    return (ast.get_docstring(function) or "").strip().partition("\n")[0].strip()
