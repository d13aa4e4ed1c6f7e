"""Which part of a completion a model is shown: its final answer, or all of it."""

from enum import StrEnum

from rlsys.errors import VerifierError, instead
from verifiers.base import Completion
from verifiers.extract import graded_scope


class Part(StrEnum):
    """answer: what follows the reasoning, without the tags. whole: the reasoning, too."""

    ANSWER = "answer"
    WHOLE = "whole"


def read_part(verifier: str, value: str) -> Part:
    """The part that an option names.

    Raises:
        VerifierError: there is none of this name.
    """
    if value not in list(Part):
        raise VerifierError(
            f"{verifier}: part={value!r}{instead(value, [str(part) for part in Part])}"
        )
    return Part(value)


def graded_text(completion: Completion, part: Part) -> str:
    """The text to be graded, without white space around it."""
    if part is Part.WHOLE:
        return completion.text.strip()
    truncated = completion.finish_reason == "length"
    return graded_scope(completion.text, completion.prompt, truncated).strip()


def asked_question(completion: Completion) -> str:
    """The bare question where the data has it, else the prompt."""
    return str(completion.info.get("question") or completion.prompt)
