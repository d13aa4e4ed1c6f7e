"""Multiple-choice rows: a question with its options, as in MMLU, ARC, AQuA."""

from rlsys.config.data import DataConfig
from rlsys.data.raw import RawRow, shown
from rlsys.data.rows import PromptKind, Row, build_row, question
from rlsys.errors import VerifierError
from verifiers.math.choice import index_of, read_options

COLUMNS = tuple(
    ("question", options, answer)
    for options in ("options", "choices")
    for answer in ("answer", "answerKey", "correct")
)
"""What such rows have, in the spellings of the data sets."""


def read_multiple_choice(raw: RawRow, config: DataConfig) -> Row:
    """The question with its options below it, (A) to (Z); the answer is the right letter.

    The expected answer may be a letter, an option's text, or its number counted from 0. The options
    go to info, where the verifier `choice` finds them.
    """
    column = next(name for name in ("answer", "answerKey", "correct") if name in raw.values)
    expected = "the letter, the text or the number (from 0) of an option"
    options_column = "options" if "options" in raw.values else "choices"
    try:
        options = read_options(raw.values)
        right = index_of(raw.value(column, expected), options)
    except VerifierError as error:
        raise raw.error(column, expected, f"{shown(raw.values.get(column))}: {error}") from error
    lines = [f"({label}) {text}" for label, text in zip(options.labels, options.texts, strict=True)]
    return build_row(
        raw,
        config,
        source="multiple_choice",
        kind=PromptKind.QUESTION,
        messages=question("\n".join([raw.text("question"), *lines])),
        expected=options.labels[right],
        info={"options": dict(zip(options.labels, options.texts, strict=True))}
        | raw.rest("question", options_column, column),
    )
