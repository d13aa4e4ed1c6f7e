"""What of a task's tests runs where: the plan that keeps expected outputs out of the job.

A HumanEval test is a module with `check(candidate)`. It runs in the trusted process as it stands,
behind the task's prompt, whose helpers some tests use.

An MBPP test is a list of asserts. Their calls of the candidate become calls through the proxy, all
else is evaluated in the trusted process. Where an argument needs something that only the solution
defines (`Pair(5, 24)`, or a tree that test_setup_code builds of its `Node`), or is no plain value
(`int`, a lambda), the call as a whole is appended to the job's source as a numbered case: inputs go
in, expected values stay outside.
"""

import ast
import builtins
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rlsys.errors import VerifierError

PROXY = "candidate"
"""Name of the proxy in the trusted process."""
DISPATCH = "rlsys_case"
_CALLABLE = frozenset(name for name, value in vars(builtins).items() if callable(value))
_KNOWN = frozenset(dir(builtins)) | sys.stdlib_module_names


@dataclass(frozen=True)
class Plan:
    """How to test one task."""

    script: str
    """Python for the trusted process; its tests call the proxies."""
    proxies: tuple[str, ...]
    """Names in the script that stand for functions of the job."""
    entry_point: str
    """The function of the job that calls go to."""
    job_suffix: str
    """Appended to the solution; empty for all but a few tasks."""
    dispatched: bool
    """Calls carry the number of a case first, since the job has more than one function."""
    function: str
    """The function that the task asks for."""
    head: str
    """What an answer may continue: imports, helpers, signature, docstring. Empty for MBPP."""
    preamble: str
    """The head as a module of its own, which a whole function may need before it."""
    num_asserts: int
    """Assert statements in the tests."""


def plan_of(info: dict[str, Any]) -> Plan:
    """The plan for a task's columns: `test` and `entry_point`, or `test_list`.

    Raises:
        VerifierError: the columns are missing or mistyped, or the tests are not Python.
    """
    try:
        if isinstance(info.get("test"), str):
            head = _text(info, "prompt", "")
            return _plan_check(head, info["test"], _text(info, "entry_point"))
        tests = [*_texts(info, "test_list"), *_texts(info, "challenge_test_list")]
        if not tests:
            raise VerifierError("code: the task has neither test with entry_point nor test_list")
        setup = _text(info, "test_setup_code", "")
        imports = "\n".join(_texts(info, "test_imports"))
        name = _text(info, "entry_point", "")
        return _plan_asserts(tuple(tests), f"{imports}\n{setup}".strip(), name)
    except SyntaxError as error:
        raise VerifierError(f"code: the task's tests are not Python: {error}") from error


@lru_cache(maxsize=1024)
def _plan_check(head: str, test: str, entry_point: str) -> Plan:
    preamble = next((text for text in (head, f"{head}    pass\n") if _is_python(text)), "")
    head = head if preamble else ""
    tree = ast.parse(test)
    if not any(isinstance(n, ast.FunctionDef) and n.name == "check" for n in tree.body):
        raise VerifierError("code: test does not define check(candidate)")
    # Some tests call the function by its own name, too.
    name = f"{entry_point} = {PROXY}\n" if entry_point in _loaded_names(tree) else ""
    script = f"{preamble}\n\n{test}\n\n{name}check({PROXY})\n"
    num_asserts = sum(isinstance(node, ast.Assert) for node in ast.walk(tree))
    return Plan(script, (PROXY,), entry_point, "", False, entry_point, head, preamble, num_asserts)


@lru_cache(maxsize=1024)
def _plan_asserts(tests: tuple[str, ...], setup: str, name: str) -> Plan:
    trees = [ast.parse(test) for test in tests]
    setup_tree = ast.parse(setup)
    bound = _bound_names(setup_tree)
    function = name or _function_under_test(trees, bound)
    setup_in_job = bool(_loaded_names(setup_tree) - bound - _KNOWN)
    own = frozenset().union(*map(_bound_names, trees))
    outside = own if setup_in_job else own | bound
    cases = _Cases(function, outside)
    lines = [] if setup_in_job or not setup else [setup]
    modules = sorted(set().union(*map(_loaded_names, trees)) & sys.stdlib_module_names)
    lines = [f"import {module}" for module in modules if module != function] + lines
    lines += [ast.unparse(ast.fix_missing_locations(cases.visit(tree))) for tree in trees]
    num_asserts = sum(isinstance(node, ast.Assert) for tree in trees for node in ast.walk(tree))
    script = "\n".join(lines) + "\n"
    if not cases.sources and not setup_in_job and set(cases.called) <= {function}:
        return Plan(script, (function,), function, "", False, function, "", "", num_asserts)
    suffix = cases.job_source(setup if setup_in_job else "")
    return Plan(script, tuple(cases.called), DISPATCH, suffix, True, function, "", "", num_asserts)


