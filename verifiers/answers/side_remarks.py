"""What a sentence says beside its value: `27 apples, of which 9 are red`, `27 apples after 3 days`.

The numbers there are no answers. They stand in brackets, behind a word that begins such a clause,
or as parts behind a colon; a clause that concludes something (`so`, `in total`, `=`) is none.
"""

import re

_VALUE = re.compile(r"[0-9$½π]|\\[(\[]")
_NUMBER = re.compile(r"[0-9][0-9.,/]*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_BRACKETS = re.compile(r"\((?=[^()]*[A-Za-z]{2})[^()=]*\)")
_AFTERTHOUGHT = re.compile(
    r"[\s*_]*(?:(?:since|because)\b[^,=]*$|(?:indeed|note|check|verif|recall|remember|to\s+(?:verify|check|confirm)"
    r"|(?:let\s+(?:us|me)|let['’]s)\s+(?:verify|check|confirm))\b"
    r"|[^=]{0,60}\b(?:confiden(?:t|ce)|certain(?:ty)?|sure)\b)",
    re.IGNORECASE,
)
_SURE = re.compile(
    r",?\s*\b(?:with|at)\s+(?:an?\s+)?(?:about\s+)?[0-9.]+\s*(?:\\?%|percent)?\s*(?:confidence|certainty)",
    re.IGNORECASE,
)
_ATTAINED = re.compile(
    r"[^0-9=;:]{0,60}?\b(?:at|when|for|if|by)\s+\$?\(?[A-Za-z]\s*=\s*[^,;=]{1,40}", re.IGNORECASE
)
"""Where an extremum is: `42, attained at x = 3`."""
_CONCLUDES = re.compile(
    r"\b(?:so|thus|hence|therefore|then|totals?|totaling|altogether|leav(?:es|ing)|giv(?:es|ing)|left|remain\w*"
    r"|mak(?:es|ing)|which\s+(?:means|gives|is|makes|leaves|equals)|equals?)\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|has|have|had|and|but|or|will|would|can|need(?:s|ed)?|gets?|got|costs?)\b|[=;:]",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"(?P<noun>[^0-9=;:]*?),?\s*\b(?:of\s+(?:which|whom)|including|because|since|where|whereas|while"
    r"|such\s+that|as\s+of|compared\s+(?:to|with)|(?:up|down)\s+from)\b(?P<clause>.*)",
    re.IGNORECASE | re.DOTALL,
)
_WEAK = re.compile(
    r"(?P<noun>[^0-9=;:,]*?)\b(?P<word>after|for(?!\s+(?:only\s+|just\s+)?[$€£])|per|each|every|before|until|within|during"
    r"|(?:more|less|fewer)\s+than"
    r"|to(?=\s+(?!(?:about|only|just|nearly|almost|exactly|over|an?|the|his|her|their|its)\b)[a-z]{2}[a-z]*\b)"
    r"|in(?=\s+(?:the\s+(?:first|last|next|past)\s+)?(?:\S+\s+)?"
    r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b|\s+[12][0-9]{3}\b(?!\s*[a-z(])))\b(?P<clause>.*)",
    re.IGNORECASE | re.DOTALL,
)
_WEAK_BEHIND_RESULT = re.compile(
    r"(?P<noun>[^0-9=;:,]*?)\b(?P<word>after|before|for|per|each|every|until|within|during|in|with|to|on|from|at|of"
    r"|when|if|than|that|who)\b(?P<clause>.*)",
    re.IGNORECASE | re.DOTALL,
)
_GOES_ON = re.compile(r",\s|\band\b(?!\s+[$]?[0-9][0-9.,]*\s+[a-z])", re.IGNORECASE)
_PARTS = re.compile(r"(?P<noun>[^.:;=0-9]*)[:：](?=\s)(?P<clause>.*)", re.DOTALL)
_MONEY = re.compile(r"\s*[0-9.,]+\s*(?:cents?|dollars?|euros?|pounds)\b", re.IGNORECASE)


def is_side_remark(rest: str, is_result: bool = False) -> bool:
    """Does what follows a value, up to the end of the text, hold values of side remarks only?

    Args:
        is_result: the value is the right side of a calculation, which weaker words keep up.
    """
    first, *others = _SENTENCE_END.split(_SURE.sub("", _BRACKETS.sub(" ", rest)))
    if any(_VALUE.search(other) and not _AFTERTHOUGHT.match(other) for other in others):
        return False
    return not _VALUE.search(first) or _is_side_clause(first, is_result)


def _is_side_clause(clause: str, is_result: bool) -> bool:
    if _ATTAINED.fullmatch(clause.strip(" .")):
        return True
    parts = _PARTS.match(clause)
    if parts and not _VERB.search(parts["noun"]) and "=" not in parts["clause"]:
        return len(_NUMBER.findall(parts["clause"])) > 1 and not _CONCLUDES.search(parts["clause"])
    strong = _STRONG.match(clause)
    if strong and not _VERB.search(strong["noun"]):
        return "=" not in strong["clause"] and not _CONCLUDES.search(strong["clause"])
    weak = (_WEAK_BEHIND_RESULT if is_result else _WEAK).match(clause)
    if weak is None or _VERB.search(weak["noun"]) or _CONCLUDES.search(clause):
        return False
    if is_result:
        return "=" not in clause and not _GOES_ON.search(weak["clause"])
    return not (_VERB.search(weak["clause"]) or "," in clause or _MONEY.match(weak["clause"]))
