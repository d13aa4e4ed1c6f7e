"""The tree that an answer is read into, and how it is shown to people.

A node is an operation and its arguments: other nodes, texts or numbers. The operations:

    num value decimals        a literal; `decimals` digits stood behind its point
    sym name                  a letter, with its index if it has one: x, x_1, \\theta
    const pi|e|i|inf          what these letters stand for
    word text                 letters that may be a product: ab, ABC
    text words                words: Evelyn, no solution
    mixed value, repeating value   2 1/2 and 0.333..., as one number
    add a b ..., mul a b ..., div a b, pow a b, neg a, pm a b, fact a, binom n k, mod a b
    fn name a ...             sin, log, sqrt, abs, floor, gcd, f, ...
    unit a words              17 apples; also percent a, deg a
    list a b ..., tuple "(" ")" a b ..., set a b ..., matrix row ..., row a b ...
    chain a "=" b "<" c ...   equations and inequalities
    union a b, meet a b, minus a b, ratio a b ..., based digits base
    residue a m                    5 (mod 7)
    or a b, and a b           relations joined by these words
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

_INFIX = {"add": " + ", "mul": "*", "div": "/", "pow": "^", "union": " ∪ ", "meet": " ∩ "}
_INFIX |= {"minus": " \\ ", "ratio": ":", "mod": " mod ", "or": " or ", "and": " and ", "pm": " ± "}
_SHOWN_DIGITS = 60


class ParseError(ValueError):
    """The text is not an answer of this grammar."""


class Node(NamedTuple):
    """An operation and its arguments."""

    op: str
    args: tuple[Any, ...]


def num(value: Fraction | int, decimals: int = 0) -> Node:
    """A literal number."""
    return Node("num", (Fraction(value), decimals))


def node(op: str, *args: Any) -> Node:
    """Any other node."""
    return Node(op, args)


def walk(tree: Node) -> Iterator[Node]:
    """All nodes of a tree."""
    stack = [tree]
    while stack:
        here = stack.pop()
        yield here
        stack.extend(argument for argument in here.args if isinstance(argument, Node))


def symbols(tree: Node) -> frozenset[str]:
    """Names of the letters in a tree, applied functions (f of f(3)) included."""
    return frozenset(
        here.args[0]
        for here in walk(tree)
        if here.op in ("sym", "word") or (here.op == "fn" and here.args[0] not in FUNCTIONS)
    )


def nested(tree: Node) -> list[Any]:
    """The tree as lists, texts and [numerator, denominator] in hex: what JSON can carry."""
    return [tree.op, *(_plain(argument) for argument in tree.args)]


def show(tree: Node) -> str:
    """The tree as a person would write it."""
    op, args = tree
    if op == "num":
        return _number(*args)
    if op in ("mixed", "repeating"):
        return _number(args[0], 0)
    if op in ("sym", "const", "word", "text"):
        return str(args[0])
    if op in _INFIX:
        return _INFIX[op].join(_bracketed(argument, op) for argument in args)
    if op in ("neg", "fact", "percent", "deg", "unit"):
        before, after = {
            "neg": ("-", ""),
            "fact": ("", "!"),
            "percent": ("", "%"),
            "deg": ("", "°"),
        }.get(op, ("", f" {args[-1]}"))
        return before + _bracketed(args[0], op) + after
    if op == "chain":
        return " ".join(part if isinstance(part, str) else show(part) for part in args)
    if op == "residue":
        return f"{show(args[0])} (mod {show(args[1])})"
    if op == "based":
        return f"{args[0]} in base {args[1]}"
    inner = ", ".join(show(part) for part in args if isinstance(part, Node))
    if op == "tuple":
        return f"{args[0]}{inner}{args[1]}"
    if op == "fn":
        return f"{args[0]}({inner})"
    return {"set": f"{{{inner}}}", "list": inner, "matrix": f"[{inner}]", "row": f"[{inner}]"}.get(
        op, f"{op}({inner})"
    )


FUNCTIONS = frozenset(
    (
        *("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "arccot"),
        *("sinh", "cosh", "tanh", "coth", "ln", "log", "exp", "sqrt", "root", "abs", "floor"),
        *("ceil", "gcd", "lcm", "max", "min"),
    )
)
"""Functions that are known by name; any other `fn` is a letter that is applied, as f(3)."""


def _number(value: Fraction, decimals: int) -> str:
    digits = f"{abs(value.numerator)}"
    if len(digits) > _SHOWN_DIGITS or value.denominator > 10**_SHOWN_DIGITS:
        return f"a number of {len(digits)} digits"
    if decimals and value * 10**decimals == int(value * 10**decimals):
        whole = str(abs(int(value * 10**decimals))).rjust(decimals + 1, "0")
        return f"{'-' if value < 0 else ''}{whole[:-decimals]}.{whole[-decimals:]}"
    return str(value)


def _bracketed(argument: Any, outer: str) -> str:
    text = show(argument) if isinstance(argument, Node) else str(argument)
    inner = argument.op if isinstance(argument, Node) else ""
    loose = {"add", "neg", "pm", "mul", "div"}
    tight = {"mul", "div", "pow", "neg", "fact", "percent", "deg"}
    if inner == "num" and outer in ("pow", "fact") and text.startswith("-"):
        return f"({text})"
    return f"({text})" if inner in loose and outer in tight else text


def _plain(argument: Any) -> Any:
    if isinstance(argument, Node):
        return nested(argument)
    if isinstance(argument, Fraction):
        return [hex(argument.numerator), hex(argument.denominator)]
    return argument
