"""Words as an answer that is not marked: `So the fastest runner is Evelyn.`, `Yes.`, `It is odd.`

A sentence that denies, or leaves open, says no word. Numbers in words are among them.
"""

import re

from verifiers.answers.denials import MULTIPLIED
from verifiers.math.number_words import NUMBER

_MAX_CHARS = 400
"""Characters of a last sentence."""
_LEAD = r"(?:so|thus|hence|therefore|consequently|then)\b,?\s+"
_VERB = (
    r"\b(?:is|are|was|were|be|becomes?|equals?|falls|fell)\s+"
    r"(?:(?:therefore|thus|then|indeed|clearly|simply|exactly|an?|the|on|in)\s+){0,3}"
)
_WORDS = re.compile(rf"{_VERB}(?P<words>[A-Za-z-]+(?:\s+[A-Za-z-]+){{0,2}})$")
_NAME = re.compile(rf"^(?i:{_LEAD}).*(?i:{_VERB})(?P<words>[A-Z][a-z]+(?:\s+[A-Z][a-z]+){{0,2}})$")
_YES_OR_NO = re.compile(rf"(?:{_LEAD})?(?P<words>yes|no)(?:,.*)?", re.IGNORECASE)
_CONCLUDED_YES = re.compile(rf"{_LEAD}(?P<words>yes|no)", re.IGNORECASE)
_BEHAVES = re.compile(r"\b(?:the|this)\s+\w+\s+(?P<words>converges|diverges)$", re.IGNORECASE)
_WEEKDAY = re.compile(rf"(?i:{_VERB})(?P<words>(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)$")
_AND_A_HALF = re.compile(r"\s+and\s+(?:a|one)\s+(?:half|third|quarter)\b")
_TALK = re.compile(
    r"\b(?:i|we|you|he|she|it|this|that|they|there|what|who|how|sorry|thanks|ok|sure|idea|unknown)\b",
    re.IGNORECASE,
)
"""Words of a short text that names nothing: I give up."""
_OPEN = re.compile(
    r"n['’]t\b|\b(?:not|never|neither|nor|or|either|could|may|might|if|whether|maybe|perhaps|unless|cannot)\b",
    re.IGNORECASE,
)


def concluded(text: str) -> str | None:
    """The name, or the yes or no, that a last sentence without numbers concludes with."""
    sentence = _last_sentence(text)
    if _OPEN.search(sentence):
        return None
    if day := _WEEKDAY.search(sentence):
        return day["words"]
    if re.search(r"[0-9$\\]", sentence):
        return None
    found = _NAME.match(sentence) or _CONCLUDED_YES.fullmatch(sentence)
    return found["words"] if found else None


def word(text: str) -> str | None:
    """The words that a last sentence ends with behind `is`, or a whole text of three words."""
    sentence = _last_sentence(text)
    if not sentence or _OPEN.search(sentence) or re.search(r"[0-9$\\]", text[-_MAX_CHARS:]):
        return None
    numbers = list(NUMBER.finditer(sentence))
    is_mixed = bool(_AND_A_HALF.search(sentence))
    if len(numbers) == 1 and (is_mixed or numbers[0].group().lower() != "one"):
        behind = re.compile(
            rf"(?:{_AND_A_HALF.pattern}|-(?:hal(?:f|ves)|thirds?|quarters?|[a-z]+ths?)\b)?{MULTIPLIED}",
            re.IGNORECASE | re.VERBOSE,
        )
        end = behind.match(sentence, numbers[0].end())
        return sentence[numbers[0].start() : end.end() if end else None]
    found = (
        _YES_OR_NO.fullmatch(sentence.replace("*", ""))
        or _WORDS.search(sentence)
        or _BEHAVES.search(sentence)
    )
    if found:
        return found["words"]
    is_all = sentence == text.strip(" \n\t.!*_") and not _TALK.search(sentence)
    is_all = is_all and len(sentence.split()) <= 3
    return sentence if is_all else None


def _last_sentence(text: str) -> str:
    sentences = re.split(r"[.!?](?=\s|$)|\n", text[-_MAX_CHARS:].rstrip(" \n\t.!?*_"))
    return sentences[-1].strip(" \t*_")
