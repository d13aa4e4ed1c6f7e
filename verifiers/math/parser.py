"""From tokens to a tree: a recursive descent over what answers are made of.

    list      item ((, ; or and) item)*
    item      value ((= < <= in ...) value)*       a chain; each value may have a unit

Values are read by quantities.py (units), expressions.py (sums to powers) and atoms.py (numbers,
letters, brackets). Every loop takes tokens and every recursion is counted, so a hostile text costs
what its length says.
"""

from verifiers.math.atoms import Atoms
from verifiers.math.cursor import SEPARATORS, VERBS
from verifiers.math.expressions import CLOSING, RELATIONS
from verifiers.math.notation import Token
from verifiers.math.tree import Node, ParseError, node


def parse(tokens: list[Token], letter_units: bool = True) -> tuple[Node, bool]:
    """The tree of a whole answer, and whether a letter or short word was taken for a unit.

    Args:
        letter_units: read the m of `16 m` as a unit, else as a letter of a product.

    Raises:
        ParseError: something is left over, missing, not known or nested too deep.
    """
    parser = _Parser(list(tokens), letter_units)
    tree = parser.sequence()
    left = parser.peek()
    if left is not None:
        raise ParseError(f"unexpected {left.text!r}")
    return tree, parser.assumed_unit


class _Parser(Atoms):
    def sequence(self) -> Node:
        items: list[Node] = []
        joints: set[str] = set()
        while self.peek() is not None and (self._opens_backwards() or not self.next_is(*CLOSING)):
            items.append(self.item())
            joint = self._separator()
            if not joint:
                break
            joints.add(joint)
        if len(items) == 1:
            return items[0]
        return _listed(items, joints)

    def _opens_backwards(self) -> bool:
        """The first bracket of ]-1, 3[, which is (-1, 3)."""
        before = self.tokens[self.at - 1].text if self.at else "="
        return self.next_is("]") and before in ("=", "cup", "cap", "setminus", "in")

    def _separator(self) -> str:
        """One separator, `, and` included; empty where none stands."""
        found = ""
        while (here := self.peek()) is not None and here.kind in ("op", "word", "cmd"):
            text = here.text.lower() if here.kind == "word" else here.text
            if text not in SEPARATORS:
                break
            self.at += 1
            found = text if text in ("or", "and") else found or text
        return found

    def item(self, before: Node | None = None) -> Node:
        """An item of a list or a matrix; with `before` one that goes on with its next relation."""
        self.deeper()
        first = self.measured() if before is None else before
        parts: list[Node | str] = (
            [first] if first.op != "chain" or before is None else [*first.args]
        )
        while (relation := self.relation()) is not None:
            self.take()
            if self.next_is("&", "="):  # x &= 5, and the doubled sign of `&=` in a box
                self.take()
            parts += [relation, self.measured()]
        self.shallower()
        return first if len(parts) == 1 else node("chain", *_congruent(parts))

    def relation(self) -> str | None:
        """The relation that stands next, if one does."""
        if self.texts(2) == ["&", "="]:
            return "="
        here = self.peek()
        if here is None or here.kind in ("num", "letter"):
            return None
        if here.kind == "word":
            return "=" if here.text.lower() in VERBS else None
        return RELATIONS.get(here.text)


def _congruent(parts: list[Node | str]) -> list[Node | str]:
    """The members of a chain; `x ≡ 5 mod 7` is meant as x ≡ 5 (mod 7)."""
    last = parts[-1]
    if "≡" in parts and isinstance(last, Node) and last.op == "mod":
        return [*parts[:-1], node("residue", *last.args)]
    return parts


def _listed(items: list[Node], joints: set[str]) -> Node:
    if not items:
        raise ParseError("nothing is there")
    words = joints & {"or", "and"}
    if len(words) == 1 and all(item.op == "chain" for item in items):
        return node(words.pop(), *items)
    first, rest = items[0], items[1:]
    named = first.op == "chain" and first.args[1] in ("=", "≡") and len(first.args) == 3
    if named and not any(item.op == "chain" for item in rest):
        return node("chain", *first.args[:-1], node("list", first.args[-1], *rest))  # n = 2, 3, 4
    return node("list", *items)
