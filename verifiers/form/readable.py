"""Whether a text keeps to one language, whichever it is, and says nothing twice."""

import re
from dataclasses import dataclass, field

from rlsys.config.ranges import ranged
from rlsys.markup import ANSWER, END_ANSWER, END_THINK, THINK
from verifiers.base import Completion, Status, Verdict
from verifiers.form.language import count_words

_TAGS = re.compile("|".join(map(re.escape, (THINK, END_THINK, ANSWER, END_ANSWER))))
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|[。！？；\n]+")


@dataclass
class ReadableVerifier:
    """The share of words in the text's main language, times that of sentences that differ.

    Each is a column of its own; `one_language` is 1 where no word is of another language.

    A measure, beside `language`, which wants one language above others.
    """

    min_reward: float = ranged(0.9, least=0, most=1)
    """From which reward on the status is correct."""
    name: str = field(default="readable", init=False)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the whole completion, reasoning included."""
        counts = count_words(completion.text)
        total = counts.total()
        if not total:
            return Verdict(0.0, Status.UNPARSABLE, "no words in any language")
        purity = max(counts.values()) / total
        text = _TAGS.sub("\n", completion.text)
        sentences = [s for s in (part.strip() for part in _SENTENCE_END.split(text)) if s]
        variety = len(set(sentences)) / len(sentences)
        reward = purity * variety
        right = reward >= self.min_reward
        parts = {"purity": purity, "one_language": float(purity == 1), "variety": variety}
        reason = "" if right else f"{purity:.0%} in one language, {variety:.0%} of it said once"
        return Verdict(reward, Status.CORRECT if right else Status.WRONG, reason, parts)

    def self_test(self) -> list[tuple[Completion, float]]:
        """One language, two, and a sentence that is said again."""
        cases = {
            "<think>first we add both numbers. so the answer is 7.</think>": 1.0,
            "<think>首先3+4=7。所以答案是7。</think>": 1.0,
            "first add them. first add them.": 0.5,
            "we add 3+4. 我们相加得到七。": 2 / 3,
            "12345": 0.0,
        }
        return [(Completion("", text, None), reward) for text, reward in cases.items()]
