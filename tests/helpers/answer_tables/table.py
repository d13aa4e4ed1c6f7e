"""Kinds of answers, with the rule of each and answers that it pays and does not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_EXAMPLES = 2
"""Expected answers in the table of the docs, and examples of each."""

Rows = Mapping[Any, Sequence[str]]
"""For each expected answer, what completions give. A tuple of expected answers are alternatives."""


@dataclass(frozen=True)
class Kind:
    """One kind of answer. `paid` and `unpaid` are full completions, or contents of a box."""

    name: str
    rule: str
    paid: Rows
    unpaid: Rows
    prompt: str = ""
    one_way: bool = False
    """Expected and given cannot change places: a rounding of the expected answer, say."""

    def rows(self) -> Iterator[tuple[Any, str, float]]:
        """Expected answer, what is given, and the reward of it."""
        for rows, reward in ((self.paid, 1.0), (self.unpaid, 0.0)):
            for expected, all_given in rows.items():
                for given in all_given:
                    yield _expected(expected), given, reward


def markdown(kinds: Sequence[Kind]) -> str:
    """A table with a line for each kind."""
    lines = ["| kind | rule | right | wrong |", "|---|---|---|---|"]
    for kind in kinds:
        cells = [kind.name, kind.rule, _examples(kind.paid), _examples(kind.unpaid)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _examples(rows: Rows) -> str:
    return "; ".join(
        f"{', '.join(map(_code, given[:_EXAMPLES]))} for {_code(str(_expected(expected)))}"
        for expected, given in list(rows.items())[:_EXAMPLES]
    )


def _code(text: str) -> str:
    """Inline code of one line, in which a table's bars are escaped."""
    text = text.replace("\n", " ⏎ ").replace("|", "\\|")
    ticks = "``" if "`" in text else "`"
    return f"{ticks}{text}{ticks}"


def _expected(key: Any) -> Any:
    return list(key) if isinstance(key, tuple) else key
