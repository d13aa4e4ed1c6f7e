"""Where a verifier stands, and an answer in one line, for messages."""

import sys

from rlsys.faults import shorten

_ANSWER_CHARS = 120


def file_of(verifier: object) -> str:
    """The file that a verifier's class, or the function that it wraps, stands in; empty where
    there is none."""
    made_of = getattr(verifier, "function", type(verifier))
    return getattr(sys.modules.get(made_of.__module__), "__file__", None) or ""


def where_of(verifier: object, method: str = "") -> str:
    """`FILE:LINE` of what grades: the function that a verifier wraps, else its own method; or of
    the method that is named."""
    kind = type(verifier)
    grading = getattr(verifier, "function", None) or getattr(kind, "verify_all", None)
    made_of = getattr(kind, method, None) if method else grading or getattr(kind, "verify", None)
    code = getattr(made_of, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else file_of(verifier)


def quoted(answer: str) -> str:
    """An answer in one short line; its end shows that there is more."""
    return repr(shorten(answer, _ANSWER_CHARS))
