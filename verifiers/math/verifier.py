"""Is the final answer of a completion mathematically the expected one?

Both are read into trees by a grammar of our own and compared by kind, exactly and in microseconds.
Only that two different-looking expressions are equal is proved elsewhere: by sympy, in a process
that can be killed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rlsys.config.ranges import ranged
from rlsys.errors import VerifierError
from verifiers.answers.boxes import last_boxed
from verifiers.base import Completion, Status, Verdict
from verifiers.extract import FinalAnswer, after_hashes, final_answer
from verifiers.math.compare import equal
from verifiers.math.copied import copied_from
from verifiers.math.forms import is_in_asked_form
from verifiers.math.notation import MAX_CHARS
from verifiers.math.process import MathProcess, Outcome
from verifiers.math.reading import (
    Answer,
    choice_of,
    clean,
    read_answer,
    read_expected,
    too_long,
)
from verifiers.math.texts import as_text, date_of, same_date, says
from verifiers.math.tree import Node, node
from verifiers.math.units import asked_unit
from verifiers.math.values import TooLargeError
from verifiers.math.words import algebra

_MAX_EXPECTED_CHARS = 20_000
_READINGS = ((True, True), (False, True), (True, False))
"""Commas as thousands or not, letters as units or not: an answer is read as the expected one is."""
_LISTS = ("list", "tuple", "set", "chain", "union", "meet", "minus", "or", "and", "matrix")
_WORKED = re.compile(
    r"\s*(?:\$|\\displaystyle\s*)?(?:\\(?:lim|i*int|oint|sum|prod|det|Pr|max|min|sup|operatorname)(?![a-z])"
    r"|\\(?:frac\s*\{d|mathbb\s*\{[EP]\}|left\s*\.|text\s*\{[^{}]*\}\s*[(\[]|[#|]|lVert)"
    r"|[^=]{1,80}[-+*](?:\s|\{\})*\\[lc]?dots(?![a-z])"
    r"|(?:[EP]|Var|Cov)\s*[\[(]|\|[A-Z]|[a-z]\^\{?-1\}?\()"
)
"""How the name of a value begins that the grammar does not read: E[X], P(A|B), a limit."""
_STATUS_OF = {
    Outcome.TIMEOUT: Status.TIMEOUT,
    Outcome.MEMORY: Status.MEMORY,
    Outcome.CRASH: Status.CRASH,
}


class _UndecidedError(Exception):
    """The proof ended without a result."""

    def __init__(self, status: Status, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True)
class Explanation:
    """How an answer was read: which text, by which rule, as what, and compared with what."""

    taken: str
    rule: str
    read_as: str
    expected: str
    expected_as: str


@dataclass
class MathVerifier:
    """Reward 1 when the final answer equals the expected one, else 0.

    The expected answer is a number, a LaTeX text, a GSM8K solution (`... #### 18`), a solution
    with a `\\boxed{}`, or a list of these, any of which is right.
    """

    deadline_s: float = ranged(2.0, above=0)
    """CPU seconds of one proof; ordinary ones take 1 to 100 ms."""
    memory_mb: int = ranged(1024, least=256)
    """Address space of the proving process, MiB; it starts with about 100."""
    name: str = field(default="math", init=False)

    def __post_init__(self) -> None:
        self.process = MathProcess(self.deadline_s, self.memory_mb)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the final answer.

        Raises:
            VerifierError: the expected answer cannot be read, or the proving process does not run.
        """
        expected = [_expected_text(text) for text in _alternatives(completion.answer)]
        truncated = completion.finish_reason == "length"
        found = final_answer(completion.text, completion.prompt, truncated)
        if found is None or not found.text:
            return _verdict(Status.UNPARSABLE, "no final answer")
        verdict = _verdict(Status.UNPARSABLE, "nothing to compare with")
        for one in expected:
            verdict = self._compare(one, found, completion.prompt)
            if verdict.status is Status.CORRECT:
                break
        return verdict

    def _compare(self, expected: str, found: FinalAnswer, prompt: str) -> Verdict:
        if _looks_the_same(expected, found.text):
            return _verdict(Status.CORRECT, f"{found.marker} {found.text[:80]!r}, as expected")
        refused = too_long(found.text)
        if refused:
            return _verdict(Status.REJECTED, refused)
        if date_of(expected) is not None:  # 2021-03-14 is no difference
            told = _told(found, read_expected(expected), None, "another date, or none")
            return _verdict(Status.WRONG, told)
        verdict = self._read_and_judge(expected, found, prompt)
        for part in _parts_of(found.text, expected):
            if verdict.status is Status.CORRECT:
                break
            again = self._read_and_judge(expected, FinalAnswer(part, found.marker), prompt)
            verdict = again if again.status is Status.CORRECT else verdict
        return verdict

    def _read_and_judge(self, expected: str, found: FinalAnswer, prompt: str) -> Verdict:
        status, detail, given = Status.UNPARSABLE, "", None
        for thousands, letter_units in _READINGS:
            if not thousands and not _is_list(read_expected(expected)):
                continue
            wanted = read_expected(expected, thousands, letter_units)
            given = read_answer(found.text, thousands, letter_units)
            status, detail = self._judge(wanted, given, prompt)
            if status is Status.CORRECT or not (given.ambiguous or wanted.ambiguous):
                break
        assert given is not None
        return _verdict(status, _told(found, read_expected(expected), given, detail))

    def _judge(self, expected: Answer, given: Answer, prompt: str) -> tuple[Status, str]:
        chosen = _by_choice(expected, given)
        if chosen is not None:
            return (Status.CORRECT if chosen else Status.WRONG), ""
        if given.tree is None:
            return Status.UNPARSABLE, given.problem
        if expected.tree is None:
            return Status.WRONG, ""
        wanted = expected.tree
        if given.tree.op == "unit" and wanted.op in ("num", "div", "mixed"):
            wanted = _in_asked_unit(wanted, prompt)
        try:
            right = equal(algebra(wanted), algebra(given.tree), self._prove)
        except TooLargeError as error:
            return Status.REJECTED, str(error)
        except _UndecidedError as error:
            return error.status, error.detail
        if right and copied_from(given.tree, expected.tree, prompt):
            return Status.WRONG, "it repeats the question's expression and is not worked out"
        if right and not is_in_asked_form(given.tree, expected.tree, prompt):
            return Status.WRONG, "it is equal, and not in the form that the question asks for"
        return (Status.CORRECT if right else Status.WRONG), ""

    def _prove(self, expected: Node, given: Node) -> bool:
        comparison = self.process.compare(expected, given)
        if comparison.outcome in _STATUS_OF:
            raise _UndecidedError(_STATUS_OF[comparison.outcome], comparison.detail)
        return comparison.outcome is Outcome.EQUAL

    def close(self) -> None:
        """End the proving process; the next question starts another."""
        self.process.close()

    def self_test(self) -> list[tuple[Completion, float]]:
        """Numbers, a LaTeX answer that needs a proof, and near misses."""

        def case(answer: Any, text: str, prompt: str = "") -> Completion:
            return Completion(prompt, text, answer)

        return [
            (case("#### 1,234", "<think>t</think><answer>1234</answer>"), 1.0),
            (case("025", r"so it is \boxed{25}"), 1.0),
            (case(r"\frac{\sqrt{2}}{2}", r"\boxed{\frac{1}{\sqrt{2}}}"), 1.0),
            (case(r"\frac{\sqrt{2}}{2}", r"\boxed{\frac{1}{\sqrt{3}}}"), 0.0),
            (case("17", "<answer>18</answer>"), 0.0),
            (case("17", "<answer>3*4+5</answer>", "What is 3*4+5?"), 0.0),
            (case("17", "<answer>9**9**9</answer>"), 0.0),
            (case("17", ""), 0.0),
        ]


