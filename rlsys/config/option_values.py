"""What an option of another program takes, read off the annotation in its text: an import would
take seconds.

    kv_cache_dtype: CacheDType = ...          CacheDType = Literal["auto", "fp8"]: one of these
    max_num_batched_tokens: int | None        a whole number, or null
    reduce_bucket_size: int = Field(5, gt=0)  a whole number above 0

Where an annotation holds anything else, any value is let through.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rlsys.config.ranges import Range
from rlsys.errors import instead

_WORDS: Mapping[type, str] = MappingProxyType(
    {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
)
_BOUNDS = {"ge": "least", "gt": "above", "le": "most", "lt": "below"}
"""Of pydantic's Field."""
Aliases = Callable[[str], ast.expr | None]


@dataclass(frozen=True)
class Taken:
    """Values that an option takes."""

    types: frozenset[type] = frozenset()
    texts: tuple[str, ...] = ()
    null: bool = False
    bounds: Range | None = None

    def refusal(self, value: Any) -> str:
        """What is wrong with a value; empty: nothing."""
        if value is None:
            return "" if self.null else f"expected {self}"
        if isinstance(value, str) and str not in self.types and self.texts:
            return "" if value in self.texts else f"no such value{instead(value, self.texts)}"
        if not self._is_of_a_type(value):
            return f"expected {self}"
        if self.bounds is None or isinstance(value, bool) or not isinstance(value, int | float):
            return ""
        return self.bounds.refusal(value, default=1)

    def _is_of_a_type(self, value: Any) -> bool:
        if isinstance(value, bool):
            return bool in self.types
        if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
            return not self.types.isdisjoint({int, float})
        return type(value) in self.types

    def __str__(self) -> str:
        words = [word for kind, word in _WORDS.items() if kind in self.types]
        return " or ".join([*words, *self.texts, *(["null"] if self.null else [])])


def fields_of(file: Path, classes: tuple[str, ...], aliases: Aliases) -> dict[str, Taken | None]:
    """What each field of some classes takes, by its name, and by the second one that pydantic's
    Field gives it; None: not understood."""
    found: dict[str, Taken | None] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef) or node.name not in classes:
            continue
        for one in node.body:
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                takes = _taken(one.annotation, one.value, aliases)
                found |= dict.fromkeys([one.target.id, *_second_name(one.value)], takes)
    return found


def _second_name(value: ast.expr | None) -> list[str]:
    words = value.keywords if isinstance(value, ast.Call) else []
    return [
        str(word.value.value)
        for word in words
        if word.arg == "alias" and isinstance(word.value, ast.Constant)
    ]


def literals_of(folder: Path) -> Aliases:
    """The meaning of a name that a folder's modules give to some values."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.py"))]

    def meaning(name: str) -> ast.expr | None:
        defined = re.compile(rf"^{name}(?:: TypeAlias)? = (Literal\[[^\]]*\])", re.MULTILINE)
        found = next((match for text in texts if (match := defined.search(text))), None)
        return ast.parse(found[1], mode="eval").body if found else None

    return meaning


def _taken(annotation: ast.expr, value: ast.expr | None, aliases: Aliases) -> Taken | None:
    """What stands in an annotation, with the bounds that its default has, a call of Field; None for
    one that is not understood here.

    Args:
        aliases: the meaning of a name that is none of the language's own types.
    """
    # A text is an annotation that is yet to be read.
    found = None if isinstance(annotation, ast.Constant) else _of(annotation, aliases)
    if found is None or not (isinstance(value, ast.Call) and _name(value.func) == "Field"):
        return found
    bounds = {
        _BOUNDS[word.arg]: float(word.value.value)
        for word in value.keywords
        if word.arg in _BOUNDS
        and isinstance(word.value, ast.Constant)
        and isinstance(word.value.value, int | float)
    }
    limits = Range(
        bounds.get("least"), bounds.get("above"), bounds.get("most"), bounds.get("below")
    )
    return Taken(found.types, found.texts, found.null, limits)


def _of(annotation: ast.expr, aliases: Aliases) -> Taken | None:
    own = {kind.__name__: kind for kind in _WORDS}
    match annotation:
        case ast.Constant(value=None):
            return Taken(null=True)
        case ast.Constant(value=str(word)):
            return Taken(texts=(word,))
        case ast.Name(id=name) if name in own:
            return Taken(frozenset({own[name]}))
        case ast.Name(id=name):
            meaning = aliases(name)
            return _of(meaning, aliases) if meaning else None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _any_of([left, right], aliases)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _any_of([inner, ast.Constant(None)], aliases)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=parts)):
            return _any_of(parts, aliases)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=part):
            return _of(part, aliases)
    return None


def _any_of(parts: list[ast.expr], aliases: Aliases) -> Taken | None:
    found = [_of(part, aliases) for part in parts]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    return Taken(
        frozenset().union(*(one.types for one in known)),
        tuple(text for one in known for text in one.texts),
        any(one.null for one in known),
    )


def _name(called: ast.expr) -> str:
    return called.id if isinstance(called, ast.Name) else ""
