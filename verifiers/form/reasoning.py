"""R_CoT: does the chain of thought reason, as far as its form can tell?

Three tests, all of which must hold: long enough for its question, joined by connective words, and
built as analysis, steps, conclusion. Repetition does not help: a sentence counts once for the
length, a word once for the connectives, a sentence once for the steps.
"""

import re
from dataclasses import dataclass, field

from rlsys.config.ranges import ranged
from rlsys.markup import read
from verifiers.base import Completion, Status, Verdict

ENGLISH_CONNECTIVES = frozenset(
    (
        *("first", "second", "third", "next", "then", "after", "now", "finally", "also"),
        *("so", "thus", "hence", "therefore", "thereby", "consequently", "because", "since"),
        *("but", "however", "instead", "alternatively", "otherwise", "wait", "moreover"),
        *("if", "given", "let", "assume", "suppose", "similarly"),
    )
)
CHINESE_CONNECTIVES = (
    *("首先", "其次", "然后", "接着", "再", "最后", "所以", "因此", "因而", "于是", "从而", "故"),
    *("因为", "由于", "但是", "然而", "不过", "如果", "假设", "设", "已知", "同理", "另外", "可得"),
)
_ANALYSIS = re.compile(
    r"\b(?:first|start(?:ing)?|begin|given|let|know|known|need|needs|find|compute|calculate|"
    r"problem|question|asked?|suppose|assume|consider|want|step\s+(?:1|one)|each|total)\b"
    r"|首先|题目|问题|已知|需要|要求|求|设|假设|考虑|第一步|分析",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"[0-9A-Za-z)}\]]\s*=\s*[-+(\\0-9A-Za-z$]"
    r"|\b(?:then|next|second|third|now|after|step\s+[0-9]+|because|since|gives?|add|subtract|"
    r"multiply|divide|substitut(?:e|ing)|simplify(?:ing)?)\b"
    r"|其次|然后|接着|第[二三四五六七八九]步|因为|由于|代入|化简|得到|可得",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"\b(?:so|thus|hence|therefore|finally|consequently|answer|result|conclusion)\b"
    r"|\\boxed|所以|因此|因而|综上|最后|故|答案|结论",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]+")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|[。！？；\n]+")
_SPACE = re.compile(r"\s+")


@dataclass
class ReasoningVerifier:
    """Reward 1 when the chain of thought passes all three tests, else 0.

    The chain is the text inside `<think>`; in a completion without the tag, all of its text.
    """

    min_ratio: float = ranged(0.5, least=0)
    """Characters of the chain (white space and repeated sentences aside) per character of the
    question. 0.5 asks for some work on any question and still passes short arithmetic."""
    min_connectives: int = ranged(2, least=0)
    """Different connective words, English or Chinese."""
    min_steps: int = ranged(2, least=0)
    """Different sentences that take a step, before the conclusion."""
    extra_connectives: list[str] = field(default_factory=list)
    """Further connective words, in lower case: single words in a Latin script, else any text."""
    name: str = field(default="reasoning", init=False)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the form of the chain; info["question"], where given, is the bare question."""
        reading = read(completion.text, completion.prompt, completion.finish_reason == "length")
        chain = reading.visible if reading.thinking is None else reading.thinking
        question = str(completion.info.get("question") or completion.prompt)
        tests = {
            "length": self._is_long_enough(chain, question),
            "connectives": self._count_connectives(chain) >= self.min_connectives,
            "structure": self._has_structure(chain),
        }
        failed = [test for test, passed in tests.items() if not passed]
        return Verdict(
            reward=0.0 if failed else 1.0,
            status=Status.WRONG if failed else Status.CORRECT,
            reason=f"fails on {', '.join(failed)}" if failed else "",
            components={test: float(passed) for test, passed in tests.items()},
        )

    def _is_long_enough(self, chain: str, question: str) -> bool:
        written = sum(len(_SPACE.sub("", sentence)) for sentence in set(_sentences(chain)))
        asked = len(_SPACE.sub("", question))
        return written > 0 and written >= self.min_ratio * asked

    def _count_connectives(self, chain: str) -> int:
        lower = chain.lower()
        words = set(_WORD.findall(lower))
        extra = set(self.extra_connectives)
        english = words & (ENGLISH_CONNECTIVES | extra)
        other = {w for w in extra if not _WORD.fullmatch(w)}.union(CHINESE_CONNECTIVES)
        return len(english) + sum(word in lower for word in other)

    def _has_structure(self, chain: str) -> bool:
        """Analysis in the first sentences, then steps, then a conclusion at the end.

        A sentence of analysis may be a step, too (`first 3*4=12`). The conclusion is the last
        sentence but one at the earliest, and comes after the steps.
        """
        sentences = _sentences(chain)
        begin = next((i for i, s in enumerate(sentences) if _ANALYSIS.search(s)), None)
        tail = range(max(0, len(sentences) - 2), len(sentences))
        end = next((i for i in reversed(tail) if _CONCLUSION.search(sentences[i])), None)
        if begin is None or end is None or begin > len(sentences) // 2:
            return False
        steps = {s for s in sentences[begin:end] if _STEP.search(s)}
        return len(steps) >= self.min_steps

    def self_test(self) -> list[tuple[Completion, float]]:
        """A chain that reasons, one that only repeats itself, one that is missing."""
        question = "A pen costs 2 coins more than a book of 5 coins. What do 3 pens cost?"
        chain = (
            "First, we need the price of a pen. It costs 5 + 2 = 7 coins. Then 3 pens cost "
            "3 * 7 = 21 coins. So the answer is 21."
        )

        def case(text: str) -> Completion:
            return Completion("", text, None, {"question": question})

        padded = "so then first 1=1. " * 200
        return [
            (case(f"<think>{chain}</think><answer>21</answer>"), 1.0),
            (case(f"<think>{padded}</think><answer>21</answer>"), 0.0),
            (case("<think>21</think><answer>21</answer>"), 0.0),
            (case(""), 0.0),
        ]


def _sentences(chain: str) -> list[str]:
    return [s for s in (part.strip() for part in _SENTENCE_END.split(chain)) if s]
