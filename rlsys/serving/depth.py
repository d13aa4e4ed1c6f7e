"""How deep to think about a question in its conversation: long for mathematics and code, not at
all for small talk."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from rlsys.thinking.difficulty import Predictor, TextPredictor, budget

_MATHEMATICS = re.compile(
    r"\d\s*[-+*/^=%]\s*\d|\\(?:frac|sqrt|sum|int|boxed)|\$[^$]+\$|\bx\b|"
    r"\b(?:solve|equation|integral|derivative|prove|theorem|sum of|how many|probability|percent|"
    r"integer|triangle|area|average|ratio|remainder|divide|multiply|calculate|compute)\b|"
    r"方程|证明|求|多少|概率|三角形|面积|计算|几何",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"```|\bdef \w+\(|\bclass \w+|\breturn\b|;\s*$|\b(?:python|javascript|rust|c\+\+|sql|regex|"
    r"function|algorithm|compile|stack trace|traceback|exception|bug|refactor|unit test|"
    r"implement|codebase|api)\b|代码|函数|算法|报错",
    re.IGNORECASE | re.MULTILINE,
)
_SMALL_TALK = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|evening|night|day)|thanks?|thank you|bye|goodbye|ok|okay|"
    r"cool|great|nice|lol|how are you|what'?s up|who are you|你好|谢谢|再见|早上好|晚安|好的)"
    r"(?:\s+(?:there|you|a lot|so much|very much|today|again|then|all|everyone))*\W*$",
    re.IGNORECASE,
)
_FOLLOW_UP_WORDS = 12


class Domain(StrEnum):
    """What a question is about, as far as thinking is concerned."""

    MATHEMATICS = "mathematics"
    CODE = "code"
    GENERAL = "general"
    SMALL_TALK = "small_talk"


class Classifier(Protocol):
    """Says what a question is about."""

    def classify(self, earlier: Sequence[str], question: str) -> Domain:
        """earlier: the conversation's questions before this one, oldest first."""
        ...


@dataclass(frozen=True)
class KeywordClassifier:
    """By signs of mathematics and code, in English and Chinese. A short question without signs of
    its own (`and with 7?`, `why?`) is about what the one before was about."""

    def classify(self, earlier: Sequence[str], question: str) -> Domain:
        """See Classifier."""
        if _SMALL_TALK.match(question.strip()):
            return Domain.SMALL_TALK
        signs = {
            Domain.CODE: len(_CODE.findall(question)),
            Domain.MATHEMATICS: len(_MATHEMATICS.findall(question)),
        }
        strongest = max(signs, key=lambda domain: signs[domain])
        if signs[strongest]:
            return strongest
        if earlier and len(question.split()) <= _FOLLOW_UP_WORDS:
            before = self.classify(earlier[:-1], earlier[-1])
            return Domain.GENERAL if before is Domain.SMALL_TALK else before
        return Domain.GENERAL


@dataclass(frozen=True)
class Depth:
    """A thinking budget for each question: its domain gives the range, its difficulty the place
    in it."""

    ranges: dict[Domain, tuple[int, int]] = field(
        default_factory=lambda: {
            Domain.MATHEMATICS: (512, 16_384),
            Domain.CODE: (512, 16_384),
            Domain.GENERAL: (64, 2_048),
            Domain.SMALL_TALK: (0, 0),
        }
    )
    """Least and most thinking tokens of each domain."""
    classifier: Classifier = field(default_factory=KeywordClassifier)
    predictor: Predictor = field(default_factory=TextPredictor)

    def budget(self, earlier: Sequence[str], question: str) -> int:
        """Thinking tokens; 0 is the no-think template: the block is closed as soon as it opens."""
        least, most = self.ranges[self.classifier.classify(earlier, question)]
        return budget(self.predictor.predict("", question), least, most)
