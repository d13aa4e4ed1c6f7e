"""From the characters of an answer to tokens: one spelling for what is written in many ways.

LaTeX, Unicode (`√2`, `½`, `≤`) and plain text (`sqrt(2)`, `x^2`) become the same tokens. Layout is
dropped here and nowhere else: `\\left`, `\\displaystyle`, thin spaces, dollars. Letters never are.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from verifiers.math.number_words import in_digits
from verifiers.math.spellings import rewritten
from verifiers.math.tree import ParseError

MAX_CHARS = 1000
MAX_DIGITS = 4000
"""Digits in a row; the longest expected answer of the benchmarks has 9."""

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣʸ", "0123456789+-()nixy", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙₓ", "0123456789+-nx", strict=True))
_UNICODE = {
    **dict.fromkeys("−–—‒﹣－", "-"),
    **dict.fromkeys("×✕✖⨯", r"\times "),
    **dict.fromkeys("·⋅∙•", r"\cdot "),
    **dict.fromkeys("≤⩽≦", r"\le "),
    **dict.fromkeys("≥⩾≧", r"\ge "),
    **dict.fromkeys("≈≃≅", r"\approx "),
    **dict.fromkeys("∅⌀øØ", r"\emptyset "),
    **dict.fromkeys("ℝ", r"\R "),
    **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2009\u200a\u202f\u3000", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u2061\u2062\u200e\u200f", ""),
    **dict.fromkeys("\u2713\u2714\u2705\u2611\ufe0f", ""),
    **dict.fromkeys("“”„「」『』", '"'),
    **dict.fromkeys("‘’′", "'"),
    **dict.fromkeys("〈⟨", r"\langle "),
    **dict.fromkeys("〉⟩", r"\rangle "),
    **dict.fromkeys("，、", ", "),
    "÷": "/", "∕": "/", "⁄": "/", "√": r"\sqrt ", "∛": r"\cbrt ", "∞": r"\infty ",
    "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ", "≠": r"\ne ", "±": r"\pm ", "∓": r"\mp ",
    "°": r"^\circ ", "º": r"^\circ ", "˚": r"^\circ ", "∈": r"\in ",
    "℃": r"^\circ C", "℉": r"^\circ F",
    "…": r"\ldots ", "⋯": r"\ldots ", "。": ".", "；": ";", "：": ":", "∣": "|",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "∠": r"\angle ",
    "≡": r"\equiv ", "→": r"\to ", "△": r"\triangle ", "％": "%", "ϕ": r"\phi ", "ℯ": "e", "ⅈ": "i",
    "€": r"\euro ", "£": r"\pound ", "¥": r"\yen ", "￥": r"\yen ", "₹": r"\rupee ",
    "₽": r"\ruble ", "₩": r"\won ", "¢": r"\cent ", "₫": r"\dong ", "₿": r"\bitcoin ",
}  # fmt: skip
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi"),
    *("chi", "psi", "omega"),
)
GREEK = frozenset((*_GREEK, *(name.capitalize() for name in _GREEK), "varepsilon", "varphi", "ell"))
_GREEK_NAMES = {
    unicodedata.lookup(f"GREEK {size} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}"): (
        f"\\{name if size == 'SMALL' else name.capitalize()} "
    )
    for name in _GREEK
    for size in ("SMALL", "CAPITAL")
}
_STYLED = {
    chr(code): _GREEK_NAMES.get(plain, plain)
    for code in range(0x1D400, 0x1D800)
    if (plain := unicodedata.normalize("NFKC", chr(code))) != chr(code)
}
"""Letters and digits of mathematical typefaces: 𝑥, 𝛼, 𝟏."""
_FULL_WIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_FRACTIONS = {
    char: "\\frac{{{}}}{{{}}}".format(*unicodedata.normalize("NFKC", char).split("⁄"))
    for char in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
}
_TRANSLATED = str.maketrans(
    {**_FULL_WIDTH, **_GREEK_NAMES, **_STYLED, **_FRACTIONS, **_UNICODE},
)
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_DEGREE_OF_ROOT = re.compile(r"(?<![0-9A-Za-z)\]}π])([²-³⁴-⁹])√")
_BARRED = re.compile(r"(?:[0-9][\u0304\u0305])+")
_DOTTED = re.compile(r"([0-9])\u0307")
"""Digits under a bar or a dot: 0.6̅."""
_LOWERED = re.compile(f"[{''.join(_SUBSCRIPTS)}]+")
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z{}%$])")
_TEXT_COMMANDS = r"text|mbox|textnormal|textrm|textit|textsf|texttt|hbox"
_FONTS = (
    r"mathrm|mathbb|mathit|mathsf|mathnormal|mathfrak|mathcal|boldsymbol|bm|operatorname\*?|textbf|mathbf"
    r"|underline|ensuremath|emph|mathop|mathord"
)
_DROPPED = re.compile(
    r"\\(?:left|right|middle)\s*\.|\\(?:left|right|middle|[bB]igg?[lrm]?|displaystyle|textstyle|"
    r"scriptstyle|limits|nolimits|hfill|rm|bf|it|tiny|small|normalsize|large|Large|LARGE|huge|Huge|null|"
    r"strut|mathstrut|"
    r"allowbreak|nonumber|notag|centering|smash|ensuremath)(?![A-Za-z])"
    r"|\\(?:hspace|vspace|tag|label|color|[hv]?phantom)\*?\s*\{[^{}]*\}|\\[hv]?phantom\s*[^\s{]"
    r"|\\(?:textcolor|colorbox)\s*\{[^{}]*\}|\\bbox\s*\[[^\[\]]*\]|\\[!](?=\S)|(?<![0-9A-Za-z)}])\*\*|\*\*(?![0-9A-Za-z({])"
    r"|(?<![0-9A-Za-z])(?:\\?_){2,}|(?:\\?_){2,}(?![0-9A-Za-z])"
)
_SEPARATOR = r"(?:,\\!\s*|\\!\s*,?|\{,\}\s*|\\[,;: ]\s*|~|,| |'|\\?_)"
_GROUPED = rf"[1-9][0-9]{{0,2}}(?:{_SEPARATOR}[0-9]{{3}})+(?![0-9])"
_TOKEN = re.compile(
    rf"(?P<gap>(?:\s|~|\\[,;:! /]|\\q?quad(?![A-Za-z])|\\enspace(?![A-Za-z]))+)"
    rf"|(?P<num>(?:{_GROUPED}|[0-9]+)(?:\.[0-9]+|\.(?![0-9.]))?|\.[0-9]+)"
    r"(?P<exp>[eE][+-]?[0-9]{1,3}(?![0-9A-Za-z]))?"
    rf"|\\(?:{_TEXT_COMMANDS})\s*\{{(?P<text>(?:[^{{}}]|\{{[^{{}}]*\}})*)\}}"
    r"|\\mathrm\s*\{(?P<roman>(?:[\s~]|\\[,;: ])*[A-Za-z]+"
    r"(?:[^{}A-Za-z0-9=]+(?:[^{}]|\{[^{}]*\})*)?)\}"
    r"|\\math(?:bb|bf|rm)\s*(?:\{\s*R\s*\}|R)(?P<reals>)"
    rf"|\\(?:{_FONTS})\s*\{{\s*(?P<name>[A-Za-z]+)\s*\}}"
    rf"|(?P<font>\\(?:{_FONTS})(?![A-Za-z])\s*)"
    r"|\\(?P<cmd>[A-Za-z]+)"
    r"|\\(?P<esc>[\s\S])"
    r"|(?P<word>[A-Za-z]+)"
    r"|(?P<dots>\.\.\.+)"
    r"|(?P<op>\*\*|<=|>=|!=|==|=<|->|<>)"
    r"|(?P<char>[\s\S])"
)
_ESCAPED = {"{": "\\{", "}": "\\}", "%": "%", "$": "$", "|": "|", "#": "#", "&": "&", "_": "_"}
_ASCII_OPS = {"**": "^", "<=": "le", ">=": "ge", "=<": "le", "!=": "ne", "<>": "ne", "==": "="}
_SYNONYMS = {
    **dict.fromkeys(("dfrac", "tfrac", "cfrac"), "frac"),
    **dict.fromkeys(("dbinom", "tbinom"), "binom"),
    **dict.fromkeys(("leq", "leqslant"), "le"),
    **dict.fromkeys(("geq", "geqslant"), "ge"),
    **dict.fromkeys(("neq", "not="), "ne"),
    **dict.fromkeys(("varnothing", "O"), "emptyset"),
    **dict.fromkeys(("dots", "cdots", "dotsc", "dotsb"), "ldots"),
    **dict.fromkeys(("lvert", "rvert", "vert", "mid"), "|"),
    **dict.fromkeys(("lbrace",), "\\{"),
    **dict.fromkeys(("rbrace",), "\\}"),
    **dict.fromkeys(("lbrack",), "["),
    **dict.fromkeys(("rbrack",), "]"),
    **dict.fromkeys(("lparen",), "("),
    **dict.fromkeys(("rparen",), ")"),
    **dict.fromkeys(("ast", "cdot", "times", "bullet"), "*"),
    **dict.fromkeys(("div", "slash"), "/"),
    **dict.fromkeys(("lt",), "<"),
    **dict.fromkeys(("gt",), ">"),
    **dict.fromkeys(("simeq", "cong", "doteq"), "approx"),
    **dict.fromkeys(("degree", "degrees"), "circ"),
    **dict.fromkeys(("setminus", "backslash", "smallsetminus"), "setminus"),
    **dict.fromkeys(("infin",), "infty"),
    **dict.fromkeys(("colon",), ":"),
    **dict.fromkeys(("percent",), "%"),
    **dict.fromkeys(("Re", "R", "reals"), "R"),
    **dict.fromkeys(("dot",), "dot"),
    **dict.fromkeys(("prime",), "'"),
    **dict.fromkeys(("lor", "vee"), "or"),
    **dict.fromkeys(("land", "wedge"), "and"),
    **dict.fromkeys(("lg",), "log"),
    **dict.fromkeys(("tg",), "tan"),
    **dict.fromkeys(("ctg",), "cot"),
    **dict.fromkeys(("asin",), "arcsin"),
    **dict.fromkeys(("acos",), "arccos"),
    **dict.fromkeys(("atan",), "arctan"),
    **dict.fromkeys(("varepsilon",), "epsilon"),
    **dict.fromkeys(("varphi",), "phi"),
}
_PLAIN_COMMANDS = frozenset(
    (
        *("sin", "cos", "tan", "cot", "csc", "arcsin", "arccos", "arctan", "asin", "acos"),
        *("atan", "sinh", "cosh", "tanh", "ln", "log", "exp", "sqrt", "cbrt", "gcd", "lcm"),
        *("abs", "floor", "ceil", "frac", "binom", "pi", "infty", "theta"),
        *("alpha", "beta", "gamma", "lambda", "sigma", "omega", "phi", "mod"),
    )
)
"""Words that mean the same with and without a backslash."""
_WORD_SYNONYMS = {"infinity": "infty", "inf": "infty", "oo": "infty", "Infinity": "infty"}
_JOINED = re.compile(r"(arcsin|arccos|arctan|sin|cos|tan|cot|sec|csc|ln|log)([xyz])")
_CJK_WORDS = {
    "或者": "or", "或": "or", "以及": "and", "和": "and", "与": "and", "且": "and",
    "平方千米": "square km", "平方公里": "square km", "千米": "km", "公里": "km",
    "千克": "kg", "公斤": "kg",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One sign of an answer. kind: num, letter, word, cmd or op."""

    kind: str
    text: str
    gap: bool = False
    """White space stands before it."""
    prose: bool = False
    """A word out of `\\text{}` or of letters that are no product."""
    value: Fraction | None = None
    decimals: int = 0


