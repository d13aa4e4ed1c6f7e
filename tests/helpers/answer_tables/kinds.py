"""All kinds of answers. Run as a program, it prints their table for docs/verifiers.md."""

from tests.helpers.answer_tables.expressions import EXPRESSIONS
from tests.helpers.answer_tables.forms import FORMS
from tests.helpers.answer_tables.groups import GROUPS
from tests.helpers.answer_tables.numbers import NUMBERS
from tests.helpers.answer_tables.places import CUT_OFF, MARKED
from tests.helpers.answer_tables.spellings import SPELLED
from tests.helpers.answer_tables.table import markdown
from tests.helpers.answer_tables.units import UNITS
from tests.helpers.answer_tables.unmarked import UNMARKED

PLACES = (*MARKED, *UNMARKED)
EQUALITIES = (*NUMBERS, *UNITS, *EXPRESSIONS, *GROUPS, *SPELLED, *FORMS)
"""Kinds whose given answers are contents of a box."""


def table() -> str:
    """Where an answer stands, and what is equal to what."""
    places, equalities = markdown((*PLACES, CUT_OFF)), markdown(EQUALITIES)
    return f"{places}\n\nIn a box:\n\n{equalities}"


if __name__ == "__main__":
    print(table())
