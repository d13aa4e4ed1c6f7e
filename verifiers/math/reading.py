"""A text read as an answer: what it was cleaned to, and the tree that it became."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from verifiers.extract import unmarked
from verifiers.math.chains import says_nothing_else
from verifiers.math.notation import MAX_CHARS, canonical, tokens_of, unicode_as_latex
from verifiers.math.parser import parse
from verifiers.math.tree import Node, ParseError, node, num, show

_WRAPPERS = (
    *(("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"), ("__", "__")),
    *(("```", "```"), ("`", "`"), ('"', '"'), ("'", "'"), ("*", "*"), ("{", "}"), ("(", ")")),
)
_MAX_LAYERS = 30
_OPENINGS = frozenset(opening[0] for opening, _ in _WRAPPERS)
_BARE = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_CHANGING_CHINESE = (
    "不|非|没|未|无|至少|至多|超过|[低高大小]于|半|倍|分之|倒数|反数|[平立]方|或|除了?[0-9]"
)
_CHANGED_CHINESE = re.compile(
    r"[0-9}$)](?:\s|\\[,;: ])*(?:的|次方|个?百分点|[^0-9]{0,2}以[上下内外])"
    r"|(?:根号|减去|乘以|除以|[大小高低多少]于|超过|不足|不到|至少|至多|[并绝]非|不[是为]|不等于|比)[是为]?\s*(?=[-0-9$\\])"
)
"""What makes another value of a number in Chinese: its square, a bound."""
_LEAD = re.compile(
    r"(?:so|thus|hence|therefore|consequently|finally|then|altogether|overall|in\s+(?:total|all|conclusion)),?\s+"
    r"|(?:the\s+|my\s+)?(?:final\s+|correct\s+)?answer\b\s*(?:is\b|=)?\s*:?\s*"
    r"|(?:the\s+)?(?:year|ratio|value|total|number|result)\s+(?:(?:of|is)\s+)?(?=[-0-9$\\])"
    r"|(?:exactly|approximately|about|roughly|around|nearly|almost|simply|just|equals?|only|the(?=\s+[0-9$\\]))\s+"
    r"|\\(?:approx|therefore|because|implies|Rightarrow|quad|qquad)(?![A-Za-z])\s*|[=:≈~⇒∴]\s*|选项?(?=\s*[A-Z（(])"
    rf"|(?:(?:因此|所以|故|答|综上)[,:]?\s*)?(?:(?!{_CHANGING_CHINESE})[\u4e00-\u9fff]){{1,12}}(?:[是为]|等于|:)\s*(?=[-0-9$\\])"
    r"|第\s*(?=[0-9]+$)",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[A-Za-z][A-Za-z ]{2,40}:\s*(?=\S)")
_ENDS_WORD = re.compile(r"[A-Za-z]{2}[!?]$")
_TAILS = (
    *(
        r"\,",
        r"\;",
        r"\:",
        r"\!",
        "\\ ",
        r"\quad",
        r"\qquad",
        "\\",
        "~",
        ",",
        ";",
        "。",
        "，",
        "；",
    ),
    *("选项", "项"),
)
_CHANGING = re.compile(
    r"\b(?:squared|cubed|factorial|over|between|least|most|not|one\s+of|mean|(?:less|more)(?!\s+(?!than\b)[a-z]{3})|than|half|halved"
    r"|twice|double[ds]?|triple[ds]?|wrong|incorrect|neither|nor|or|maybe|perhaps|probably|negative"
    r"|minus|plus|times|below|above|under|base|out\s+of|point|thousands?|millions?|billions?"
    r"|hundreds?|dozens?|except|without|but|reciprocal|inverse|multiple|no|(?:square|cube)\s+(?:of|root)|roots?"
    r"|opposite|product|difference|quotient|remainder|power)\b|n't\b",
    re.IGNORECASE,
)
"""Words that make another value of a number, or none, wherever they stand in its sentence."""
_REFERENCE = re.compile(
    r"(?:by|from|see|cf\.)?\s*(?:eqs?|eqn|figs?|thm|secs?|ch|pp?|refs?|nos?)\.?\s*\(?[0-9]",
    re.IGNORECASE,
)
_CITED = re.compile(r"(?<=[0-9A-Za-z}$)]) \[[0-9]{1,2}\]$")
"""The mark of a reference: 23 [1]."""
_FORMULA_SIGNS = re.compile(r"mod\b|sqrt|log|sin|cos|tan|frac|pi|[=<>^\\]")
_LONG_SENTENCE = 8
"""Words from which on a sentence explains, so that its last number is its answer."""
_TEXTED = re.compile(r"\\(?:text|mbox|textbf|textrm|textit|mathrm|textnormal)\s*\{([^{}]*)\}")
_CHOICE = re.compile(
    r"(?:(?:the\s+)?(?:correct\s+)?(?:option|choice|answer)\s*(?:is\s+)?:?\s*)?"
    r"(?:\(([A-J])\)|([A-J])(?:[.):,](?!\s*(?-i:[A-Z])\b)|\s*$))\s*:?\s*",
    re.IGNORECASE,
)
_SPACING = re.compile(r"\\[,;:! ]|[\s~]")
_WORD = re.compile(r"(?<!\\)(?<![A-Za-z])[A-Za-z]{2,}|[\u4e00-\u9fff]{2}")
_REASON = re.compile(r",?\s+(?:because|since|as)\s|,\s*因为", re.IGNORECASE)
_LEADS_TO = re.compile(
    r"\b(?:fell|rose|came|went|grew|(?!not)[a-z]{2,}(?:s|ed)(?<!as|is))\s+to\s+(?=[-$\\]?[0-9])"
    r"|(?<=[a-z])\s+to\s+(?=[a-z]{2})",
    re.IGNORECASE,
)
"""A `to` that changes no value: `dropped to -5`, `12 eggs to bake it`."""
_NUMBERS = re.compile(r"[0-9][0-9.,/ ]*(?:(?:[-+*×÷][0-9.,/ ]+)*=\s*[0-9.]+)?")
_LETTER = re.compile(r"(?<![A-Za-z'\\$])[b-zB-HJ-Z](?![A-Za-z'.])(?!\s*=)")
"""A letter by itself, which a sentence with a number does not hold unless it is a part of it."""
_NO_OPTION = re.compile(
    r"[,;+*/=<>-]\s*\S|(?:or|and|is|are|not|nor|but|vs|isn't|wasn't)\b|\(?[b-zB-Z]\)?(?![A-Za-z0-9])"
    r"|\([0-9]",
)
"""What stands behind the letter of an option and is not its text: (A) or (B), (A) is wrong."""
_ANOTHER = re.compile(r"\([A-J]\)")
_CONDITION = re.compile(
    r",(?:\s|\\q?quad|\\[,;:! ])*[a-z]\s*\\neq?(?![a-z]).{1,40}$|"
    r"(?:[\s,]|\\q?quad|\\[,;:! ])+(?:(?:\\text\s*\{\s*)?\b(?:for|where|when)\b.{1,80}"
    r"|\([a-z]\s*(?:[<>]|\\[lg]e|\\ne).{1,40}\))$"
)
"""For which values an expression holds: 2n + 1 for n >= 1."""
_PAIR = re.compile(r"[(\[]\s*-?[0-9]{1,3},[0-9]{3}\s*[)\]]")
"""(1,200) is a pair."""
_INDIAN = re.compile(r"(?<![0-9.,])[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}(?![0-9,])")
"""9,00,000: groups of two digits before the last three."""
_BASED = re.compile(
    r"\(?(-?[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*)\)?\s*_\s*(?:\{\s*\(?([0-9]{1,2})\)?\s*\}|([0-9]))"
    r"|(-?[0-9]+)\(?(?:in)?base-?([0-9]{1,2})\)?"
)


@dataclass(frozen=True)
class Answer:
    """A text as an answer. Without a tree, `problem` says why it was not read as mathematics."""

    text: str
    tree: Node | None
    problem: str = ""
    ambiguous: bool = False
    """Read with its commas as thousands or its letters as units; may also be read otherwise."""

    @property
    def shown(self) -> str:
        """What it was read as, for people."""
        return f"text {self.text[:80]!r}" if self.tree is None else show(self.tree)[:120]


def clean(text: str) -> str:
    """Take off what is written around an answer: delimiters, `the answer is`, a full stop."""
    for _ in range(_MAX_LAYERS):
        before = text
        if _BARE.fullmatch(text):
            break
        text = _without_tail(text.strip())
        if text[:1] in _OPENINGS:
            text = _unwrapped(text)
        lead = _LEAD.match(text)
        text = text[lead.end() :] if lead and lead.end() < len(text) else text
        text = _without_comment(text)
        text = _CONDITION.sub("", text) if re.search(r"[=^+]", text) else text
        if text == before:
            break
    return text


def _without_tail(text: str) -> str:
    """Without a full stop, a comma or spacing at the end; `...` and the `!` of 6! stay."""
    while True:
        before = text
        for tail in _TAILS:
            text = text.removesuffix(tail)
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1]
        if text.endswith(("!", "?")) and _ENDS_WORD.search(text):
            text = text[:-1]
        text = text.rstrip()
        if text == before:
            return text


def _without_comment(text: str) -> str:
    """Without a remark in brackets at the end: 17 (see step 5), 25（元）."""
    text = _CITED.sub("", text)
    if not text.endswith((")", "）")):
        return text
    begin = max(text.rfind("("), text.rfind("（"))
    inner = text[begin + 1 : -1]
    if _REFERENCE.match(inner) and begin > 0:
        return text[:begin].rstrip()
    is_words = re.search(r"[a-z]{3}|[\u4e00-\u9fff]", inner) is not None
    explains = (
        re.match(r"(?:since|because|as|see|from|by|at|when|for|where|i\.e\.)\b", inner) is not None
    )
    if begin <= 0 or _CHANGING.search(inner) or not (explains or is_words):
        return text
    if not explains and _FORMULA_SIGNS.search(inner):
        return text
    return text[:begin].rstrip()


def _unwrapped(text: str) -> str:
    for opening, closing in _WRAPPERS:
        inner = text[len(opening) : len(text) - len(closing)]
        if (
            text.startswith(opening)
            and text.endswith(closing)
            and len(text) > len(opening) + len(closing)
            and opening not in inner
            and closing not in inner
            and not (opening == "(" and ("," in inner or len(inner) == 1))
        ):
            text = inner
    return text


def too_long(text: str) -> str:
    """Why a text must not reach a parser; empty when nothing is wrong with it."""
    return f"{len(text)} characters, more than {MAX_CHARS}" if len(text) > MAX_CHARS else ""


@lru_cache(maxsize=4096)
def read_answer(text: str, thousands: bool = True, letter_units: bool = True) -> Answer:
    """Read the text that was taken for an answer; a sentence is searched for its last formula or
    number."""
    text = unicode_as_latex(text)
    answer = _read(clean(text), thousands, letter_units)
    if answer.tree is not None and not _is_prose(answer.tree):
        return answer
    plain = clean(_TEXTED.sub(r" \1 ", text))
    label = _LABEL.match(plain)
    reasoned = _REASON.search(plain)
    parts = (
        plain,
        plain[label.end() :] if label else "",
        plain[: reasoned.start()] if reasoned else "",
    )
    for part in parts:
        again = _read(clean(part), thousands, letter_units) if part else answer
        if again.tree is not None and not _is_prose(again.tree):
            return again
    found = unmarked(plain) if _may_be_searched(plain) else None
    said = _read(clean(found.text), thousands, letter_units) if found is not None else answer
    return said if said.tree is not None else answer


def _may_be_searched(sentence: str) -> bool:
    """Is this a sentence whose last number is its answer: one number, or a longer explanation, and
    no word that makes another value of it?"""
    words = _WORD.findall(sentence)
    is_chinese = bool(re.search(r"[\u4e00-\u9fff]", sentence))
    if (
        (len(words) < 2 and not is_chinese)
        or _LETTER.search(sentence)
        or _CHANGING.search(sentence)
    ):
        return False
    if is_chinese and (re.search(_CHANGING_CHINESE, sentence) or _CHANGED_CHINESE.search(sentence)):
        return False
    behind_first = " ".join(_WORD.findall(_LEADS_TO.sub(" ", sentence))[1:])
    if len(words) < _LONG_SENTENCE and not says_nothing_else(behind_first):
        return False
    return len(sentence.split()) >= _LONG_SENTENCE or len(_NUMBERS.findall(sentence)) == 1


def _read(text: str, thousands: bool, letter_units: bool) -> Answer:
    if _BARE.fullmatch(text) and len(text) < MAX_CHARS:
        whole, _, after = text.partition(".")
        return Answer(text, num(Fraction(int(whole + after), 10 ** len(after)), len(after)))
    if (changed := _CHANGED_CHINESE.search(text)) is not None:
        return Answer(text, None, f"{changed[0]!r} makes another value of a number")
    numeral = _BASED.fullmatch(_SPACING.sub("", _TEXTED.sub(r"\1", text)))
    if numeral:
        base = numeral[2] or numeral[3] or numeral[5]
        return Answer(text, node("based", numeral[1] or numeral[4], int(base)))
    grouped = thousands and not _PAIR.fullmatch(text)
    written = canonical(text)
    if grouped:
        written = _INDIAN.sub(lambda match: match.group().replace(",", ""), written)
    try:
        tree, assumed_unit = parse(tokens_of(written, grouped), letter_units)
    except (ParseError, RecursionError) as error:
        return Answer(text, None, str(error))
    return Answer(text, _without_words(tree), ambiguous=assumed_unit or "," in text)


def _without_words(tree: Node) -> Node:
    """The value of `The result = 5`, whose name is in words."""
    named = tree.op == "chain" and tree.args[0].op == "text" and tree.args[1] == "="
    if not named or not says_nothing_else(tree.args[0].args[0]):
        return tree
    return tree.args[2] if len(tree.args) == 3 else Node("chain", tree.args[2:])


def _is_prose(tree: Node) -> bool:
    """A text of several words, which is no name and no choice."""
    return tree.op == "text" and len(tree.args[0].split()) > 3


@lru_cache(maxsize=4096)
def read_expected(text: str, thousands: bool = True, letter_units: bool = True) -> Answer:
    """An expected answer, read once for all completions of its prompt; never searched in."""
    text = unicode_as_latex(text)
    return _read(text, thousands and not _may_be_list(text), letter_units)


def _may_be_list(text: str) -> bool:
    """Are these three numbers, 12,34,567, rather than one in Indian groups, 9,00,000?"""
    return bool(_INDIAN.fullmatch(text)) and ",0" not in text.rpartition(",")[0]


def untexted(text: str) -> str:
    """A text with the contents of its `\\text{}` and the like in their place."""
    return _TEXTED.sub(r"\1", text)


def choice_of(text: str) -> tuple[str, str] | None:
    """The letter of an option and what stands behind it: `B) 12 cm` is ("B", "12 cm")."""
    text = clean(_TEXTED.sub(r" \1 ", text)) if "\\" in text else text
    found = _CHOICE.match(text)
    if found is None or (found[2] is not None and found[2].islower()):
        return None
    rest = text[found.end() :].strip()
    if _NO_OPTION.match(rest) or _ANOTHER.search(rest):
        return None
    return (found[1] or found[2]).upper(), rest
