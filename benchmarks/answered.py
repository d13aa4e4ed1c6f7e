"""The reward of both sides of `throughput.py --trl`: a plug-in of rlsys, and a function of TRL's.

It pays 0.7 for the expected number between answer tags, and up to 0.3 for characters, so that
completions grow to their limit on both sides, as the local task's do.
"""

from typing import Any

from verifiers.base import Completion, Status, Verdict

_CHARACTERS, _RIGHT = 80, 0.7


def paid(text: str, expected: Any) -> float:
    """In [0, 1]."""
    is_right = f"<answer>{expected}</answer>" in text
    return 0.7 * is_right + 0.3 * min(1.0, len(text) / _CHARACTERS)


class Answered:
    """`paid` as a verifier."""

    name = "answered"

    def verify(self, completion: Completion) -> Verdict:
        """By the text alone."""
        reward = paid(completion.text, completion.answer)
        return Verdict(reward, Status.CORRECT if reward >= _RIGHT else Status.WRONG)

    def self_test(self) -> list[tuple[Completion, float]]:
        """One of each."""
        right, wrong = ("x" * _CHARACTERS + f"<answer>{n}</answer>" for n in (3, 4))
        return [(Completion("", right, "3"), 1.0), (Completion("", wrong, "3"), 0.3)]


VERIFIERS = {"answered": Answered}
