"""Sets of real numbers: intervals and inequalities in one form, so that each can be the other.

`(3, 8.5)`, `3 < x < 8.5`, `x \\in (3, 8.5)` and `x > 3 \\text{ and } x < 8.5` are the same pieces.
"""

from dataclasses import dataclass
from fractions import Fraction

from verifiers.math.tree import FUNCTIONS, Node, node, num, walk
from verifiers.math.values import TooLargeError, fraction, is_constant, number_at, substituted

_INFINITE = node("const", "inf")
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_MAX_PIECES = 40
_BELOW = ("<", "<=")
_ABOVE = (">", ">=")


@dataclass(frozen=True)
class Piece:
    """An interval: its ends and whether they belong to it."""

    low: Node
    low_closed: bool
    high: Node
    high_closed: bool


@dataclass(frozen=True)
class Region:
    """A set of real numbers, as pieces from left to right, of a variable if one is named."""

    pieces: tuple[Piece, ...]
    variable: Node | None = None


def region_of(tree: Node) -> Region | None:
    """The set that a tree describes; None for what is no interval, inequality or union of these."""
    op, args = tree
    if op == "tuple":
        return _interval(tree)
    if op == "const" and args == ("reals",):
        return Region((Piece(node("neg", _INFINITE), False, _INFINITE, False),))
    if op == "set":
        return _points(args)
    if op in ("union", "or", "meet", "and", "minus"):
        return _combined(op, args)
    if op == "list":
        return _listed(args)
    if op == "chain":
        return _chain(args)
    return None


def is_region(tree: Node) -> bool:
    """Is this an interval or inequality for sure? A pair in round brackets may also be a point."""
    op, args = tree
    if op == "tuple" and len(args) == 4:
        mixed = (args[0], args[1]) in (("(", "]"), ("[", ")"), ("]", "["))
        return mixed or any(is_infinite(end) for end in args[2:])
    if op == "chain":
        if args[1:2] == ("in",):
            return is_region(args[2]) or args[2].op == "tuple"
        return any(part in ("<", "<=", ">", ">=", "!=") for part in args if isinstance(part, str))
    if op in ("union", "or", "meet", "and", "minus"):
        return all(is_region(part) or region_of(part) is not None for part in args)
    if op == "list":
        return all(is_region(part) for part in args)
    return tree == node("const", "reals")


def is_infinite(tree: Node) -> bool:
    """Plus or minus infinity."""
    inner = tree.args[0] if tree.op == "neg" else tree
    return inner == _INFINITE


def _interval(tree: Node) -> Region | None:
    opening, closing, *ends = tree.args
    if len(ends) != 2 or opening not in "([]" or closing not in ")][":
        return None
    return Region((Piece(ends[0], opening == "[", ends[1], closing == "]"),))


def _points(members: tuple[Node, ...]) -> Region | None:
    if not all(map(is_constant, members)):
        return None
    return Region(tuple(Piece(member, True, member, True) for member in _sorted(members)))


def _sorted(members: tuple[Node, ...]) -> list[Node]:
    return sorted(members, key=lambda member: _place(member))


def _place(end: Node) -> float:
    if is_infinite(end):
        return float("-inf") if end.op == "neg" else float("inf")
    return number_at(end, {}).real


def _combined(op: str, args: tuple[Node, ...]) -> Region | None:
    parts = [region_of(part) for part in args]
    regions = [part for part in parts if part is not None]
    if len(regions) != len(args):
        return None
    if sum(len(part.pieces) for part in regions) > _MAX_PIECES:
        return None
    variables = {part.variable for part in regions if part.variable is not None}
    if len(variables) > 1:
        return None
    variable = next(iter(variables), None)
    if op in ("union", "or"):
        pieces = [piece for part in regions for piece in part.pieces]
        return Region(tuple(_merged(pieces)), variable)
    made = regions[0].pieces
    for part in regions[1:]:
        other = part.pieces if op != "minus" else _complement(part.pieces)
        met = (meeting for a in made for b in other if (meeting := _meet(a, b)) is not None)
        made = tuple(met)[:_MAX_PIECES]
    return Region(made, variable)


def _listed(args: tuple[Node, ...]) -> Region | None:
    """Inequalities with commas between: both hold, or either where both cannot."""
    if not all(part.op == "chain" or is_region(part) for part in args):
        return None
    both = _combined("and", args)
    if both is None or any(part.op != "chain" for part in args):
        return _combined("or", args)
    return both if both.pieces else _combined("or", args)


def _chain(args: tuple[Node | str, ...]) -> Region | None:
    members = [part for part in args if isinstance(part, Node)]
    relations = [part for part in args if isinstance(part, str)]
    if relations == ["in"]:
        inner = region_of(members[1])
        is_letter = members[0].op in ("sym", "word")
        return Region(inner.pieces, members[0]) if inner is not None and is_letter else None
    free = [
        at
        for at, member in enumerate(members)
        if not is_constant(member) and not is_infinite(member)
    ]
    at = _variable_at(members, free)
    if at is None:
        return None
    variable = members[at]
    if variable.op == "fn" and variable.args[0] == "abs" and len(members) == 2:
        return _absolute(variable.args[1], relations[0], members[1 - at], at == 0)
    linear = _linear(variable)
    if linear is None:
        return None
    variable = linear.letter
    members = [member if n == at else linear.solved(member) for n, member in enumerate(members)]
    if linear.slope < 0:
        relations = [_FLIPPED.get(relation, relation) for relation in relations]
    if relations == ["!="]:
        other = members[1 - at]
        return Region(_complement((Piece(other, True, other, True),)), variable)
    if not all(relation in (*_BELOW, *_ABOVE) for relation in relations):
        return None
    pieces = [
        _half(relation, members[n], members[n + 1], n == at)
        for n, relation in enumerate(relations)
        if at in (n, n + 1)
    ]
    made: Piece | None = pieces[0]
    for piece in pieces[1:]:
        made = _meet(made, piece) if made is not None else None
    return Region((made,) if made else (), variable) if len(members) == len(pieces) + 1 else None


