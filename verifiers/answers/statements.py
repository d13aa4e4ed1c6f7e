"""`The answer is 5`: what a completion states as its answer, in English or Chinese.

Nothing here looks at more of a text than it must, so that a hostile one costs what its length says.
"""

import re
from collections.abc import Iterator

from verifiers.answers.denials import BOUNDED, is_denied

_MAX_STATEMENTS = 50
"""Statements that are looked at, from the last one back."""
_MAX_QUESTIONS = 20
"""Next questions that are looked at, from the first one on."""
_MAX_CHARS = 600
"""Characters of a statement."""

_NOUN = r"""
    (?:(?:final|correct|right|my|our|the|full|exact|overall|numerical|simplified|best)[ \t]+){0,4}
    (?:answers?|final[ \t]+(?:result|value|solution)
       |(?:correct|right|best)[ \t]+(?:option|choice|alternative))
"""
_MARKS = r"[ \t*_\"'`]{0,9}"
_VERB = r"""
    (?:[ ](?:to[ ](?:the|this)[ ]\w+(?:[ ]\w+)?|here|therefore|thus|then|hence|now|so|finally
       |in[ ]\w+(?:[ ]\w+){0,2}|for[ ]\w+(?:[ ]\w+){0,2})){0,3}
    [ ](?:is|are|was|equals|becomes|remains|(?:would|should|must|will|could|can[ ]only)[ ]be
       |comes[ ](?:out[ ])?to|turns[ ]out[ ]to[ ]be)\b
    (?:[ ](?:therefore|thus|then|hence|simply|just|indeed|clearly|exactly|approximately|about|also
       |still|given[ ]by|equal[ ]to|that|option|choice)\b){0,4}
    \s*:?
"""
_STATED = re.compile(
    rf"""
    \b{_NOUN} (?:{_MARKS}\((?![^()\n]{{0,40}}[0-9])[^()\n]{{0,40}}\))?
        (?:{_VERB} | {_MARKS}[:：=] | [ \t]?[-–—]> | [ \t]?[-–—](?=\s))
    | 【答案】 | (?:^|[。，,\n])[ ]?选(?=\s?[(（]?[A-J])
    | (?:最终|最后|正确|因此|所以|故)?的?(?:答案|选项|结果)(?:应该|应当|应|就|便|即)?
        (?:是|为|選|选|[:：=＝])[:：]?
    | (?:故|因此|所以|应|應)(?:本题)?(?:应)?[选選](?:择|項|项)?[:：]?
    | \b(?:the[ ])?(?:real[ ])?(?:solutions|roots|zeros)(?:[ ]\w+){{0,3}}[ ]are\b\s*:?
    | \\text\s?\{{\s?{_NOUN}\s?[:=]?\s?\}}\s?[:=]?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_HEADING = re.compile(
    rf"^[ \t#*_>]{{0,20}}{_NOUN}[ \t*_:：]*$", re.IGNORECASE | re.MULTILINE | re.VERBOSE
)
_NOTHING = re.compile(
    rf"""
    (?:not|no[ ]longer|in[ ]the[ ]form|to|one[ ]of|never)\b | neither[ ] | n't
    | (?:probably[ ]|likely[ ]|somewhere[ ]|definitely[ ]|always[ ]|strictly[ ])?{BOUNDED}
    | (?:some|any|an?)[ ](?:\w+[ ]){{0,2}}(?:integers?|numbers?|values?|variable|unknown)\b[^0-9]*$
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""How a phrase begins that states no value: `at least 5`, `some integer n`."""
_NEGATIVE = re.compile(r"(?:negative|minus)\s+(?=[0-9$\\.])", re.IGNORECASE)
_ITEM = re.compile(r"[-*+•–][ \t]+(?P<item>[^\n]+)\n*")
_NEXT_QUESTION = re.compile(
    r"^[ \t#*>]{0,20}(?:next[ ])?(?:question|problem|exercise|q|human|user|instruction|input"
    r"|问题|題目|题目|例题|问|用户)[ ]?[0-9]*[ ]?(?:[:：.]|\*\*[ ]?[:：]?)",
    re.IGNORECASE | re.MULTILINE,
)
_TAKEN_BACK = re.compile(
    r"\b(?:wrong|mistaken?|incorrect(?:ly)?|correct(?:ion|ed)|invalid|impossible|violat\w+"
    r"|contradict\w+|fails?)\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\?|\b(?:how|what|which|find|calculate|compute|determine|solve)\b", re.IGNORECASE
)
_END = r"""
    \n | (?<!\\)[。；!！](?=\s|$|[^\x00-\x7f]) | [.](?=\s|$|\*) | (?<!\\);\s | <\| | </
    | \s(?:because|since|which|where|while|whereas|so[ ]that|given[ ]that|when[ ]rounded
        |as[ ](?:we|the|it|required|desired))\b
    | ,?\s(?:i\.e\.|in[ ]other[ ]words|or[ ](?:approximately|about|roughly|equivalently|around))
    | (?<!\\),\s*(?:that[ ]is|namely|meaning)\b
    | (?<!\\),\s*(?:because|since|which|where|as|so|but|not|with|and[ ](?:the|we|not|this|it))\b
    | [，,]\s*(?:因为|所以|即|故)
    | (?<=[0-9$}]),\s*(?!and\b|or\b)(?=[a-z]{2})