def unicode_as_latex(text: str) -> str:
    """A text with Unicode signs as LaTeX, and full-width ones as ASCII."""
    if text.isascii():
        return text
    text = _DEGREE_OF_ROOT.sub(lambda m: f"\\sqrt[{_SUPERSCRIPTS[m[1]]}]", text)
    text = _BARRED.sub(lambda m: rf"\overline{{{m[0][::2]}}}", text)
    text = _DOTTED.sub(r"\\dot{\1}", text)
    text = _RAISED.sub(lambda m: "^{" + "".join(_SUPERSCRIPTS[c] for c in m[0]) + "}", text)
    text = _LOWERED.sub(lambda m: "_{" + "".join(_SUBSCRIPTS[c] for c in m[0]) + "}", text)
    return text.translate(_TRANSLATED)


def canonical(text: str) -> str:
    """A text in ASCII, with over-escaped commands as they are meant, and no layout."""
    text = unicode_as_latex(text)
    for written, word in () if text.isascii() else _CJK_WORDS.items():
        text = text.replace(written, f" {word} ")
    if "\\\\" in text and "\\begin" not in text:
        text = _DOUBLED.sub(r"\\", text)
    text = rewritten(in_digits(text))
    return _DROPPED.sub("", text) if "\\" in text or "*" in text or "_" in text else text


