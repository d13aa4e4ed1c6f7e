"""What of a task's tests runs where: the plan that keeps expected outputs out of the job.

A HumanEval test is a module with `check(candidate)`. It runs in the trusted process as it stands,
behind the task's prompt, whose helpers some tests use; where it calls check itself (`check(twice)`,
from a function or not), it does so with the solution's name.

An MBPP test is a list of asserts, or of any lines. Their calls of the candidate become calls
through proxies, all else is evaluated in the trusted process. Where an argument needs something
that only the solution defines, or is no plain value, the call as a whole is appended to the job's
source as a function of its own: inputs go in, expected values stay outside.

Classes of the solution that tests use as such (`s = Stack()`, `Solution().f`) live in the job; what
their methods return is compared outside (tests_objects.py). Classes that the prompt or the tests
define themselves are on both sides (tests_shared.py). What only the solution could decide cannot be
graded, and is an error (tests_gradable.py).
"""

import ast
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rlsys.errors import VerifierError
from verifiers.code.extract import standing_before
from verifiers.code.tests_cases import CASE, Cases
from verifiers.code.tests_check import check_tests, joined
from verifiers.code.tests_marks import Mark, marks_of
from verifiers.code.tests_names import (
    KNOWN,
    MEANT,
    bound_names,
    called_names,
    loaded_names,
    without_solution_imports,
)
from verifiers.code.tests_words import Words, words_of

PROXY = "candidate"
"""Name of the function under test in a HumanEval test."""
_READING = threading.Lock()


@dataclass(frozen=True)
class Plan:
    """How to test one task."""

    prelude: str
    """Python that runs before the script, in the same module; the proxies come after it."""
    script: str
    """Python for the trusted process; its tests call the proxies."""
    proxies: tuple[tuple[str, str, str], ...]
    """(name in the script, name in the job, mode of sandbox/served.py) of what is the job's."""
    entry_point: str
    """A name that the job must define."""
    shared: tuple[str, ...]
    """Classes of the prompt or the tests whose instances cross."""
    marks: tuple[Mark, ...]
    """Where in the script more happens than Python says."""
    job_prefix: str
    """What stands before the solution: the shared classes that it would not have otherwise."""
    job_suffix: str
    """Appended to the solution; empty for all but a few tasks."""
    packages: frozenset[str]
    """Installed packages that the job needs for the arguments that it gets."""
    function: str
    """The function or class that the task asks for."""
    head: str
    """What an answer may continue: imports, helpers, signature, docstring. Empty for MBPP."""
    preamble: str
    """The head as a module of its own, which a whole function may need before it."""
    num_asserts: int
    """Assert statements in the tests."""


def plan_of(info: dict[str, Any], packages: Sequence[str] = ()) -> Plan:
    """The plan for a task's columns: `test` and `entry_point`, or `test_list`.

    Args:
        packages: those that programs may import (sandbox.packages).

    Raises:
        VerifierError: the columns are missing or mistyped, the tests are not Python, ask what only
            the solution itself could tell, or pass it what it cannot get.
    """
    # Tests may hold integers of any length; the limit on reading them is the whole process's.
    with _READING:
        limit = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            plan = _read(info)
        except SyntaxError as error:
            raise VerifierError(f"code: the task's tests are not Python: {error}") from error
        finally:
            sys.set_int_max_str_digits(limit)
    for package in sorted(plan.packages.difference(packages)):
        raise VerifierError(
            f"code: the tests pass values of {package}, which programs may not import; add it to "
            "sandbox.packages"
        )
    return plan


def _read(info: dict[str, Any]) -> Plan:
    words = words_of(info)
    if isinstance(info.get("test"), str):
        head = _text(info, "prompt", "")
        return _plan_check(head, info["test"], _text(info, "entry_point"), words)
    tests = [*_texts(info, "test_list"), *_texts(info, "challenge_test_list")]
    if not tests:
        raise VerifierError("code: the task has neither test with entry_point nor test_list")
    setup = _text(info, "test_setup_code", "")
    imports = "\n".join(_texts(info, "test_imports"))
    name = _text(info, "entry_point", "")
    return _plan_asserts(tuple(tests), f"{imports}\n{setup}".strip(), name, words)


@lru_cache(maxsize=1024)
def _plan_check(head: str, test: str, entry_point: str, words: Words) -> Plan:
    root = _root_of(entry_point)
    preamble = next((text for text in _completed(head) if _is_python(text)), "")
    head = head if preamble else ""
    test = without_solution_imports(test, root)
    check = next(
        (n for n in ast.parse(test).body if isinstance(n, ast.FunctionDef) and n.name == "check"),
        None,
    )
    if check is None:
        raise VerifierError("code: test does not define check(candidate)")
    parameters = [arg.arg for arg in check.args.args[:1]]
    alias = parameters if entry_point == root else []
    definitions = _lacking(words.definitions, preamble + test)
    prelude = standing_before("", f"{definitions}\n\n{preamble}" if definitions else preamble)
    given = ast.parse(prelude)
    trees = [_renamed(test, alias, root), ast.parse(entry_point)]
    checked = check_tests(trees, given, root, words, is_loose=False, aliases=alias)
    changed = checked.cases.visit(ast.parse(test))
    script = ast.unparse(ast.fix_missing_locations(changed)) if checked.cases.sources else test
    own = bound_names(ast.parse(test))
    # A helper that the tests lack is their fault; a class may be the solution's.
    solutions = [n for n in checked.cases.called if n[:1].isupper() or n.startswith(CASE)]
    named = [name for name in dict.fromkeys((root, *solutions)) if name not in own]
    proxies = [(name, name, checked.mode(name)) for name in named]
    if entry_point == root:
        proxies.append((PROXY, root, checked.mode(root)))
    begin = "".join(f"{line}\n" for line in checked.imports)
    begin += "" if entry_point == root else f"{PROXY} = {entry_point}\n"
    # A check that the module makes itself need not be made again.
    made = {ast.unparse(n.value) for n in ast.parse(test).body if isinstance(n, ast.Expr)}
    is_made = root not in own and made & {f"check({entry_point})", f"check({PROXY})"}
    script = f"{begin}{script}" + ("" if is_made else f"\n\ncheck({PROXY})\n")
    return Plan(
        prelude=prelude,
        script=script,
        proxies=tuple(proxies),
        shared=checked.shared,
        marks=marks_of(script, proxies),
        entry_point=root,
        job_prefix=joined(definitions, checked.prefix),
        job_suffix=_suffix("", checked.cases),
        packages=checked.packages,
        function=root,
        head=head,
        preamble=preamble,
        num_asserts=_num_asserts([ast.parse(test)]),
    )


