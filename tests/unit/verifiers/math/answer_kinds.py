"""All kinds of answers. Run as a program, it prints their table for docs/verifiers.md."""

from answer_expressions import EXPRESSIONS
from answer_forms import FORMS
from answer_groups import GROUPS
from answer_numbers import NUMBERS
from answer_places import CUT_OFF, MARKED
from answer_spellings import SPELLED
from answer_table import markdown
from answer_units import UNITS
from answer_unmarked import UNMARKED

PLACES = (*MARKED, *UNMARKED)
EQUALITIES = (*NUMBERS, *UNITS, *EXPRESSIONS, *GROUPS, *SPELLED, *FORMS)
"""Kinds whose given answers are contents of a box."""


def table() -> str:
    """Where an answer stands, and what is equal to what."""
    places, equalities = markdown((*PLACES, CUT_OFF)), markdown(EQUALITIES)
    return f"{places}\n\nIn a box:\n\n{equalities}"


if __name__ == "__main__":
    print(table())
