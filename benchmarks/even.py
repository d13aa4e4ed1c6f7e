"""A plug-in that pays for an even number of characters: a signal in what a random model says."""

from verifiers.base import Completion, Status, Verdict


class Even:
    """1 for an even number of characters, else 0."""

    name = "even"

    def verify(self, completion: Completion) -> Verdict:
        """By the text's length alone."""
        is_even = len(completion.text) % 2 == 0
        return Verdict(float(is_even), Status.CORRECT if is_even else Status.WRONG)

    def self_test(self) -> list[tuple[Completion, float]]:
        """One of each."""
        return [(Completion("", "ab", None), 1.0), (Completion("", "abc", None), 0.0)]


VERIFIERS = {"even": Even}