@lru_cache(maxsize=1024)
def _plan_asserts(tests: tuple[str, ...], setup: str, name: str, words: Words) -> Plan:
    tests = tuple(without_solution_imports(test, name) for test in _whole(tests))
    trees = [ast.parse(test) for test in tests]
    definitions = _lacking(words.definitions, "\n".join([setup, *tests]))
    setup_tree = ast.parse(f"{definitions}\n{setup}")
    bound = bound_names(setup_tree)
    own = frozenset().union(*map(bound_names, trees))
    function = _root_of(name) if name else _function_under_test(trees, bound | own, words)
    setup_in_job = bool(loaded_names(setup_tree) - bound - KNOWN - set(MEANT))
    given = ast.parse("") if setup_in_job else setup_tree
    hidden = bound if setup_in_job else frozenset()
    checked = check_tests(trees, given, function, words, is_loose=True, hidden=hidden)
    lines = [] if setup_in_job else [part for part in (definitions, setup) if part]
    lines = [*checked.imports, *lines]
    lines += [ast.unparse(ast.fix_missing_locations(checked.cases.visit(tree))) for tree in trees]
    script = "\n".join(lines) + "\n"
    proxies = tuple((name, name, checked.mode(name)) for name in checked.cases.called)
    return Plan(
        prelude="",
        script=script,
        proxies=proxies,
        shared=checked.shared,
        marks=marks_of(script, proxies),
        entry_point=function,
        job_prefix=joined(definitions if setup_in_job else "", checked.prefix),
        job_suffix=_suffix(setup if setup_in_job else "", checked.cases),
        packages=checked.packages,
        function=function,
        head="",
        preamble="",
        num_asserts=_num_asserts(map(ast.parse, tests)),
    )


def _lacking(definitions: str, text: str) -> str:
    """Of the definitions in comments those that a text does not have itself."""
    nodes = ast.parse(definitions).body
    own = bound_names(ast.parse(text))
    return "\n\n".join(ast.unparse(n) for n in nodes if getattr(n, "name", "") not in own)


def _suffix(setup: str, cases: Cases) -> str:
    """What follows the solution: the setup, and the calls that are made there as a whole."""
    parts = [part for part in (setup, *cases.sources) if part]
    return "\n" + "".join(f"\n{part}\n" for part in parts) if parts else ""


def _renamed(test: str, aliases: Sequence[str], name: str) -> ast.Module:
    """A test with the parameter of check under the name of what it stands for."""
    tree = ast.parse(test)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in aliases:
            node.id = name
    return tree


def _root_of(entry_point: str) -> str:
    """`Solution` of `Solution().top`; a function's own name."""
    try:
        node: ast.expr = ast.parse(entry_point, mode="eval").body
    except SyntaxError:
        node = ast.Constant(None)
    if isinstance(node, ast.Attribute):
        node = node.value
        node = node.func if isinstance(node, ast.Call) else node
    if not isinstance(node, ast.Name):
        raise VerifierError(
            f"code: column entry_point: {entry_point!r:.80} is neither a function's name nor "
            "Class().method"
        )
    return node.id


def _completed(head: str) -> list[str]:
    """A prompt as it stands, and with a body for its last function."""
    return [head, *(f"{head}{' ' * indent}pass\n" for indent in (4, 8))]


def _whole(tests: tuple[str, ...]) -> tuple[str, ...]:
    """Tests that parse each for itself; lines of one test, where they do so only together."""
    together = "\n".join(tests)
    return tests if all(map(_is_python, tests)) or not _is_python(together) else (together,)


def _function_under_test(trees: Sequence[ast.Module], bound: frozenset[str], words: Words) -> str:
    """The name that most tests call; of several, the first. A builtin's name only where no other is
    called (a task may ask for a function called `sum`)."""
    called = [called_names(tree) for tree in trees]
    known = KNOWN | bound | (set(MEANT) - words.classes)
    own = dict.fromkeys(name for names in called for name in names if name not in known)
    # Classes whose methods alone are used, and those whose attributes are: `Temp.from_f(3)`.
    attributes = [n for t in trees for n in ast.walk(t) if isinstance(n, ast.Attribute)]
    roots = [n.value.id for n in attributes if isinstance(n.value, ast.Name)]
    own |= dict.fromkeys(name for name in roots if name not in known)
    if own:
        return max(own, key=lambda name: sum(name in names for names in called))
    calling = [names for names in called if names]
    common = [n for n in calling[0] if all(n in names for names in calling)] if calling else []
    common = [name for name in common if name not in bound]
    if not common:
        raise VerifierError("code: the asserts of test_list do not all call one function")
    return common[0]


def _num_asserts(trees: Any) -> int:
    return sum(isinstance(node, ast.Assert) for tree in trees for node in ast.walk(tree))


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
