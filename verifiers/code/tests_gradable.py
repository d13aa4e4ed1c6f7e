"""Which tests cannot be graded, since only the solution's own methods could decide them.

The job may be asked for values, which are compared outside. It is never asked whether an answer is
right: whether its objects are equal, whether what a function returned `.equals(...)` what is
expected. Nor can an object of the job go where Python would look at more than a handle has.
"""

import ast
from collections.abc import Collection, Sequence

from rlsys.errors import VerifierError
from verifiers.code.tests_names import called_names
from verifiers.code.tests_objects import (
    IDENTITY,
    ORDERING,
    Classes,
    Objects,
    Tree,
    calls,
    made_by,
)
from verifiers.code.tests_taint import answered_names, names_in

_COMPARING = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__")
_OF_THE_CLASS = ("__class__", "__dict__", "__doc__", "__module__", "__annotations__", "__slots__")
_FUNCTIONS = ("builtins.input", "builtins.print")
_STREAMS = frozenset(("sys.stdin", "sys.stdout", "sys.stderr", *_FUNCTIONS))
_CATCHING = ("redirect_stdout", "redirect_stderr")
_OF_NUMBERS = ("abs", "float", "int", "round")
_OF_LISTS = ("sort", "index", "count", "remove")
"""Methods of a list that compare its items."""


def require_gradable(
    tree: Tree,
    names: Collection[str],
    classes: Classes,
    outside: Collection[str],
    told: Collection[str],
) -> None:
    """Look at all tests.

    Args:
        names: the solution's names.
        outside: names that are bound in the tests' process, methods of its classes among them.
        told: words of the task, which may name functions of the solution.

    Raises:
        VerifierError: a test asks what only the solution could tell.
    """
    _Look(tree, frozenset(names), classes, frozenset(outside), frozenset(told)).at_all()


def require_no_streams(tests: Sequence[ast.AST]) -> None:
    """Refuses tests that give the solution something to read, or catch what it prints.

    Raises:
        VerifierError: it reads and prints where it runs, so that no answer could pass.
    """
    tree = Tree(tests)
    for node in tree.nodes:
        name = _dotted(node)
        if isinstance(tree.parent(node), ast.Attribute | ast.keyword):
            continue  # `sys.stdout.flush()`, `print(file=sys.stderr)`
        is_patch = isinstance(node, ast.Constant) and node.value in _STREAMS
        is_own = name in _FUNCTIONS and isinstance(getattr(node, "ctx", None), ast.Load)
        if is_patch or (name in _STREAMS and not is_own) or name.endswith(_CATCHING):
            raise _refusal(
                node,
                "is about input or output, and the solution reads and prints in another process; "
                "take programs with stdin (code_programs) for that",
            )