"""
_OPTION_BEHIND = re.compile(
    r"[\s,，;*$]*(?:[(（]\s*)?(?:(?:which|that)\s+(?:is|corresponds\s+to|matches|makes\s+it)\s+|i\.e\.,?\s+|so\s+|即|对应|故选)?"
    r"(?:the\s+)?(?:(?:answer|correct)\s+)?(?:option|choice|选项|(?<=选)|(?<=is\s))\s*\*{0,2}\(?(?P<letter>[A-J])\)?(?![A-Za-z'’])"
)
"""`15 cm, which is option C`: the letter of the option belongs to the answer."""
_ENCLOSED = r"""
    \$\$(?:\\\$|[^$])+\$\$ | \$(?:\\\$|[^$\n])+\$ | \$[ \t]*\n[^$]+\$
    | \\\([\s\S]{1,400}?\\\) | \\\[[\s\S]{1,400}?\\\]
    | \\begin\{(?P<name>[a-z]+\*?)\}[\s\S]{1,400}?\\end\{(?P=name)\}
"""
_BORDER = re.compile(rf"(?P<inside>{_ENCLOSED}) | (?P<end>{_END})", re.VERBOSE)
"""A formula, in which a statement does not end, or the end of a statement."""
_ABBREVIATED = re.compile(r"\b(?:approx|sq|cu|no|[ap]\.m|vs|Rs)$")
_WORD = re.compile(r"(?<!\\)\b[A-Za-z]{2}")
_SAYS = re.compile(
    r"[0-9$\\√π∞½]|^\W*[A-Za-z]\W*$|\([A-Za-z]\)|[A-Z]\b|[a-z]\s*[=^]"
    r"|(?<![A-Za-z])[A-Za-z]\s*[-+*/<>]\s*\(?[A-Za-z](?![A-Za-z])"
)


def stated(text: str, truncated: bool = False) -> str | None:
    """What the last `the answer is ...` states; None without one.

    The statement ends with its sentence, its line, or a reason (`because`, `which`); after a bare
    heading (`**Final answer**`) it is the next line, or the items of a list, whose bullets are no
    minus signs. A formula in dollars or brackets may go over several lines. `The answer is not 5`,
    `if the answer is 5`, a bound (`at least 5`) and a statement that says nothing that could be an
    answer do not count.

    Args:
        truncated: the text was cut off: a statement that runs into its end is not taken.
    """
    words = None
    for begin in _starts(text)[: -_MAX_STATEMENTS - 1 : -1]:
        phrase, complete = _phrase(text, begin)
        phrase = _with_option(phrase, text, begin)
        phrase = f"-{phrase[sign.end() :]}" if (sign := _NEGATIVE.match(phrase)) else phrase
        denied = is_denied(text, begin) or _NOTHING.match(phrase)
        if not phrase or denied or (truncated and not complete):
            continue
        if _SAYS.search(phrase):
            return phrase
        if len(phrase.split()) <= 6:
            words = phrase
    return words


def _with_option(phrase: str, text: str, begin: int) -> str:
    """A number with the letter of the option that is named behind it, `(C) 15 cm`."""
    remark = phrase.rfind("(") if phrase.endswith(")") else len(phrase)
    at = text.find(phrase, begin)
    option = _OPTION_BEHIND.match(text, at + remark) if at >= 0 else None
    if option is None or not re.search(r"[0-9]", phrase[:remark]):
        return phrase
    return f"({option['letter']}) {phrase[:remark].strip()}"


def takes_back(text: str, at: int) -> bool:
    """Does the line that begins there call what stands before it wrong, and ask nothing?"""
    line = text[at : at + _MAX_CHARS].partition("\n")[0]
    return bool(_TAKEN_BACK.search(line)) and not _ASKED.search(line)


def asks(text: str, at: int) -> bool:
    """Does the paragraph that begins there ask something?"""
    return bool(_ASKED.search(text[at : at + _MAX_CHARS].partition("\n\n")[0]))


def questions(text: str) -> Iterator[int]:
    """Where lines begin that ask a next question, in order."""
    for number, found in enumerate(_NEXT_QUESTION.finditer(text)):
        if number == _MAX_QUESTIONS:
            return
        yield found.start()


def _starts(text: str) -> list[int]:
    return sorted(
        {found.end() for pattern in (_STATED, _HEADING) for found in pattern.finditer(text)}
    )


def _phrase(text: str, begin: int) -> tuple[str, bool]:
    """The statement that begins there, and whether it ends before the text does."""
    rest = text[begin : begin + _MAX_CHARS]
    stripped = rest.lstrip(" \t*_:：\"'`")
    if stripped.startswith("\n"):
        stripped = _unlisted(stripped.lstrip("\n \t_:：>\"'`"))
    end = len(stripped)
    for border in _BORDER.finditer(stripped):
        at = border.start()
        if border["end"] and not _ABBREVIATED.search(stripped[max(0, at - 8) : at]):
            end = at
            break
    complete = end < len(stripped) or begin + len(rest) < len(text)
    return _balanced(stripped[:end].strip(" \t*_\"'`")), complete


def _unlisted(lines: str) -> str:
    """Without the bullet of a first item; items that are all bare values become one line."""
    first = _ITEM.match(lines)
    if first is None:
        return lines
    items, end = [first["item"].strip(" \t*")], first.end()
    while (item := _ITEM.match(lines, end)) and not _WORD.search(item["item"]):
        items.append(item["item"].strip(" \t*"))
        end = item.end()
    if len(items) == 1 or _WORD.search(items[0]):
        return lines[first.start("item") :]
    return ", ".join(items) + "\n" + lines[end:]


def _balanced(phrase: str) -> str:
    """Without what closes something that was opened before: the `"}` of `{"answer": "5"}`."""
    opening = {"}": "{", ")": "([", "]": "[("}
    while phrase:
        last = phrase[-1]
        opened = sum(phrase.count(sign) for sign in opening.get(last, ""))
        closed = sum(phrase.count(sign) for sign in (")]" if last in ")]" else last))
        if last not in "\"'`" and (last not in opening or closed <= opened):
            break
        phrase = phrase[:-1].rstrip()
    return phrase