def tokens_of(text: str, thousands: bool = True) -> list[Token]:
    """The tokens of a canonical text.

    Args:
        thousands: read 1,234 as one number, else as two.
    """
    if not thousands:
        text = re.sub(r"(?<=[0-9]),(?=[0-9])", ", ", text)
    found = _scan(text, prose=False)
    while found and found[-1].kind == "op" and found[-1].text in (".", ","):
        found.pop()
    return found


def _scan(text: str, prose: bool) -> list[Token]:
    found: list[Token] = []
    gap = after_command = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "exp":
            kind = "num"
        if kind == "gap":
            gap = not after_command
            continue
        new = _tokens(kind or "", match, gap, prose)
        found.extend(new)
        after_command = kind == "cmd"
        gap = False
    return found


def _tokens(kind: str, match: re.Match[str], gap: bool, prose: bool) -> list[Token]:
    raw = match[kind]
    if kind == "num":
        return [_number(raw, match["exp"] or "", gap)]
    if kind == "roman" and len(raw) == 1:
        return _word(raw, gap, prose)
    if kind in ("text", "roman"):
        inner = _scan(raw, prose=True)
        gap = gap or raw[:1].isspace()
        return [_with_gap(inner[0], gap), *inner[1:]] if inner else []
    if kind == "font":
        return []
    if kind == "name":
        return _word(raw, gap, len(raw) > 1)
    if kind == "reals":
        return [Token("cmd", "R", gap)]
    if kind == "cmd":
        return [Token("cmd", _SYNONYMS.get(raw, raw), gap)]
    if kind == "esc":
        return [Token("op", _ESCAPED.get(raw, "," if raw == "\\" else raw), gap)]
    if kind == "word":
        return _word(raw, gap, prose)
    if kind == "dots":
        return [Token("cmd", "ldots", gap)]
    if kind == "op":
        name = _ASCII_OPS.get(raw, raw)
        return [Token("cmd" if name in ("le", "ge", "ne") else "op", name, gap)]
    if raw.isalpha():
        return [Token("word", raw, gap, prose=True)]
    return [Token("op", raw, gap)]