def _absolute(inner: Node, relation: str, bound: Node, left: bool) -> Region | None:
    """|x - 1| < 2 as (-1, 3), |x| > 3 as all the rest."""
    linear = _linear(inner)
    if linear is None or relation not in (*_BELOW, *_ABOVE):
        return None
    below = (relation in _BELOW) == left
    closed = (relation in ("<=", ">=")) == below
    ends = [linear.solved(node("neg", bound)), linear.solved(bound)]
    low, high = ends if linear.slope > 0 else ends[::-1]
    pieces = (Piece(low, closed, high, closed),)
    return Region(pieces if below else _complement(pieces), linear.letter)


@dataclass(frozen=True)
class _Linear:
    """slope * letter + offset."""

    letter: Node
    slope: Fraction
    offset: Fraction

    def solved(self, bound: Node) -> Node:
        """Where it has this value."""
        if (self.slope, self.offset) == (1, 0):
            return bound
        if is_infinite(bound):
            return bound if self.slope > 0 else _opposite(bound)
        return node("div", node("add", bound, num(-self.offset)), num(self.slope))


def _linear(tree: Node) -> _Linear | None:
    """2x + 3 as such; a letter, or an unknown function of one, is its own variable."""
    if tree.op in ("sym", "word") or (tree.op == "fn" and tree.args[0] not in FUNCTIONS):
        return _Linear(tree, Fraction(1), Fraction(0))
    letters = {part for part in walk(tree) if part.op == "sym"}
    if len(letters) != 1 or any(part.op in ("fn", "const", "word") for part in walk(tree)):
        return None
    letter = letters.pop()
    try:
        at = [fraction(substituted(tree, {letter.args[0]: Fraction(n)})) for n in (0, 1, 2, 5)]
    except TooLargeError:
        return None
    if any(value is None for value in at):
        return None
    zero, one, two, five = (value for value in at if value is not None)
    slope = one - zero
    if not slope or two != zero + 2 * slope or five != zero + 5 * slope:
        return None
    return _Linear(letter, slope, zero)


def _opposite(bound: Node) -> Node:
    return bound.args[0] if bound.op == "neg" else node("neg", bound)


def _variable_at(members: list[Node], free: list[int]) -> int | None:
    """Which member is the variable: the only one that is no number, else the only lone letter."""
    if len(free) == 1:
        return free[0]
    letters = [at for at in free if members[at].op == "sym"]
    return letters[0] if len(letters) == 1 else None


def _half(relation: str, left: Node, right: Node, variable_left: bool) -> Piece:
    """x < 3 as (-inf, 3); also 3 < x, x >= 3."""
    below = (relation in _BELOW) == variable_left
    bound = right if variable_left else left
    closed = relation in ("<=", ">=") and not is_infinite(bound)
    if below:
        return Piece(node("neg", _INFINITE), False, bound, closed)
    return Piece(bound, closed, _INFINITE, False)


def _meet(first: Piece, second: Piece) -> Piece | None:
    low, low_closed = max(
        ((first.low, first.low_closed), (second.low, second.low_closed)),
        key=lambda end: (_place(end[0]), not end[1]),
    )
    high, high_closed = min(
        ((first.high, first.high_closed), (second.high, second.high_closed)),
        key=lambda end: (_place(end[0]), end[1]),
    )
    if _place(low) > _place(high):
        return None
    if _place(low) == _place(high) and not (low_closed and high_closed):
        return None
    return Piece(low, low_closed, high, high_closed)


def _complement(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    made = []
    low, low_closed = node("neg", _INFINITE), False
    for piece in sorted(pieces, key=lambda piece: _place(piece.low)):
        if not is_infinite(piece.low):
            made.append(Piece(low, low_closed, piece.low, not piece.low_closed))
        low, low_closed = piece.high, not piece.high_closed
    if not is_infinite(low) or low.op == "neg":
        made.append(Piece(low, low_closed, _INFINITE, False))
    return tuple(made)


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Sorted from left to right, and joined where one ends in the next."""
    made: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: (_place(piece.low), not piece.low_closed)):
        last = made[-1] if made else None
        touching = last is not None and _place(last.high) == _place(piece.low)
        joined = last is not None and (
            _place(piece.low) < _place(last.high)
            or (touching and (last.high_closed or piece.low_closed))
        )
        if last is None or not joined:
            made.append(piece)
        elif (_place(piece.high), piece.high_closed) > (_place(last.high), last.high_closed):
            made[-1] = Piece(last.low, last.low_closed, piece.high, piece.high_closed)
    return made
