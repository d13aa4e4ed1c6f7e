"""Language consistency: which share of a text is in the target language.

DeepSeek-R1 (arXiv:2501.12948, section 2.3.2) pays for the share of target-language words, since a
policy that is trained on answers alone mixes languages in its reasoning. Here a sentence's language
is read off its scripts and, between languages that share the Latin one, off its function words.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from rlsys.config.ranges import among, ranged
from rlsys.errors import VerifierError, instead
from rlsys.markup import ANSWER, END_ANSWER, END_THINK, THINK
from verifiers.base import Completion, Status, Verdict

TARGETS = {"en": "English", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "ru": "Russian"}
OTHER = "other"
_CHARACTERS_PER_WORD = 2
"""Of Han and kana: Chinese words have about two characters."""
_PROSE_WORDS = 6

_ENGLISH = """
the of and to in is it that was for on are as with they be at this have from or by but not what all
were we when your can there an each which do how their if will so then because would these thus
hence let i you he she has had its our
"""
# German, French, Spanish, Italian, Portuguese, Dutch: function words that are no English words.
_OTHER_LATIN = """
und der das nicht ist ein eine mit wir sie ich auf für dass sich auch wird dem sind dann
les des est une que dans nous vous avec donc alors mais ce cette sont pas qui
el los las una por para como más entonces porque pero del esta este
il che di della sono quindi poi gli nel questo perché allora
uma não são então mas isso pelo ele
het een niet dat wij zijn dus maar voor deze wordt
"""
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`", re.DOTALL)
_MATHS = re.compile(
    r"\$\$.*?(?:\$\$|\Z)|\$[^$\n]+\$|\\\[.*?(?:\\\]|\Z)|\\\(.*?(?:\\\)|\Z)"
    r"|\\begin\{[a-z*]+\}.*?(?:\\end\{[a-z*]+\}|\Z)|\\[A-Za-z]+",
    re.DOTALL,
)
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_TAGS = re.compile("|".join(map(re.escape, (THINK, END_THINK, ANSWER, END_ANSWER))))
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏ"
_PROSE = re.compile(
    rf"(?:[{_LATIN}]{{1,20}}(?:['’][a-z]+)?[,;:]? ){{{_PROSE_WORDS - 1},}}[{_LATIN}]+"
)
# No `\w`, which is Han, too: of `首先3*4=12` the number alone is in no language.
_NAME = re.compile(
    rf"[{_LATIN}_0-9]*[_0-9][{_LATIN}_0-9]*|[a-z]+[A-Z][{_LATIN}_0-9]*|\b[A-Z]{{2,3}}\b"
)
_WORDS = {
    "latin": re.compile(rf"[{_LATIN}]{{2,}}(?:['’][a-z]+)?"),
    "han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"),
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "ko": re.compile(r"[\uac00-\ud7af]+"),
    "ru": re.compile(r"[\u0400-\u04ff]{2,}"),
    OTHER: re.compile(r"[\u0370-\u03ff\u0590-\u0fff]{2,}"),
}
_FUNCTION_WORDS = {"en": frozenset(_ENGLISH.split()), OTHER: frozenset(_OTHER_LATIN.split())}
_SENTENCE = re.compile(r"[^.!?。！？；\n]+")


@dataclass
class LanguageVerifier:
    """The share of words in the target language, from 0 to 1.

    Code, maths, names of variables, links and numbers are in no language. `correct` when the share
    reaches min_share.
    """

    target: str = among("en", TARGETS)
    """en, zh, ja, ko or ru."""
    min_share: float = ranged(0.9, least=0, most=1)
    """From which share on the status is correct; the reward is the share itself."""
    min_words: int = ranged(3, least=1)
    """With fewer words in any language there is nothing to judge: reward 0."""
    name: str = field(default="language", init=False)

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise VerifierError(f"language: target={self.target!r}{instead(self.target, TARGETS)}")

    def verify(self, completion: Completion) -> Verdict:
        """Grade the whole completion, reasoning included."""
        words = count_words(completion.text)
        total = words.total()
        if total < self.min_words:
            return Verdict(0.0, Status.UNPARSABLE, f"fewer than {self.min_words} words")
        share = words[self.target] / total
        if share >= self.min_share:
            return Verdict(share, Status.CORRECT)
        return Verdict(share, Status.WRONG, f"{share:.0%} of the words are {TARGETS[self.target]}")

    def self_test(self) -> list[tuple[Completion, float]]:
        """A sentence of each target, formulas and code in no language, and prose hidden in code."""
        sentences = {
            "en": "First we add both numbers, then we divide the sum by two.",
            "zh": "首先我们把两个数相加，然后除以二。",
            "ja": "まず二つの数を足して、それから二で割ります。",
            "ko": "먼저 두 수를 더한 다음 둘로 나눕니다.",
            "ru": "Сначала сложим оба числа, затем разделим сумму пополам.",
        }
        german = "Zuerst ist die Summe der Zahlen gesucht und dann wird sie mit zwei geteilt."
        own = sentences[self.target]
        cases = [(text, float(language == self.target)) for language, text in sentences.items()]
        cases += [
            (f"{own} $\\frac{{x_1+y}}{{2}}$ `max_value` \\boxed{{7}}", 1.0),
            (german, 0.0),
            (f"```\n{german}\n```", 0.0),
            ("$x+y=3$ 12345", 0.0),
        ]
        return [(Completion("", f"<think>{text}</think>", None), paid) for text, paid in cases]


def count_words(text: str) -> Counter[str]:
    """Words by language; those of no target under OTHER. Han and kana count half a word each."""
    counts: Counter[str] = Counter()
    for sentence in _SENTENCE.findall(_prose(text)):
        found = {script: word.findall(sentence) for script, word in _WORDS.items()}
        latin = found["latin"]
        lower = [word.lower() for word in latin]
        english, other = (
            sum(word in _FUNCTION_WORDS[language] for word in lower) for language in ("en", OTHER)
        )
        accented = sum(not word.replace("’", "'").isascii() for word in latin)
        is_other = other >= 2 and other > english
        counts[OTHER] += len(latin) if is_other else accented
        counts["en"] += 0 if is_other else len(latin) - accented
        counts["ja" if found["kana"] else "zh"] += len(found["han"]) + len(found["kana"])
        for script in ("ko", "ru", OTHER):
            counts[script] += len(found[script])
    for language in ("zh", "ja"):
        counts[language] = -(-counts[language] // _CHARACTERS_PER_WORD)
    return counts


def _prose(text: str) -> str:
    """The text with what is in no language taken out.

    Letters beyond Latin stay wherever they stand, and so do six plain words in a row: neither is
    code or maths, and a policy would else write its reasoning there.
    """
    text = _LINK.sub(" ", _TAGS.sub("\n", text))
    for zone in (_CODE, _MATHS):
        text = zone.sub(lambda found: "\n".join(_kept(found.group())) + "\n", text)
    return _NAME.sub(" ", text)


def _kept(zone: str) -> Iterator[str]:
    """Of a stretch of code or maths: runs of plain words, and words of other scripts."""
    for found in _PROSE.finditer(zone):
        yield found.group()
    for script, word in _WORDS.items():
        if script != "latin":
            yield (
                "".join(word.findall(zone))
                if script in ("han", "kana")
                else " ".join(word.findall(zone))
            )
