"""The spellings in which a model writes one answer, from the answer's LaTeX text.

A spelling is a function of the answer and a turn, a number that picks one of its variants; it
returns the completion, or None where nobody writes such an answer in that way.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from latex_values import values, words_of

Spelling = Callable[[str, int], str | None]

WORK = "There are 7 cases, and each of them gives the same.\n\n"
"""Stands before each answer, so that there is another number to be taken for it."""
MULTIPLIERS = ("hundred", "thousand", "million", "dozen")
"""Words that look like a unit and change the number before them."""
THINKING = "<think>There are 7 cases, and each of them gives the same.</think>\n"

_NUMBER = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|-?\.[0-9]+")
_THOUSANDS = re.compile(r"(?<=[0-9])(?:,\\!\s*|\{,\})(?=[0-9]{3})")
_MEASURED = re.compile(
    r"(-?[0-9][0-9,]*(?:\.[0-9]+)?)\s*\\(?:text|mbox)\s*\{\s*([A-Za-z. ]+?)\s*\}\.?"
)
_COMMA = re.compile(r"(?<!\\),(?!\\!|\})(?:\s*\\,)*")
_BARE_LIST = re.compile(r"(?!.*\\text)[^()\[\]&=]*(?<!\\),(?!\\!|\})[^()\[\]&=]*")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\s*\{([0-9]+)\}\s*\{([0-9]+)\}")
_NAMES = ("x", "AB", "f(3)", r"\text{Area}", "a + b", "N")
_NAMES_OF_FORMULAS = ("S", "P", r"\text{Area}", "Q")
_UNITS = (
    r"{} \text{{{} cm}}",
    r"{}\text{{{} apples}}",
    r"{} \text{{{} hours}}",
    r"\${}\text{{{}}}",
)
_SENTENCES = ("There are {} apples left in total.", "So she walked {} km that day.")


def pick(variants: tuple[str, ...], turn: int, *values: str) -> str:
    """The turn-th of the variants, filled in."""
    variant = variants[turn % len(variants)]
    return variant.format(*values) if values else variant


def plain_number(answer: str) -> str | None:
    """The answer as digits with commas when it is nothing but a number: `10,000`."""
    text = _THOUSANDS.sub(",", answer).strip()
    return text if _NUMBER.fullmatch(text) else None


def single(answer: str) -> bool:
    """Is the answer one value, to which a name can be given?"""
    read = values(answer)
    return (
        read is not None
        and len(read) == 1
        and not re.search(r"[=<>]|\\[lg]eq?\b|\\approx|^\(", answer)
    )


def prose(answer: str) -> str:
    """The answer in running text: numbers and words bare, all else in dollars."""
    measured = _MEASURED.fullmatch(answer)
    if measured:
        return f"{measured[1]} {measured[2]}"
    words = re.fullmatch(r"\\(?:text|mbox|textbf)\s*\{([^{}]*)\}", answer)
    if words and words_of(answer) is not None:
        return words[1].strip()
    bare = re.sub(r"\\([$%])", r"\1", _THOUSANDS.sub(",", answer))
    return bare if plain_number(re.sub("[$%]", "", bare)) else f"${answer}$"


def boxed(answer: str, turn: int) -> str:
    is_list = _BARE_LIST.fullmatch(answer) and not plain_number(answer)
    if turn % 3 == 2 and is_list:
        boxes = " and ".join(rf"$\boxed{{{part.strip()}}}$" for part in _COMMA.split(answer))
        return f"{WORK}So the answers are {boxes}."
    box = pick((r"$\boxed{{{}}}$", r"\boxed{{{}}}"), turn, answer)
    return f"{WORK}So the answer is {box}."


def named(answer: str, turn: int) -> str | None:
    if not single(answer):
        return None
    if re.search("[A-Za-z]", re.sub(r"\\(?:text|mbox)\{[^{}]*\}|\\[A-Za-z]+", "", answer)):
        names = tuple(name for name in _NAMES_OF_FORMULAS if name not in answer)
    else:
        names = (r"\angle A", "x") if r"\circ" in answer else _NAMES
    return rf"{WORK}Therefore $\boxed{{{names[turn % len(names)]} = {answer}}}$."


def layout(answer: str, turn: int) -> str:
    number = plain_number(answer)
    if number and "," in number:
        text = number.replace(",", pick((r",\!", "{,}", ","), turn))
    elif number:
        text = pick((r"\mathbf{{{}}}", r"\displaystyle {}", r"\,{}\,"), turn, number)
    else:
        text = re.sub(r"\\t?frac", r"\\dfrac", answer)
        plain = not re.search(r"\\left|\\text", text)
        if plain and text.count("(") == text.count(")"):
            text = text.replace("(", r"\left(").replace(")", r"\right)")
        text = pick((r"\displaystyle {}", r"\;{}\;", r"{}\,"), turn, text)
    return rf"{WORK}The answer is $\boxed{{{text}}}$."


def dollars(answer: str, turn: int) -> str:
    sentence = ("Therefore the result is ${}$.", "The final answer is ${}$. I hope it is correct.")
    return WORK + pick(sentence, turn, answer)


def answer_line(answer: str, turn: int) -> str:
    return WORK + pick(("Answer: {}", "Final answer: {}", "**Answer:** {}"), turn, prose(answer))


def bold(answer: str, turn: int) -> str:
    return WORK + pick(("The final answer is **{}**.", "**{}**"), turn, prose(answer))


def with_unit(answer: str, turn: int) -> str | None:
    number, measured = plain_number(answer), _MEASURED.fullmatch(answer)
    many = ""
    if measured:
        number, many = measured[1], f" {measured[2]}"
        if measured[2] not in MULTIPLIERS:
            return f"{WORK}So the result is {number}{many}."
    if number is None:
        return None
    if turn % 2 and "." not in number:
        return WORK + pick(_SENTENCES, turn // 2, number + many)
    return rf"{WORK}So the result is $\boxed{{{pick(_UNITS, turn // 2, number, many)}}}$."


def decimal(answer: str, turn: int) -> str | None:
    number = plain_number(answer)
    if number and "." not in number:
        text = number.replace(",", "") + pick((".0", ".00"), turn)
    else:
        text = _exact_decimal(answer) or ""
    return rf"{WORK}So the answer is $\boxed{{{text}}}$." if text else None


def hashes(answer: str, turn: int) -> str:
    return f"{WORK}#### {pick((prose(answer), answer), turn)}"


def answer_tag(answer: str, turn: int) -> str:
    return f"{THINKING}<answer>{pick((prose(answer), answer), turn)}</answer>"


def answer_sentence(answer: str, turn: int) -> str:
    sentence = pick(
        ("The result is {}.", "The final answer is {}.", "Result: {}"), turn, prose(answer)
    )
    return f"{THINKING}<answer>{sentence}</answer>"


def display(answer: str, turn: int) -> str:
    equation = ("\\[\n\\boxed{{{}}}\n\\]", "\\[ \\boxed{{{}}} \\]", "$$\n\\boxed{{{}}}.\n$$")
    return f"{WORK}Hence the answer is\n{pick(equation, turn, answer)}"


def chinese(answer: str, turn: int) -> str:
    sentences = ("因此，答案是 ${}$。", r"所以最终答案为 $\boxed{{{}}}$。")
    return "一共有 7 种情况。\n\n" + pick(sentences, turn, answer)


_SIMPLE = r"(?:[0-9]+|[a-zA-Zπ])"


def _ratio(found: re.Match[str]) -> str:
    """a/b in brackets, its parts in brackets where they need them."""
    above, below = (part for part in found.groups() if part is not None)
    if not re.fullmatch(r"[\w√\\]+", above):
        above = f"({above})"
    if not re.fullmatch(_SIMPLE, below):
        below = f"({below})"
    return f"({above}/{below})"


_UNICODE = (
    (re.compile(r"\\[dt]?frac\s*(?:\{([^{}]*)\}|([0-9]))\s*(?:\{([^{}]*)\}|([0-9]))"), _ratio),
    (re.compile(rf"\\sqrt\s*(?:\{{\s*({_SIMPLE})\s*\}}|([0-9]))"), r"√\1\2"),
    (re.compile(r"\\sqrt\s*\{([^{}]*)\}"), r"√(\1)"),
    (re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})"), "°"),
    (re.compile(r"\^\{?2\}?(?![0-9])"), "²"),
    (re.compile(r"\^\{?3\}?(?![0-9])"), "³"),
    (re.compile(r"\\left(?![a-z])|\\right(?![a-z])"), ""),
    (re.compile(r"-"), "−"),
)
_SYMBOLS = {r"\pi": "π", r"\infty": "∞", r"\cup": "∪", r"\cdot": "·", r"\times": "×"}


def unicode_signs(answer: str, turn: int) -> str | None:
    if re.search(r"[0-9]\s*\\[dt]?frac", answer):
        return None  # a mixed number would read as a product
    text = answer
    for pattern, sign in _UNICODE * 2:  # twice, for a root in a fraction and a fraction in a root
        text = pattern.sub(sign, text)
    for command, sign in _SYMBOLS.items():
        text = re.sub(re.escape(command) + "(?![A-Za-z])", sign, text)
    text = re.sub(r"^(−?)\(((?:[\w√]+|\([^()]*\))/\w+)\)$", r"\1\2", text)
    if text.isascii() or re.search(r"[\\{}^_$]", text):
        return None
    return WORK + pick((r"So the answer is \boxed{{{}}}.", "**Answer:** {}"), turn, text)


def markdown(answer: str, turn: int) -> str:
    box = pick((r"$$\boxed{{ {} }}$$", r"$\boxed{{{}}}$"), turn, answer)
    return f"### Step 1\n\n{WORK}---\n\n### Final Answer\n\n{box}\n"


def then_more(answer: str, turn: int) -> str:
    more = ("I am 95% sure of it.", "Both of the 2 checks agree.", "(See equation 3.)")
    return f"{WORK}**Answer:** {prose(answer)}\n\n{pick(more, turn)}"


def _exact_decimal(answer: str) -> str | None:
    found = _FRACTION.fullmatch(answer)
    if not found or not int(found[3]):
        return None
    value = Fraction(int(found[2]), int(found[3]))
    for digits in range(1, 9):
        scaled = value * 10**digits
        if scaled.denominator == 1:
            whole, rest = divmod(scaled.numerator, 10**digits)
            return f"{found[1]}{whole}.{rest:0{digits}}"
    return None


SPELLINGS: dict[str, Spelling] = {
    "boxed": boxed,
    "named": named,
    "layout": layout,
    "dollars": dollars,
    "answer_line": answer_line,
    "bold": bold,
    "with_unit": with_unit,
    "decimal": decimal,
    "hashes": hashes,
    "answer_tag": answer_tag,
    "answer_sentence": answer_sentence,
    "display": display,
    "chinese": chinese,
    "unicode": unicode_signs,
    "markdown": markdown,
    "then_more": then_more,
}
