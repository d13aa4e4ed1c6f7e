"""Words beside a value that keep it from being an answer (`it is not 5`), or make another of it.

All of them are looked for within a few dozen characters of the value.
"""

import re

_REACH = 60
"""Characters before and behind a value that are looked at."""
_NOT_MEANT = re.compile(
    r"(?:n['’]t|not|never|cannot)\s+(?:think|believe|say|mean|sure|certain|know)\b[^.!?\n]*$"
    r"|\b(?:if|whether|suppose|unless)\b[^.!?,\n]*$",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"(?:n['’]t|\b(?:not|never|cannot|neither|nor|except|excluding|unlike|instead\s+of|no\s+longer"
    r"|(?:other|rather|different)\s+(?:than|from)|anything\s+but|(?:reject|discard)(?:s|ed|ing)?"
    r"|excludes?|rul(?:e|es|ed|ing)\s+out))"
    r"(?:\s+(?:be|been|being|have|has|equals?|to|the|an?|in|get|give|exactly|actually|really"
    r"|necessarily|values?|number|answer|solution|of|option|choice|is))*[\s$*_:({]*(?:\\\(\s*)?$"
    r"|(?:≠|\\neq?)[\s$*_({]*$"
    r"|(?:不(?:可能|会|能|应该?|再)*(?:是|为|等于|得|取)?|[并绝而]?非|除了)[\s$*_:：({]*$",
    re.IGNORECASE,
)
_REFUTED = re.compile(
    r"[\s$*_)}]*(?:\\\)\s*)?(?:,?\s*(?:which|but\s+(?:that|this|it))\s+)?"
    r"(?:(?:is|was|are|would\s+be|seems|looks)\s+(?:clearly\s+|obviously\s+|also\s+|definitely\s+)?"
    r"(?:wrong|incorrect|impossible|invalid|extraneous|a\s+mistake|too\s+(?:big|small|large|high|low)"
    r"|not\s+(?:it\b|the|right|correct|a\s+solution|possible|valid|allowed|what))"
    r"|(?:isn['’]t|cannot\s+be|can['’]t\s+be|won['’]t\s+work|does\s*n[o'’]t\s+work)\b)"
    r"|[\s$*_)}，,（(]*(?:\\\)\s*)?(?:这?(?:显然|明显)?是?(?:不对|错的?误?|不正确|不成立|不可能|不符合?题意|不合题意)|应?舍去)",
    re.IGNORECASE,
)
BOUNDED = r"""
    (?:at\s+(?:least|most)|(?:more|less|fewer|greater|larger|smaller|bigger|higher|lower)\s+than
       (?:\s+or\s+equal\s+to)?|exceed(?:s|ing)?|under|over|above|below|between|within)\b
"""
"""What makes a bound of the value behind it: `at least 5` says no value."""
CHANGED_IN_CHINESE = re.compile(
    r"(?:至少|至多|最少有|最多有|不[少多小大]于|[大小高低多少]于(?:等于)?|不?超过|不[足到止]|根号|减去|乘以?|除以"
    r"|一半|[0-9一二三四五六七八九十两几数]倍|分之[一二三四五六七八九十]|倒数|相反数|[平立]方)[是为]?[\s$*_:：({]*$"
)
"""Words right before a value that make another value of it, or a bound."""
MULTIPLIED = r"""
    (?:\s+(?:hundred|thousand|million|billion|trillion|dozen|half|halves|thirds?|quarters?|fourths?
        |fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|hundredths?|thousandths?|pi|score|gross
        |percent(?:age)?(?:\s+points?)?|per\s+cent|[ap]\.?m)\b\.?
      |[ ]?(?:[百千](?![克米瓦])|[万亿]|打(?![算开电]))|个?百分点)*
"""
"""Words behind a value that make another one of it."""


def is_denied(text: str, at: int) -> bool:
    """Does the sentence say, before this place, that it does not mean what follows?"""
    return is_negated(text, at) or bool(_NOT_MEANT.search(text[max(0, at - _REACH) : at]))


def is_negated(text: str, at: int) -> bool:
    """Do the words right before this place deny what follows: `it is not`, `other than`?"""
    return bool(_NEGATED.search(text[max(0, at - _REACH) : at]))


def is_refuted(text: str, at: int) -> bool:
    """Does the sentence say, from this place on, that what stands before is wrong?"""
    return bool(_REFUTED.match(text[at : at + _REACH]))