def explain(completion: Completion) -> Explanation | None:
    """How `MathVerifier.verify` reads an answer; None when there is none.

    Raises:
        VerifierError: the expected answer cannot be read.
    """
    truncated = completion.finish_reason == "length"
    found = final_answer(completion.text, completion.prompt, truncated)
    if found is None:
        return None
    expected = [_expected_text(text) for text in _alternatives(completion.answer)]
    refused = too_long(found.text)
    return Explanation(
        taken=found.text[:MAX_CHARS],
        rule=found.marker.value,
        read_as=refused or read_answer(found.text).shown,
        expected=" or ".join(expected),
        expected_as=" or ".join(read_expected(text).shown for text in expected),
    )


def _verdict(status: Status, reason: str) -> Verdict:
    return Verdict(1.0 if status is Status.CORRECT else 0.0, status, reason)


def _told(found: FinalAnswer, expected: Answer, given: Answer | None, detail: str = "") -> str:
    """`boxed '24' read as 24, expected 25`: what was taken, by which rule, as what."""
    read_as = f" read as {given.shown}" if given is not None else ""
    more = f" ({detail})" if detail else ""
    told = f"{found.marker} {found.text[:80]!r}{read_as}, expected {expected.shown}{more}"
    return told.encode("utf-8", "backslashreplace").decode()


