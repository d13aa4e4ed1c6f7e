"""Is the final answer of a completion mathematically the expected one?

Numbers are read by a strict grammar and compared exactly, in microseconds. Everything else goes to
math-verify, behind guards, in a process that can be killed.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rlsys.config.ranges import ranged
from rlsys.errors import VerifierError
from verifiers.base import Completion, Status, Verdict
from verifiers.extract import after_hashes, final_answer, last_boxed
from verifiers.math.literals import Form, Number, clean, danger, read_number, same
from verifiers.math.process import Comparison, MathProcess, Outcome

_BASED = re.compile(r"\(?(-?[0-9][0-9A-Fa-f]*)\)?(?:_(?:\{\s*([0-9]{1,2})\s*\}|([0-9])))?")
_LAYOUT = re.compile(r"\\left(?![a-z])|\\right(?![a-z])|\\displaystyle|(?<!\\)\\[!,;: ]")
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf|textrm)\s*\{([^{}]*)\}")
_SPACES = re.compile(r"(?<![0-9])\s+|\s+(?![0-9])")
_MAX_EXPECTED_CHARS = 20_000

_STATUS_OF = {
    Outcome.EQUAL: Status.CORRECT,
    Outcome.DIFFERENT: Status.WRONG,
    Outcome.UNPARSABLE: Status.UNPARSABLE,
    Outcome.TIMEOUT: Status.TIMEOUT,
    Outcome.MEMORY: Status.MEMORY,
    Outcome.CRASH: Status.CRASH,
}


@dataclass(frozen=True)
class Expected:
    """One expected answer, read once for all completions of its prompt."""

    text: str
    number: Number | None
    based: tuple[str, str] | None
    """Digits and base of a numeral such as 40_9."""


@dataclass
class MathVerifier:
    """Reward 1 when the final answer equals the expected one, else 0.

    The expected answer is a number, a LaTeX text, a GSM8K solution (`... #### 18`), a solution
    with a `\\boxed{}`, or a list of these, any of which is right.
    """

    expressions: bool = False
    """Accept an expression where the expected answer is a number: 2^{10} for 1024. Off in training,
    where a policy learns to copy the question (3*4+5 for 17); on for evaluations that are compared
    with published figures."""
    deadline_s: float = ranged(2.0, above=0)
    """CPU seconds of one math-verify comparison; ordinary ones take 1 to 100 ms."""
    memory_mb: int = ranged(1024, least=256)
    """Address space of the comparing process, MiB; it starts with about 100."""
    name: str = field(default="math", init=False)

    def __post_init__(self) -> None:
        self.process = MathProcess(self.deadline_s, self.memory_mb)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the final answer.

        Raises:
            VerifierError: the expected answer cannot be read, or math-verify does not run.
        """
        expected = [_read_expected(text) for text in _alternatives(completion.answer)]
        truncated = completion.finish_reason == "length"
        found = final_answer(completion.text, completion.prompt, truncated)
        if found is None or not found.text:
            return _verdict(Status.UNPARSABLE, "no final answer")
        verdict = _verdict(Status.UNPARSABLE, "nothing to compare with")
        for one in expected:
            verdict = self._compare(one, found.text)
            if verdict.status is Status.CORRECT:
                break
        return verdict

    def _compare(self, expected: Expected, given: str) -> Verdict:
        if expected.number is None and _reads_the_same(expected.text, given):
            return _verdict(Status.CORRECT, "")
        reason = danger(given)
        if reason:
            return _verdict(Status.REJECTED, reason)
        given = clean(given)
        if expected.based is not None:
            return _compare_based(expected.based, given)
        number = read_number(given) if expected.number is not None else None
        if expected.number is not None and number is not None:
            return self._compare_numbers(expected.number, number, given)
        if expected.number is not None and not self.expressions:
            return _verdict(Status.UNPARSABLE, f"expected a number, got {given[:80]!r}")
        return _from_process(self.process.compare(expected.text, given), given)

    def _compare_numbers(self, expected: Number, given: Number, text: str) -> Verdict:
        if not same(expected, given):
            return _verdict(Status.WRONG, f"{text[:80]!r} is not the expected number")
        whole = expected.form is Form.PLAIN and expected.value.denominator == 1
        if whole and given.form is Form.FRACTION and not self.expressions:
            return _verdict(Status.WRONG, f"{text[:80]!r} is not worked out")
        return _verdict(Status.CORRECT, "")

    def close(self) -> None:
        """End the math-verify process; the next question starts another."""
        self.process.close()

    def self_test(self) -> list[tuple[Completion, float]]:
        """Numbers, a LaTeX answer that needs math-verify, and near misses."""

        def case(answer: Any, text: str) -> Completion:
            return Completion("", text, answer)

        return [
            (case("#### 1,234", "<think>t</think><answer>1234</answer>"), 1.0),
            (case("025", r"so it is \boxed{25}"), 1.0),
            (case(r"\frac{\sqrt{2}}{2}", r"\boxed{\frac{1}{\sqrt{2}}}"), 1.0),
            (case(r"\frac{\sqrt{2}}{2}", r"\boxed{\frac{1}{\sqrt{3}}}"), 0.0),
            (case("17", "<answer>18</answer>"), 0.0),
            (case("17", "<answer>9**9**9</answer>"), 0.0),
            (case("17", ""), 0.0),
        ]


