"""Where the expressions of a task's tests are decided: a small type check.

    own      in the tests' process: literals, what the tests compute, results that crossed by value
    object   in the job: instances of a class of the solution, and of these what operators give.
             The job is asked for their attributes, items, length; what it says is compared outside
    result   what a function or method of the solution gives: a value, or a handle that can do less

What a test calls is a class of the solution's where the task says so (`class Stack`), or where
something with a capital letter returns what has attributes that no value has. A name with a capital
letter whose results are only measured or indexed (`len(Bag([1]))`) may as well be a function's,
whose answers must be values. So the task has to say which.
"""

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rlsys.errors import VerifierError
from verifiers.code.tests_taint import Binding, bindings, names_in
from verifiers.code.tests_words import Words
from verifiers.sandbox.value_names import ARRAY_NAMES, VALUE_NAMES

TEXTS = frozenset(("str", "repr", "format", "print"))
READERS = frozenset(
    (
        *("len", "list", "tuple", "set", "frozenset", "sorted", "iter", "next", "enumerate", "zip"),
        *("min", "max", "sum", "any", "all", "reversed", "map", "filter", "dict"),
    )
)
"""Builtins that read what an object holds, of the object itself."""
IDENTITY = (ast.Is, ast.IsNot)
ORDERING = frozenset(("sorted", "min", "max", "sum", "set", "frozenset", "Counter"))
"""Functions that compare what they are given."""
_DISPLAYS = (ast.List, ast.Tuple, ast.Set)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)
_HOLDING = (*_DISPLAYS, *_COMPREHENSIONS)


@dataclass(frozen=True)
class Classes:
    """Which names are classes of the solution."""

    sure: frozenset[str] = frozenset()
    likely: frozenset[str] = frozenset()
    """Functions, by an attribute that no value has: `make(3).owner`."""

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.sure | self.likely