class _Cases(ast.NodeTransformer):
    """Finds the calls that must happen as a whole in the job, and puts proxies in their place."""

    def __init__(self, function: str, outside: frozenset[str]) -> None:
        self.function, self.outside = function, outside
        self.called: dict[str, str] = {}
        """Proxy -> Python expression of the job's function, in order of their numbers."""
        self.sources: list[str] = []

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if not self._of_the_job(name):
            return self.generic_visit(node)
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if not any(map(self._needs_the_job, arguments)):
            self.called.setdefault(name, name)
            return node
        source = ast.unparse(node)
        self.sources.append(source)
        proxy = f"{DISPATCH}_{len(self.sources)}"
        self.called[proxy] = f"lambda: {source}"
        return ast.Call(ast.Name(proxy, ast.Load()), [], [])

    def _needs_the_job(self, argument: ast.expr) -> bool:
        """Whether an argument cannot be made outside and sent in: it uses what the solution
        defines, or is no plain value (`int` itself, a lambda)."""
        called = {call.func for call in ast.walk(argument) if isinstance(call, ast.Call)}
        for part in ast.walk(argument):
            if isinstance(part, ast.Lambda):
                return True
            if isinstance(part, ast.Name) and part not in called and part.id in _CALLABLE:
                return True
        return any(self._of_the_job(name) for name in _loaded_names(argument))

    def _of_the_job(self, name: str) -> bool:
        return name == self.function or (bool(name) and name not in _KNOWN | self.outside)

    def job_source(self, setup: str) -> str:
        """What follows the solution: the setup, and the cases by number."""
        cases = "".join(f"    {expression},\n" for expression in self.called.values())
        return (
            f"\n{setup}\n\ndef {DISPATCH}(number, *args, **kwargs):\n"
            f"    return (\n{cases}    )[number](*args, **kwargs)\n"
        )


def _function_under_test(trees: Sequence[ast.Module], bound: frozenset[str]) -> str:
    """The name that every test calls; of several, the first. A builtin's name only where no other
    is called (a task may ask for a function called `sum`)."""
    called = [_called_names(tree) for tree in trees]
    common = [name for name in called[0] if all(name in names for names in called)]
    own = [name for name in common if name not in _KNOWN and name not in bound]
    if not own and not common:
        raise VerifierError("code: the asserts of test_list do not all call one function")
    return (own or common)[0]


def _called_names(tree: ast.AST) -> list[str]:
    """Names that are called, outermost and leftmost first."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node.func.id for node in calls if isinstance(node.func, ast.Name)]


def _loaded_names(tree: ast.AST) -> frozenset[str]:
    """Names that a piece of code reads and does not bind itself (in comprehensions, lambdas)."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    local = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    local |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return frozenset(read if isinstance(tree, ast.Module) else read - local)


def _bound_names(tree: ast.Module) -> frozenset[str]:
    """Names that a module binds at its top level, in loops and branches, too."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        else:
            names |= {
                part.id
                for part in ast.walk(node)
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            }
    return frozenset(names)


def _is_python(text: str) -> bool:
    """A task may also be worded, with nothing in it to continue."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _text(info: dict[str, Any], column: str, default: str | None = None) -> str:
    value = info.get(column)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or (default is None and not value):
        raise VerifierError(f"code: column {column}: expected a text, got {value!r:.80}")
    return value


def _texts(info: dict[str, Any], column: str) -> list[str]:
    value = info.get(column) or []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise VerifierError(f"code: column {column}: expected a list of texts, got {value!r:.80}")
    return value
