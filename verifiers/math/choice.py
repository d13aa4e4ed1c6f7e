"""Did a completion choose the right option of a multiple-choice question?"""

import re
import string
from dataclasses import dataclass, field
from typing import Any

from rlsys.config.ranges import ranged
from rlsys.errors import VerifierError
from verifiers.base import Completion, Status, Verdict
from verifiers.extract import final_answer
from verifiers.math.reading import choice_of, too_long
from verifiers.math.texts import as_text
from verifiers.math.verifier import MathVerifier

_COLUMNS = ("options", "choices")


@dataclass(frozen=True)
class Options:
    """The options of a question, in order."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass
class ChoiceVerifier:
    """Reward 1 when the answer names the right option: by its letter, its text, or both alike.

    The row brings `options` or `choices`: a list of texts, an object {"A": text, ...}, or {"label":
    [...], "text": [...]}. The expected answer is an option's letter, its text, or its number
    counted from 0.
    """

    deadline_s: float = ranged(2.0, above=0)
    """As of the verifier math, which compares an answer with the options' texts."""
    memory_mb: int = ranged(1024, least=256)
    """As of the verifier math."""
    name: str = field(default="choice", init=False)

    def __post_init__(self) -> None:
        self._math = MathVerifier(self.deadline_s, self.memory_mb)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the choice.

        Raises:
            VerifierError: there are no options, or the expected answer is none of them.
        """
        options = read_options(completion.info)
        right = index_of(completion.answer, options)
        truncated = completion.finish_reason == "length"
        found = final_answer(completion.text, completion.prompt, truncated)
        if found is None or not found.text:
            return Verdict(0.0, Status.UNPARSABLE, "no final answer")
        refused = too_long(found.text)
        if refused:
            return Verdict(0.0, Status.REJECTED, refused)
        chosen = self._chosen(found.text, options)
        expected = f"expected ({options.labels[right]}) {options.texts[right][:60]}"
        taken = f"{found.marker} {found.text[:80]!r}"
        if chosen is None:
            return Verdict(0.0, Status.UNPARSABLE, f"{taken} is none of the options, {expected}")
        read_as = f"{taken} read as ({options.labels[chosen]}), {expected}"
        if chosen != right:
            return Verdict(0.0, Status.WRONG, read_as)
        return Verdict(1.0, Status.CORRECT, read_as)

    def _chosen(self, text: str, options: Options) -> int | None:
        """The option that a text names; None for none, several, or a letter with another's text."""
        named = choice_of(text)
        if named is not None and named[0] in options.labels:
            index = options.labels.index(named[0])
            matches = self._equal(named[1], options) if named[1] else [index]
            return index if index in matches or not matches else None
        if text.strip() in options.labels:
            return options.labels.index(text.strip())
        matches = self._equal(text, options)
        return matches[0] if len(matches) == 1 else None

    def _equal(self, text: str, options: Options) -> list[int]:
        """The options whose text this is, as mathematics or as words."""
        same = [n for n, option in enumerate(options.texts) if as_text(option) == as_text(text)]
        return same or [
            number
            for number, option in enumerate(options.texts)
            if self._math.verify(Completion("", f"<answer>{text}</answer>", option)).reward
        ]

    def close(self) -> None:
        """End the proving process."""
        self._math.close()

    def self_test(self) -> list[tuple[Completion, float]]:
        """Letters, texts, both, and what is none of them."""
        options = {"options": ["12 cm", "13 cm", "14 cm", "15 cm"]}
        cases = {
            "The answer is (B).": 1.0,
            r"\boxed{\text{B}}": 1.0,
            "**B) 13 cm**": 1.0,
            r"so \boxed{13\text{ cm}}": 1.0,
            "The answer is (C).": 0.0,
            r"\boxed{\text{(B) } 14\text{ cm}}": 0.0,
            r"\boxed{A, B, C, D}": 0.0,
            "": 0.0,
        }
        return [(Completion("", text, "B", options), reward) for text, reward in cases.items()]


def read_options(info: dict[str, Any]) -> Options:
    """The options of a row.

    Raises:
        VerifierError: there is no such column, or it holds something else.
    """
    column = next((name for name in _COLUMNS if info.get(name)), None)
    value = info.get(column) if column else None
    if isinstance(value, dict) and {"label", "text"} <= value.keys():
        labels, texts = value["label"], value["text"]
    elif isinstance(value, dict):
        labels, texts = list(value), list(value.values())
    elif isinstance(value, list):
        labels, texts = list(string.ascii_uppercase[: len(value)]), value
    else:
        raise VerifierError(f"choice: the row has none of the columns {' and '.join(_COLUMNS)}")
    if len(labels) != len(texts) or len(texts) < 2 or len(set(map(str, labels))) < len(labels):
        raise VerifierError(
            f"choice: column {column}: expected two or more options, got {value!r:.80}"
        )
    names = tuple(str(label) for label in labels)
    return Options(names, tuple(map(_without_label, names, map(str, texts))))


def _without_label(label: str, text: str) -> str:
    """The `A)` that some data sets write into the option itself says nothing more."""
    begun = re.match(rf"\(?{re.escape(label)}[).:]\s*(?=\S)", text)
    return text[begun.end() :] if begun else text


def index_of(answer: Any, options: Options) -> int:
    """Which option an expected answer means: a letter, a text, or a number counted from 0.

    Raises:
        VerifierError: it means none of them, or several.
    """
    if (
        isinstance(answer, int)
        and not isinstance(answer, bool)
        and 0 <= answer < len(options.texts)
    ):
        return answer
    text = str(answer).strip()
    letter = text.strip("().").upper() if len(text.strip("().")) == 1 else text
    if letter in options.labels:
        return options.labels.index(letter)
    matches = [n for n, option in enumerate(options.texts) if as_text(option) == as_text(text)]
    if isinstance(answer, bool) or len(matches) != 1:
        raise VerifierError(
            f"choice: expected answer {answer!r:.80} is none of the options; there are: "
            + ", ".join(options.labels)
        )
    return matches[0]