class Tree:
    """Tests with the parent of each node."""

    def __init__(self, trees: Sequence[ast.AST]) -> None:
        self.roots = trees
        self.nodes = [node for tree in trees for node in ast.walk(tree)]
        self.bound = bindings(trees)
        imports = [n for n in self.nodes if isinstance(n, ast.Import | ast.ImportFrom)]
        names = [alias for node in imports for alias in node.names]
        self.imported = frozenset((a.asname or a.name).partition(".")[0] for a in names)
        """Names that stand for modules and what they have."""
        modules = {getattr(n, "module", None) or a.name for n in imports for a in n.names}
        uses_numpy = any(module.partition(".")[0] == "numpy" for module in modules)
        self.value_names = VALUE_NAMES | ARRAY_NAMES if uses_numpy else VALUE_NAMES
        self.value_names |= {name for node in self.nodes for name in _fields(node)}
        """Attributes that results have which cross by value, of the task's own classes, too."""
        self._parents = {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def parent(self, node: ast.AST) -> ast.AST:
        """The node that a node is part of."""
        return self._parents.get(node, node)

    def places_of(self, node: ast.AST) -> list[ast.AST]:
        """Where the value of an expression stands: itself, or where its variable is read."""
        parent = self.parent(node)
        target = parent.targets[0] if isinstance(parent, ast.Assign) else None
        if not isinstance(target, ast.Name):
            return [node]
        names = [n for n in self.nodes if isinstance(n, ast.Name) and n.id == target.id]
        return [name for name in names if isinstance(name.ctx, ast.Load)]


def _fields(node: ast.AST) -> Iterator[str]:
    """Attributes that the instances of a class of the tests have."""
    if isinstance(node, ast.ClassDef):
        for part in ast.walk(node):
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                yield part.target.id
            elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                yield part.attr


class Objects:
    """Expressions of the tests that are objects of the job.

    Args:
        classes: the names whose calls make them.
    """

    def __init__(self, tree: Tree, classes: Collection[str]) -> None:
        self._tree = tree
        self._classes = frozenset(classes)
        self._made = self._variables()

    def maker(self, node: ast.AST) -> str | None:
        """The class that an expression is an instance of for certain; None for another one."""
        if isinstance(node, ast.NamedExpr):
            node = node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id if node.func.id in self._classes else None
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            held = set(map(self.of, self._held_by(node.value)))
            return held.pop() if len(held) == 1 else None
        return self._made.get(node.id) if isinstance(node, ast.Name) else None

    def of(self, node: ast.AST) -> str | None:
        """The class that an expression is an instance of, or an operator's result of."""
        if isinstance(node, ast.BinOp):
            return self.of(node.left) or self.of(node.right)
        return self.of(node.operand) if isinstance(node, ast.UnaryOp) else self.maker(node)

    def used_as_objects(self) -> list[ast.BinOp | ast.UnaryOp | ast.AugAssign]:
        """Operators whose results the tests use as objects: `(u + v).x`, `len(a + b)`."""
        return [
            node
            for node in self._tree.nodes
            if (isinstance(node, ast.AugAssign) and self.maker(node.target))
            or (
                isinstance(node, ast.BinOp | ast.UnaryOp)
                and not isinstance(getattr(node, "op", None), ast.Not)
                and self.of(node)
                and self._is_used_as_object(node)
            )
        ]

    def _is_used_as_object(self, node: ast.AST) -> bool:
        parent = self._tree.parent(node)
        if isinstance(parent, ast.BinOp):
            other = parent.right if node is parent.left else parent.left
            return bool(self.of(other)) or self._is_used_as_object(parent)
        if isinstance(parent, ast.UnaryOp) or calls(parent, {"abs"}):
            inside = [part for part in ast.walk(node) if isinstance(part, ast.BinOp)]
            return all(self.of(part.left) and self.of(part.right) for part in inside)
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
            target = parent.targets[0]
            return isinstance(target, ast.Name) and self._is_object_variable(target.id)
        return is_object_use(self._tree, node)

    def _is_object_variable(self, name: str) -> bool:
        reads = [n for n in self._tree.nodes if isinstance(n, ast.Name) and n.id == name]
        reads = [node for node in reads if isinstance(node.ctx, ast.Load)]
        return bool(reads) and all(is_object_use(self._tree, node) for node in reads)

    def _variables(self) -> dict[str, str]:
        """Variables that nothing but calls of one of the classes is assigned to."""
        made: dict[str, str] = {}
        size = -1
        while size != len(made):
            size = len(made)
            for variable, ways in self._tree.bound.items():
                whole = [way for way in ways if not way.is_change]
                names = {name for way in whole for name in self._makers(way, made)}
                if len(names) == 1 and names <= self._classes:
                    made[variable] = names.pop()
        return made

    def _makers(self, way: Binding, made: dict[str, str]) -> set[str]:
        if way.value is None or (way.is_item and not way.is_each):
            return {""}
        values = self._held_by(way.value) if way.is_each else [way.value]
        return {made_by(v) or made.get(getattr(v, "id", ""), "") for v in values}

    def _held_by(self, node: ast.AST) -> list[ast.expr]:
        """What a display holds, or a variable that only ever is one; an empty one where it is
        another expression."""
        ways = self._tree.bound.get(node.id, ()) if isinstance(node, ast.Name) else ()
        if len(ways) == 1 and not ways[0].is_item and ways[0].value is not None:
            node = ways[0].value
        if isinstance(node, _COMPREHENSIONS):
            return [node.elt]
        return node.elts if isinstance(node, _DISPLAYS) else []

    def may_be(self, node: ast.AST) -> str | None:
        """The class of a variable that is an instance by one of its assignments, and something
        else by another: `q = Queue()`, `q = q.add(4)`."""
        ways = self._tree.bound.get(node.id, ()) if isinstance(node, ast.Name) else ()
        makers = {name for way in ways for name in self._makers(way, self._made)}
        return min(makers & self._classes, default=None)

    def holds(self, node: ast.AST) -> str | None:
        """The class of which there are objects in a display, or in a variable that is one."""
        return next(filter(None, map(self.of, self._held_by(node))), None)


def is_object_use(tree: Tree, node: ast.AST) -> bool:
    """Whether what a node stands in asks it for its text, items, length or attributes."""
    parent = tree.parent(node)
    if isinstance(parent, ast.Attribute | ast.Subscript):
        return parent.value is node
    if isinstance(parent, ast.Compare):
        return isinstance(parent.ops[-1], ast.In | ast.NotIn) and parent.comparators[-1] is node
    if isinstance(parent, ast.For | ast.comprehension):
        return parent.iter is node
    return isinstance(parent, ast.FormattedValue | ast.Starred | ast.Expr) or (
        calls(parent, TEXTS | READERS) and parent.func is not node  # type: ignore[attr-defined]
    )


def classes_of(tree: Tree, names: Collection[str], words: Words) -> Classes:
    """Which of the solution's names are classes, or functions that return objects.

    Raises:
        VerifierError: one may be either.
    """
    sure, likely = set(words.classes & set(names)), set[str]()
    for name in sorted(set(names) - sure):
        uses = list(_uses(tree, name))
        taken = [p.attr for n in uses if isinstance(p := tree.parent(n), ast.Attribute)]
        attributes = [node for node in tree.nodes if isinstance(node, ast.Attribute)]
        taken += [node.attr for node in attributes if _is_in(node, name, uses)]
        may_be_class = name[:1].isupper() and "_" not in name and name not in words.functions
        of_itself = [n for n in attributes if isinstance(n.value, ast.Name) and n.value.id == name]
        is_no_function = may_be_class and (
            any(node.attr[:2] != "__" for node in of_itself) or _is_filled(tree, uses)
        )
        if is_no_function or any(attribute not in tree.value_names for attribute in taken):
            (sure if may_be_class else likely).add(name)
        elif may_be_class and _are_objects(tree, uses, set(names)):
            raise VerifierError(
                f"code: nothing tells whether the solution's {name} is a class or a function of "
                f"values; have a column of the task say it (`class {name}`, or `def {name}(`)"
            )
    return Classes(frozenset(sure), frozenset(likely))


def _is_filled(tree: Tree, uses: Sequence[ast.AST]) -> bool:
    """Whether something is made of nothing, and then changed: `s = Stack()`, `s.add(3)`."""
    made = [node for node in uses if isinstance(node, ast.Call)]
    methods = [tree.parent(node) for node in uses if isinstance(tree.parent(node), ast.Attribute)]
    statements = [tree.parent(tree.parent(method)) for method in methods]
    is_empty = not any(node.args or node.keywords for node in made)
    return is_empty and any(isinstance(node, ast.Expr) for node in statements)


def _is_in(node: ast.Attribute, name: str, uses: Sequence[ast.AST]) -> bool:
    """Whether an attribute is taken of a name, or, of one with a capital letter, of an operator's
    result that its results are part of: `(Vec(1) + Vec(2)).x`."""
    if isinstance(node.value, ast.Name):
        return node.value.id == name
    is_operator = isinstance(node.value, ast.BinOp | ast.UnaryOp) and name[:1].isupper()
    return is_operator and any(part in uses for part in ast.walk(node.value))


def _uses(tree: Tree, name: str) -> Iterator[ast.AST]:
    """The places where what a name returns is used: its calls, and variables that hold it; of a
    name with a capital letter also those that may hold something else."""
    variables = Objects(tree, [name])
    for node in tree.nodes:
        may_be = name[:1].isupper() and variables.may_be(node)
        if (variables.maker(node) or may_be) and not _is_store(node):
            yield node


def _is_store(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


def _are_objects(tree: Tree, uses: Sequence[ast.AST], names: set[str]) -> bool:
    """Whether results are somewhere used as objects, and nowhere as values."""
    found = False
    variables = Objects(tree, names)
    for node in uses:
        outer, parent = node, tree.parent(node)
        while isinstance(parent, ast.BinOp | ast.UnaryOp):
            outer, parent = parent, tree.parent(parent)
            found = True
        while isinstance(parent, _HOLDING) or (outer is not node and calls(parent, ORDERING)):
            found = found or isinstance(parent, ast.Call)
            outer, parent = parent, tree.parent(parent)
        if calls(parent, {"round", "isclose", "allclose"}):
            return False
        is_of_two = isinstance(outer, ast.BinOp) and all(
            map(variables.of, (outer.left, outer.right))
        )
        if isinstance(parent, ast.Compare) and not is_object_use(tree, outer) and not is_of_two:
            others = [side for side in (parent.left, *parent.comparators) if side is not outer]
            beside = any(names_in(side) & names or variables.of(side) for side in others)
            if not beside and not isinstance(parent.ops[0], IDENTITY):
                return False
            found = found or all(map(variables.of, others))
        found = found or (is_object_use(tree, outer) and not isinstance(parent, ast.Expr))
    return found


def calls(node: ast.AST, functions: Collection[str]) -> bool:
    """Whether an expression calls one of the functions by its name."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return is_call and node.func.id in functions  # type: ignore[attr-defined]


def made_by(node: ast.AST) -> str:
    """The name whose call gives a value, or, with a capital letter, part of a sum or the like."""
    if isinstance(node, ast.NamedExpr):
        node = node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    sides = [node.left, node.right] if isinstance(node, ast.BinOp) else []
    sides = [node.operand] if isinstance(node, ast.UnaryOp) else sides
    return next((name for name in map(made_by, sides) if name[:1].isupper()), "")
