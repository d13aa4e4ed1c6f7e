"""Answers in words, and short words that are products of letters.

`Yes` is yes, `no solution` is the empty set, and `ab` may be the product of a and b, which is ba;
the points ABC are not CBA, and no word is its anagram.
"""

import re

from verifiers.math.tree import FUNCTIONS, Node, node

_WORDS_OF_LETTERS = frozenset(
    (
        *("no", "on", "yes", "odd", "one", "two", "six", "ten", "may", "red", "all", "any", "day"),
        *(
            "now",
            "own",
            "won",
            "not",
            "dog",
            "god",
            "cat",
            "act",
            "tan",
            "ant",
            "arc",
            "car",
            "eat",
        ),
        *(
            "tea",
            "was",
            "saw",
            "mon",
            "tue",
            "wed",
            "thu",
            "fri",
            "sat",
            "sun",
            "jan",
            "feb",
            "mar",
        ),
        *(
            "apr",
            "jun",
            "jul",
            "aug",
            "sep",
            "oct",
            "nov",
            "dec",
            "am",
            "pm",
            "in",
            "if",
            "is",
            "it",
        ),
    )
)

_SAME_TEXT = (
    ("no solution", "no solutions", "no real solution", "no real solutions", "none", "empty",
     "empty set", "the empty set", "null set", "no such value", "no values", "no value"),
    ("dne", "does not exist", "doesn't exist", "limit does not exist", "the limit does not exist"),
    ("all real numbers", "all reals", "all real x", "all real values", "any real number",
     "every real number", "all real values of x", "real numbers", "the set of all real numbers"),
    ("converges", "convergent", "it converges"),
    ("diverges", "divergent", "it diverges"),
    ("infinity", "positive infinity", "infinite"),
    ("infinitely many", "infinitely many solutions", "infinite solutions"),
)  # fmt: skip

_KIND = re.compile(r"(?<=\w) (?:functions?|numbers?|integers?|series|sequence)$")
"""A noun that says of what kind the thing is: an odd function is odd."""
_TEXT_CLASS = {text: texts[0] for texts in _SAME_TEXT for text in texts}


def is_text(tree: Node) -> bool:
    return tree.op in ("word", "text")


def is_letter(tree: Node) -> bool:
    return tree.op in ("sym", "const", "word", "text") and len(tree.args[0]) == 1


def text_of(word: Node) -> str:
    text = " ".join(word.args[0].lower().replace("-", " ").split())
    if text not in _TEXT_CLASS:
        text = text.removeprefix("on ").removeprefix("the ").removeprefix("a ").removeprefix("an ")
        text = _KIND.sub("", text)
    return _TEXT_CLASS.get(text, text)


def product_of(word: Node) -> Node | None:
    """The letters of a short word as a product: ab, xyz, 2AB; None for what is a word."""
    letters = word.args[0]
    if word.op != "word" or not letters.isascii() or not letters.isalpha():
        return None
    return node("mul", *(_letter(letter) for letter in letters))


def same_words(first: Node, second: Node) -> bool:
    """Equal texts, in any case; two or three letters that are no word keep theirs: ab is not AB."""
    names = (first.args[0], second.args[0])
    letters = len(names[0]) in (2, 3) and names[0].isalpha() and names[0].isascii()
    if letters and names[0].lower() not in _WORDS_OF_LETTERS and first.op == second.op == "word":
        return names[0] == names[1]
    return text_of(first) == text_of(second)


def same_product(first: Node, second: Node) -> bool:
    """ab and ba, which are no words and no names of points."""
    words = (first.args[0], second.args[0])
    products = all(tree.op == "word" for tree in (first, second)) and words[0].islower()
    return (
        products
        and len(words[0]) <= 3
        and words[0] not in _WORDS_OF_LETTERS
        and sorted(words[0]) == sorted(words[1])
    )


def _letter(name: str) -> Node:
    return node("const", name) if name in "ei" else node("sym", name)


def algebra(tree: Node) -> Node:
    """The tree with short words inside calculations as products of letters: 2ba is 2*b*a."""
    if tree.op in ("num", "sym", "const", "word", "text"):
        return tree
    inside = tree.op in _CALCULATIONS or (tree.op == "fn" and tree.args[0] in FUNCTIONS)
    return Node(
        tree.op,
        tuple(
            part
            if not isinstance(part, Node)
            else (product_of(part) or part)
            if inside and part.op == "word"
            else algebra(part)
            for part in tree.args
        ),
    )


_CALCULATIONS = frozenset(
    ("add", "mul", "div", "pow", "neg", "fact", "binom", "mod", "pm", "percent", "deg")
)