class _Look:
    """A look at each node."""

    def __init__(
        self,
        tree: Tree,
        names: frozenset[str],
        classes: Classes,
        outside: frozenset[str],
        told: frozenset[str],
    ) -> None:
        self._tree, self._names, self._classes = tree, names, classes
        self._outside, self._told = outside, told
        self._objects = Objects(tree, classes.all)
        self._answered = answered_names(tree.roots, names, tree.bound)

    def at_all(self) -> None:
        """Raises VerifierError at the first that cannot be graded."""
        for node in self._tree.nodes:
            if isinstance(node, ast.Compare):
                self._at_comparison(node)
            elif isinstance(node, ast.Call):
                self._at_call(node)
            elif isinstance(node, ast.Attribute):
                self._at_attribute(node)
            elif isinstance(node, ast.BinOp):
                self._at_operator(node)
            elif isinstance(node, ast.Set | ast.Dict):
                keys = node.elts if isinstance(node, ast.Set) else node.keys
                if any(key is not None and self._objects.maker(key) for key in keys):
                    raise _refusal(node, "puts an object of the solution where its hash counts")
            elif isinstance(node, ast.withitem) and self._objects.maker(node.context_expr):
                raise _refusal(node.context_expr, "opens an object of the solution in a `with`")

    def _at_comparison(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            if isinstance(operator, IDENTITY):
                continue
            is_in = isinstance(operator, ast.In | ast.NotIn)
            looked_at = (left,) if is_in else (left, right)
            if any(isinstance(side, ast.Constant) and side.value is None for side in looked_at):
                continue
            made = [self._objects.maker(side) or self._member(side) for side in looked_at]
            if not is_in:
                made += [self._object_beside(left, right), self._object_beside(right, left)]
                made += [self._objects.of(left) and self._objects.of(right)]
            made += map(self._objects.holds, (right,) if is_in else (left, right))
            if is_in and not self._objects.maker(right):
                made.append(self._objects.may_be(right))
            name = next(filter(None, made), None)
            if name is not None:
                raise _refusal(
                    node,
                    f"compares an object of the solution's {name}, which only the solution's own "
                    "methods could do; compare its attributes, or what its methods return",
                )

    def _member(self, node: ast.AST) -> str | None:
        """The class whose attribute an expression is: `Color.RED`."""
        is_member = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        name = node.value.id if is_member else ""  # type: ignore[attr-defined]
        return name if name in self._classes.all and name[:1].isupper() else None

    def _object_beside(self, side: ast.AST, other: ast.AST) -> str | None:
        """`Point` of `f(3) == Point(1, 2)`: a name with a capital letter, called beside something
        else of the solution's. Beside a value, it may be a function."""
        name = made_by(side)
        is_class = name in self._names and name[:1].isupper()
        return name if is_class and self._names & set(called_names(other)) else None

    def _at_call(self, node: ast.Call) -> None:
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Name):
            self._at_call_by_name(node, node.func.id, arguments)
        elif isinstance(node.func, ast.Attribute):
            is_of_list = node.func.attr in _OF_LISTS and not node.keywords
            if is_of_list and self._objects.holds(node.func.value):
                raise _refusal(node, "orders or compares objects of the solution")
            if self._asks_for_the_verdict(node, node.func, arguments):
                raise _refusal(
                    node,
                    f"tells the solution's own .{node.func.attr}() what is expected, and believes "
                    "what it says; compare a value instead",
                )
            root = _root(node.func)
            if root in self._outside and root not in self._answered:
                self._require_no_object(node, arguments)

    def _at_call_by_name(self, node: ast.Call, name: str, arguments: list[ast.expr]) -> None:
        if name in ("isinstance", "issubclass"):
            if names_in(ast.Tuple(node.args[1:], ast.Load())) & self._names:
                raise _refusal(
                    node,
                    "asks for a class of the solution, which is known only where the solution runs",
                )
        elif name in ("type", "hash", "vars", "id") and any(map(self._objects.maker, arguments)):
            raise _refusal(node, "asks for more of an object of the solution than its values")
        elif name in ORDERING and any(map(self._objects.holds, arguments)):
            if name == "sum" or not any(keyword.arg == "key" for keyword in node.keywords):
                raise _refusal(node, "orders or compares objects of the solution")
        elif name in self._tree.imported:
            self._require_no_object(node, arguments)
        elif name in self._names - self._classes.all - self._told:
            self._require_no_judge(node, name, arguments)

    def _require_no_judge(self, node: ast.Call, name: str, arguments: list[ast.expr]) -> None:
        """Refuses `assert same(f(3), [1])`, where `same` is the solution's word as much as f is."""
        others = self._names - self._classes.all - {name}
        answers = set().union(*map(names_in, arguments))
        for variable in answers & set(self._tree.bound):
            for way in self._tree.bound[variable]:
                answers |= names_in(way.value) if way.value is not None else set()
        if answers & others and self._may_be_a_verdict(node, is_told=len(arguments) > 1):
            raise _refusal(
                node,
                f"asks {name}, which the tests do not define, about what another of its functions "
                "returned; define or import it",
            )

    def _may_be_a_verdict(self, node: ast.Call, is_told: bool) -> bool:
        """Whether what a call gives may decide a test by itself.

        Args:
            is_told: the call is told what is expected, so that a number near zero may decide, too.
        """
        parent = self._tree.parent(node)
        while isinstance(parent, ast.BoolOp | ast.UnaryOp):
            parent = self._tree.parent(parent)
        if isinstance(parent, ast.Compare) and len(parent.ops) == 1 and is_told:
            other = parent.comparators[0] if parent.left is node else parent.left
            is_equal = isinstance(parent.ops[0], ast.Eq) and isinstance(other, ast.Constant)
            return not is_equal or _is_a_sign(other.value)  # type: ignore[attr-defined]
        if isinstance(parent, ast.Assert | ast.If | ast.While):
            return True
        return is_told and not isinstance(parent, ast.Expr)

    def _at_operator(self, node: ast.BinOp) -> None:
        """Refuses `abs(Root(9) - 3) < 1e-6`: told what is expected, the solution's operator may
        say that nothing is left."""
        sides = (node.left, node.right)
        is_told = any(map(self._objects.maker, sides)) and not all(map(self._objects.of, sides))
        if is_told and any(map(self._decides_by_its_sign, self._tree.places_of(node))):
            raise _refusal(node, "asks the solution's own operators how far off an answer is")

    def _decides_by_its_sign(self, node: ast.AST) -> bool:
        """Whether a test holds where an expression is zero, near it, or true."""
        parent = self._tree.parent(node)
        while isinstance(parent, ast.BinOp | ast.UnaryOp) or calls(parent, _OF_NUMBERS):
            node, parent = parent, self._tree.parent(parent)
        if not isinstance(parent, ast.Compare):
            return isinstance(parent, ast.BoolOp | ast.Assert | ast.If | ast.While)
        others = [side for side in (parent.left, *parent.comparators) if side is not node]
        if all(isinstance(side, ast.Constant) for side in others):
            return any(_is_a_sign(side.value) for side in others)  # type: ignore[attr-defined]
        return not isinstance(parent.ops[0], ast.Eq | ast.NotEq)

    def _require_no_object(self, node: ast.Call, arguments: list[ast.expr]) -> None:
        if any(map(self._objects.maker, arguments)):
            raise _refusal(node, "passes an object of the solution to code that needs the whole")

    def _asks_for_the_verdict(
        self, node: ast.Call, function: ast.Attribute, arguments: list[ast.expr]
    ) -> bool:
        """Whether a method of a result is told something, and may decide a test by itself."""
        # Methods of values are the value's own, but where a function returns an object for certain.
        is_of_object = self._objects.maker(function.value) in self._classes.likely
        is_of_value = function.attr in self._tree.value_names and not is_of_object
        if not arguments or is_of_value or function.attr in self._outside:
            return False
        return self._is_result(function.value) and self._may_be_a_verdict(node, is_told=True)

    def _is_result(self, node: ast.AST) -> bool:
        """Whether an expression is what a function or a method of the solution returned."""
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                return node.func.id in self._names - self._classes.sure
            return bool(names_in(node.func) & (self._names | self._answered))
        if isinstance(node, ast.BinOp):
            return self._is_result(node.left) or self._is_result(node.right)
        if isinstance(node, ast.UnaryOp):
            return self._is_result(node.operand)
        if isinstance(node, ast.Attribute | ast.Subscript):
            return self._is_result(node.value)
        if isinstance(node, ast.Name):
            made = self._objects.maker(node)
            return node.id in self._answered and made not in self._classes.sure
        return False

    def _at_attribute(self, node: ast.Attribute) -> None:
        is_own = self._objects.maker(node.value) is not None
        is_global = isinstance(node.value, ast.Name) and node.value.id in self._names
        is_function = is_global and node.attr in _OF_THE_CLASS[:3]
        is_off = isinstance(node.value, ast.BinOp) and self._is_result(node.value)
        if is_off and not self._objects.of(node.value) and node.attr not in self._tree.value_names:
            raise _refusal(node, "asks the solution's own operators how far off an answer is")
        if (is_own and node.attr in _COMPARING + _OF_THE_CLASS) or is_function:
            raise _refusal(node, "asks for more of the solution than its values")


def _dotted(node: ast.AST) -> str:
    """`sys.stdin`, or a name; empty for another expression."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_a_sign(value: object) -> bool:
    """Whether a constant may be what any comparison says: true, zero."""
    return value is None or (isinstance(value, int | float) and abs(value) <= 1)


def _refusal(node: ast.AST, reason: str) -> VerifierError:
    return VerifierError(f"code: the test {ast.unparse(node)!r:.120} {reason}")