def _verdict(status: Status, reason: str) -> Verdict:
    return Verdict(1.0 if status is Status.CORRECT else 0.0, status, reason)


def _from_process(comparison: Comparison, given: str) -> Verdict:
    status = _STATUS_OF[comparison.outcome]
    reason = "" if status is Status.CORRECT else f"{given[:80]!r}: {comparison.outcome}"
    return _verdict(status, f"{reason} ({comparison.detail})" if comparison.detail else reason)


def _alternatives(answer: Any) -> list[str]:
    values = answer if isinstance(answer, list) and answer else [answer]
    for value in values:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise VerifierError(
                f"math: expected answer {str(answer)[:80]!r} is a {type(value).__name__}, "
                "not a number, a text or a list of these"
            )
    return [str(value) for value in values]


@lru_cache(maxsize=4096)
def _read_expected(text: str) -> Expected:
    text = after_hashes(text) or last_boxed(text) or text
    text = clean(text)
    if not text or len(text) > _MAX_EXPECTED_CHARS:
        raise VerifierError(f"math: expected answer {text[:80]!r} of {len(text)} characters")
    based = _BASED.fullmatch(text)
    if based and (based[2] or based[3]):
        return Expected(text, None, (_digits(based[1]), based[2] or based[3]))
    return Expected(text, read_number(text), None)


def _compare_based(expected: tuple[str, str], given: str) -> Verdict:
    """Numerals such as 40_9: the digits and, where the answer gives one, the base."""
    digits, base = expected
    found = _BASED.fullmatch(_plain(given))
    if found is None:
        return _verdict(Status.UNPARSABLE, f"{given[:80]!r} is not a numeral in base {base}")
    same_base = (found[2] or found[3] or base) == base
    if same_base and _digits(found[1]) == digits:
        return _verdict(Status.CORRECT, "")
    return _verdict(Status.WRONG, f"{given[:80]!r} is not the expected numeral")


def _digits(text: str) -> str:
    sign = "-" if text.startswith("-") else ""
    return sign + (text.removeprefix("-").lstrip("0").upper() or "0")


def _reads_the_same(expected: str, given: str) -> bool:
    """Found before the guards: an expected answer may itself hold what they refuse."""
    return len(given) <= 3 * len(expected) + 100 and _plain(given) == _plain(expected)


def _plain(text: str) -> str:
    """A text without layout, so that equal answers that only look different are found at once."""
    text = _TEXT.sub(r"\1", _LAYOUT.sub("", text))
    text = text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    return _SPACES.sub("", text.strip().removesuffix("."))
