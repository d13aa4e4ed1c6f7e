"""All kinds of answers. Run as a program, it prints their table for docs/verifiers.md."""

from answer_expressions import EXPRESSIONS
from answer_groups import GROUPS
from answer_numbers import NUMBERS
from answer_places import CUT_OFF, PLACES
from answer_table import markdown
from answer_units import UNITS

EQUALITIES = (*NUMBERS, *UNITS, *EXPRESSIONS, *GROUPS)
"""Kinds whose given answers are contents of a box."""


def table() -> str:
    """Where an answer stands, and what is equal to what."""
    places, equalities = markdown((*PLACES, CUT_OFF)), markdown(EQUALITIES)
    return f"{places}\n\nIn a box:\n\n{equalities}"


if __name__ == "__main__":
    print(table())
