"""The check of a task's tests before any answer is graded: what each name in them stands for, where
each expression is decided, and whether they can be graded at all."""

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from verifiers.code.tests_cases import Cases, Known, import_texts, require_crossing
from verifiers.code.tests_gradable import require_gradable, require_no_streams
from verifiers.code.tests_names import (
    KNOWN,
    MEANT,
    bound_names,
    loaded_names,
    require_bound,
    require_installed,
    without_imports,
)
from verifiers.code.tests_objects import Classes, Objects, Tree, classes_of
from verifiers.code.tests_shared import shared_classes
from verifiers.code.tests_words import Words
from verifiers.sandbox.served import AS_DECLARED, AS_OBJECT, BY_VALUE


@dataclass(frozen=True)
class Checked:
    """What is known of tests that can be graded."""

    cases: Cases
    classes: Classes
    imports: list[str]
    """What the tests use, and forgot to import."""
    shared: tuple[str, ...]
    prefix: str
    packages: frozenset[str]

    def mode(self, name: str) -> str:
        """How the job gives what a name returns."""
        if name in self.classes.sure:
            return AS_DECLARED
        return AS_OBJECT if name in self.classes.likely else BY_VALUE


def check_tests(
    trees: Sequence[ast.Module],
    given: ast.Module,
    function: str,
    words: Words,
    *,
    is_loose: bool,
    hidden: frozenset[str] = frozenset(),
    aliases: Sequence[str] = (),
) -> Checked:
    """Find out what the names in tests stand for, and whether the tests can be graded.

    Args:
        given: what runs before the tests in their process: the prompt, or the setup.
        is_loose: names that nobody binds may be functions of the solution, not only classes.
        hidden: names that a setup binds in the job.
        aliases: other names of the function.

    Raises:
        VerifierError: they cannot.
    """
    in_prompt = bound_names(given) - {function}
    outside = (frozenset().union(*map(bound_names, trees)) - {function}) | in_prompt
    read = frozenset().union(*map(loaded_names, (*trees, given))) - outside - {function}
    meant = {n for n in read - hidden if n in MEANT and n not in words.classes}
    imports = without_imports((read & sys.stdlib_module_names) | meant)
    outside |= bound_names(ast.parse("\n".join(imports)))
    tree = Tree([*trees, given, ast.parse("\n".join(imports))])
    packages = require_installed(tree.roots)
    unbound = frozenset().union(*map(loaded_names, trees)) - outside - KNOWN - hidden
    names = unbound | {function}
    calls = [n for n in tree.nodes if isinstance(n, ast.Call) and _is_asked(n, names | {*aliases})]
    require_bound(unbound - {function} - _solution_names(tree, calls, is_loose))
    classes = classes_of(tree, names, words)
    require_no_streams(trees)
    require_gradable(tree, names, classes, outside, words.told)
    shared = shared_classes(tree, function, in_prompt)
    known = Known(function, outside, in_prompt | set(shared), frozenset(shared), frozenset(aliases))
    arrays = require_crossing(tree, calls, packages)
    texts = import_texts(tree)
    sent = [node for name, node in shared.items() if not (name in in_prompt and not is_loose)]
    needed = {texts[n] for node in sent for n in loaded_names(node) if n in texts}
    return Checked(
        Cases(tree, known, Objects(tree, classes.all)),
        classes,
        imports,
        tuple(shared),
        joined(*sorted(needed), *map(ast.unparse, sent)),
        frozenset({"numpy"} if arrays else ()),
    )


def _is_asked(call: ast.Call, names: frozenset[str]) -> bool:
    root: ast.expr = call.func
    while isinstance(root, ast.Attribute | ast.Call):
        root = root.value if isinstance(root, ast.Attribute) else root.func
    return isinstance(root, ast.Name) and root.id in names


def _solution_names(tree: Tree, calls: Sequence[ast.Call], is_loose: bool) -> set[str]:
    """Names that nobody binds and that may be the solution's: classes, arguments of its functions,
    and functions where the tests are a list of asserts."""
    found = {n for call in calls for n in _names_of_arguments(call)}
    for node in tree.nodes:
        base: ast.AST | None = node.value if isinstance(node, ast.Attribute) else None
        base = node.func if isinstance(node, ast.Call) else base
        if isinstance(base, ast.Name) and (
            base.id[:1].isupper() or (is_loose and isinstance(node, ast.Call))
        ):
            found.add(base.id)
    return found


def _names_of_arguments(call: ast.Call) -> frozenset[str]:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return frozenset().union(*map(loaded_names, given))


def joined(*parts: str) -> str:
    """Pieces of source, one after the other."""
    return "\n\n".join(part for part in parts if part)
