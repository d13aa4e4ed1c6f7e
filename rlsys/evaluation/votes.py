"""Samples as votes: which final answers are equal, in the verifier's sense."""

from collections.abc import Callable, Sequence

from rlsys.errors import VerifierError
from rlsys.evaluation.estimators import Votes
from verifiers.base import Completion, Status, Verifier
from verifiers.extract import final_answer

Equal = Callable[[str, str], bool]


def count_votes(answers: Sequence[str | None], right: Sequence[bool], equal: Equal) -> Votes:
    """Sort samples into classes of equal answers.

    What the verifier called right is one class: each is equal to the expected answer. The others
    are compared with one another, each with the first member of every class there is.

    Args:
        answers: [n] final answers, None where there is none.
        right: [n] the verifier's word.
        equal: whether two answers are the same.
    """
    abstained, num_right = 0, 0
    texts: dict[str, int] = {}
    for answer, is_right in zip(answers, right, strict=True):
        if is_right:
            num_right += 1
        elif answer is None:
            abstained += 1
        else:
            texts[answer.strip()] = texts.get(answer.strip(), 0) + 1
    classes: dict[str, int] = {}
    for text, count in texts.items():
        same = next((first for first in classes if equal(first, text)), text)
        classes[same] = classes.get(same, 0) + count
    return Votes(num_right, tuple(classes.values()), abstained)


def answer_of(text: str, prompt: str, finish_reason: str) -> str | None:
    """The final answer that a completion gives; None when it gives none."""
    found = final_answer(text, prompt, finish_reason == "length")
    return found.text if found is not None and found.text else None


def equal_by(verifier: Verifier) -> Equal:
    """Equality as a verifier sees it: `b` graded against the expected answer `a`. What cannot be
    an expected answer, such as a text of many thousand characters, equals nothing else."""

    def equal(a: str, b: str) -> bool:
        try:
            verdict = verifier.verify(Completion("", f"<answer>{b}</answer>", a))
        except VerifierError:
            return False
        return verdict.status is Status.CORRECT

    return equal
