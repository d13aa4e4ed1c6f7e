"""A second opinion on answers that are numbers, by other means than the verifier `math`.

No grammar, no sympy: the last number of the answer as it is written, against the expected one. It
abstains where the expected answer is no number, so nothing is said of other kinds.
"""

import re
from decimal import Decimal, InvalidOperation

from rlsys.markup import read
from verifiers.base import Completion, Status, Verdict

_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


class LastNumber:
    """Right where the last number of the answer is the expected one."""

    name = "last_number"

    def verify(self, completion: Completion) -> Verdict:
        """ABSTAINED where no number is expected."""
        expected = _number(str(completion.answer))
        if expected is None:
            return Verdict(None, Status.ABSTAINED, "the expected answer is no number")
        cut = completion.finish_reason == "length"
        reading = read(completion.text, completion.prompt, cut)
        answer = reading.visible if reading.answer is None else reading.answer
        numbers = _NUMBER.findall(answer)
        if not numbers:
            return Verdict(0.0, Status.UNPARSABLE, "the answer has no number")
        is_right = _number(numbers[-1]) == expected
        return Verdict(float(is_right), Status.CORRECT if is_right else Status.WRONG, numbers[-1])

    def self_test(self) -> list[tuple[Completion, float]]:
        """Of the form that it reads."""
        return [
            (Completion("", "<think>1</think><answer>so 1,200</answer>", "1200"), 1.0),
            (Completion("", "<answer>7</answer>", "8"), 0.0),
        ]


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