def _is_list(expected: Answer) -> bool:
    """Only where several numbers are expected are the commas of 1,234 anything but thousands."""
    return expected.tree is not None and expected.tree.op in _LISTS


def _in_asked_unit(expected: Node, question: str) -> Node:
    """A bare number with the unit that the question asks for: 45 cents are no 45 dollars."""
    unit = asked_unit(question)
    return node("unit", expected, unit) if unit else expected


def _alternatives(answer: Any) -> list[str]:
    values = answer if isinstance(answer, list) and answer else [answer]
    for value in values:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise VerifierError(
                f"expected answer {str(answer)[:80]!r} is a {type(value).__name__}, "
                "not a number, a text or a list of these"
            )
    return [str(value) for value in values]


def _expected_text(text: str) -> str:
    wanted = clean(after_hashes(text) or last_boxed(text) or text)
    if not wanted or len(wanted) > _MAX_EXPECTED_CHARS:
        raise VerifierError(f"expected answer {text[:80]!r} of {len(wanted)} characters")
    return wanted


def _looks_the_same(expected: str, given: str) -> bool:
    """Found before the bounds: an expected answer may itself hold what they refuse."""
    if len(given) > 3 * len(expected) + 100:
        return False
    if clean(given) == expected or says(as_text(expected), given):
        return True
    said = given.partition(" is ")[2] or given  # The day is October 30
    if (date := date_of(expected)) is not None:
        other = date_of(said)
        return other is not None and same_date(date, other)
    if read_expected(expected).tree is not None:
        return False
    return as_text(expected) in (as_text(given), as_text(said))


def _parts_of(given: str, expected: str) -> Iterator[str]:
    """What an answer that is not right as a whole says besides: the text of its option, the day of
    its date, what a limit or an integral is equal to."""
    chosen = choice_of(given)
    if chosen is not None and chosen[1]:
        yield chosen[1]
    if expected.isdecimal() and (date := date_of(given)) is not None:
        yield str(date[1])
    worked, equals, value = given.rpartition("=")
    if equals and _WORKED.match(worked):
        yield value


def _by_choice(expected: Answer, given: Answer) -> bool | None:
    """The letter of an option, with or without its text; None when this is about no options."""
    wanted, chosen = choice_of(expected.text), choice_of(given.text)
    if wanted is None:
        return None
    letter, text = wanted
    if chosen is None:
        return True if given.text.upper() == letter else None
    if chosen[0] != letter:
        return False
    if not text or not chosen[1]:
        return True
    return clean(chosen[1]).casefold() == clean(text).casefold()