def _number(raw: str, exponent: str, gap: bool) -> Token:
    digits = raw if raw.isdecimal() else re.sub(r"[^0-9.]", "", raw)
    if len(digits) > MAX_DIGITS:
        raise ParseError(f"more than {MAX_DIGITS} digits in a row")
    whole, _, after = digits.partition(".")
    value = Fraction(int((whole + after) or "0"), 10 ** len(after))
    if exponent:
        value *= Fraction(10) ** int(exponent[1:])
    return Token("num", digits + exponent, gap, False, value, len(after))


def _word(raw: str, gap: bool, prose: bool) -> list[Token]:
    if raw in _PLAIN_COMMANDS:
        return [Token("cmd", _SYNONYMS.get(raw, raw), gap)]
    if raw in _WORD_SYNONYMS:
        return [Token("cmd", _WORD_SYNONYMS[raw], gap)]
    if len(raw) == 1 and not prose:
        return [Token("letter", raw, gap)]
    joined = None if prose else _JOINED.fullmatch(raw)
    if joined:
        return [Token("cmd", _SYNONYMS.get(joined[1], joined[1]), gap), Token("letter", joined[2])]
    return [Token("word", raw, gap, prose)]


def _with_gap(token: Token, gap: bool) -> Token:
    return Token(token.kind, token.text, gap, token.prose, token.value, token.decimals)
