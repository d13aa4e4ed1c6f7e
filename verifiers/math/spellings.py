"""What only its surroundings explain, in the spelling that the grammar reads.

Each line is a sign that must be in the text, a pattern and what is meant. `16^{th}` is 16,
`15\\frac{km}{h}` is 15 km/h, `5 (mod 7)` is 5\\pmod{7}, and `_{10}C_3` is a binomial.
"""

import re

from verifiers.math.units import SHORT, UNIT_NAMES

_UNITS = "|".join(sorted({*UNIT_NAMES, *SHORT, "m", "s", "h", "g", "L", "N", "J"}, key=len)[::-1])
_TEXT = r"\\(?:text|textrm|textbf|mathrm|mbox|rm|operatorname)"
_POWER = r"(?:\s*\^\s*\{?\s*[1-3]\s*\}?)?"
_UNIT = rf"(?:{_TEXT}\s*\{{\s*[A-Za-z]+\.?{_POWER}\s*\}}|\\?\$|(?:{_UNITS})){_POWER}"
_GAP = r"(?:\s|~|\\[,;: ])"
_SPELLINGS = (
    ("$", r"[.,;]\s*(?=\$)", ""),
    ("$", r"\bUS\s*(?=\\?\$\s*[0-9])", ""),
    ("superscript", r"\\textsuperscript\s*(?=\{)", "^"),
    ("egative", r"(?:\b|(?<=\{))[Nn]egative\s*\}?\s*(?=[0-9$\\]|infinity)", "-"),
    ("inus", r"^\s*(?:\\text\s*\{\s*)?[Mm]inus\s*\}?\s*(?=[0-9$\\]|infinity)", "-"),
    ("负", r"负\s*(?=[0-9$\\])", "-"),
    ("nfinity", r"\b(?:[Pp]ositive|[Pp]lus)\s+(?=infinity)", ""),
    ("egative", r"\\text\s*\{\s*[Nn]egative\s*\}\s*(?=[0-9$\\])", "-"),
    ("p", r"\\\\\s*\[[0-9.]+\s*(?:pt|em|ex|mm|cm)\]", r"\\\\"),
    ("right", r"\\left\s*\\\{([\s\S]*)\\right\s*(?:\.|$)", r"\1"),
    ("C", r"\{\}_\{?([0-9]+)\}?\s*C_\{?([0-9]+)\}?", r"\\binom{\1}{\2}"),
    ("C", r"(?<![A-Za-z0-9}\])])[\^_]\{?([0-9]+)\}?\s*C_\{?([0-9]+)\}?", r"\\binom{\1}{\2}"),
    ("C", r"(?<![A-Za-z\\])C_\{?([0-9]+)\}?\^\{?([0-9]+)\}?", r"\\binom{\1}{\2}"),
    (":", r"\{:\}", ":"),
    ("k", r"\\(?:checkmark|blacksquare|square|Box|qed)(?![A-Za-z])", ""),
    ("not", r"\\not\s*=", r"\\ne "),
    ("not", r"\\not\s*\\(?:equiv|in)(?![A-Za-z])", r"\\ne "),
    ("x", r"(?<=[0-9])\s*x\s*(?=[0-9])", r"\\times "),
    ("X", r"(?<=[0-9])\s*X\s*(?=[0-9])", r"\\times "),
    ("+/", r"\+/-", r"\\pm "),
    ("+-", r"(?<=\s)\+-(?=\s)", r"\\pm "),
    ("U", r"(?<=[)\]])\s*U\s*(?=[(\[])", r"\\cup "),
    ("and", r"(?<=[0-9])(?:\s+and\s+|\s*\\text\s*\{\s*and\s*\}\s*)"
            r"(?=[0-9]+\s*/\s*[0-9]|\\[dt]?frac)", " "),
    ("half", r"(?<=[0-9])\s+and\s+(?:a|1)\s+half\b", " 1/2"),
    ("third", r"(?<=[0-9])\s+and\s+(?:a|1)\s+third\b", " 1/3"),
    ("quarter", r"(?<=[0-9])\s+and\s+(?:a|1)\s+quarter\b", " 1/4"),
    ("-", r"(?<=[0-9])-(?=(?:half|halves|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?"
          r"|eighths?|ninths?|tenths?)\b)", " "),
    ("(or", r"\(\s*(or\s[^()]*)\)", r" \1"),
    (".", r"(?<=[0-9\s{}~])([apAP])\.\s?[mM]\b\.?", r" \1m"),
    ("m", r"(?<=[0-9])([apAP]m)\b", r" \1"),
    ("t", rf"\^\s*\{{\s*(?:{_TEXT})?\s*\{{?\s*(?:st|nd|rd|th)\s*\}}?\s*\}}", ""),
    ("d", rf"\^\s*\{{\s*(?:{_TEXT})?\s*\{{?\s*(?:nd|rd)\s*\}}?\s*\}}", ""),
    ("t", rf"\^?\s*{_TEXT}\s*\{{\s*-?\s*(?:st|th)\s*\}}|(?<=[0-9])-(?:st|th)\b", ""),
    ("d", rf"\^?\s*{_TEXT}\s*\{{\s*-?\s*(?:nd|rd)\s*\}}|(?<=[0-9])-(?:nd|rd)\b", ""),
    ("mod", rf"\({_GAP}*(?:{_TEXT}\s*\{{\s*)?\\?b?mod(?:ulo)?(?![a-z])\s*\}}?{_GAP}*"
            r"([0-9]+|[a-z]|\{[0-9a-z]+\})\s*\)", r"\\pmod{\1}"),
    ("prime", r"\^\s*(?:\{\s*\\prime\s*\}|\\prime(?![a-z]))", "'"),
    ("prime", r"\^\s*\{\s*\\prime\s*\\prime\s*\}", "''"),
    ("frac", rf"(?<=[0-9}}]){_GAP}*\\[dt]?frac\s*\{{\s*({_UNIT})\s*\}}\s*\{{\s*({_UNIT})\s*\}}",
     r" \1/\2"),
    ("2", r"(?<=[0-9])(\s*)([ckm]?m|ft|in|yd)2(?![0-9A-Za-z])", r"\1\2^2"),
    ("3", r"(?<=[0-9])(\s*)([ckm]?m|ft|in|yd)3(?![0-9A-Za-z])", r"\1\2^3"),
    ("\\mu", rf"(?<=[0-9]){_GAP}*\\mu\s*(?:{_TEXT}\s*\{{\s*([msgLF])\s*\}}|([msgLF])(?![A-Za-z]))",
     r"\\text{ u\1\2}"),
    (")", rf"(?<=[0-9}}]){_GAP}*\(\s*({_TEXT}\s*\{{\s*(?:{_UNITS})\s*\}}|[ckm]m)\s*\)\s*$", r" \1"),
    ("]", rf"(?<=[0-9}}]){_GAP}*\[\s*({_TEXT}\s*\{{\s*(?:{_UNITS})\s*\}}|[ckm]m)\s*\]\s*$", r" \1"),
    ("(", rf"(?<=[0-9]){_GAP}*{_TEXT}\s*\{{\s*\(\s*({_UNITS})\s*\)\s*\}}\s*$", r"\\text{ \1}"),
    ("<", r"^(\s*(?:[A-Za-z]\s*=\s*)?)(?:\\left\s*)?<([^<>=]{1,80},[^<>=]{1,80}?)"
          r"(?:\\right\s*)?>\s*$", r"\1\\langle \2\\rangle "),
    ("^", rf"(?<=[)\]])\s*\^\s*\{{?\s*(?:T|\\top|\\intercal|{_TEXT}\s*\{{T\}})\s*\}}?\s*$", ""),
    ("const", rf"\+\s*{_TEXT}\s*\{{\s*const(?:ant|\.)?\s*\}}", "+C"),
)  # fmt: skip
_REWRITTEN = tuple((sign, re.compile(pattern), meant) for sign, pattern, meant in _SPELLINGS)


def rewritten(text: str) -> str:
    """The text in the spelling that the grammar reads."""
    for sign, pattern, meant in _REWRITTEN:
        if sign in text:
            text = pattern.sub(meant, text)
    return text
