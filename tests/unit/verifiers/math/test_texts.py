"""Dates, and yes or no."""

import pytest

from verifiers.math.texts import as_text, date_of, same_date, says


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("October 30", ("oct", 30, "")),
        (r"\displaystyle \text{October 30}", ("oct", 30, "")),
        (r"\text{30th of Oct.}", ("oct", 30, "")),
        ("Monday, October 30, 2026", ("oct", 30, "2026")),
        ("the 1st of May 1999", ("may", 1, "1999")),
        ("30", None),
        ("October", None),
        ("October 30 or 31", None),
        ("not October 30", None),
        ("October 300", None),
    ],
)
def test_date_is_a_day_with_its_month(text, date):
    assert date_of(text) == date


def test_a_year_counts_where_both_dates_have_one():
    assert same_date(("may", 1, ""), ("may", 1, "1999"))
    assert not same_date(("may", 1, "1998"), ("may", 1, "1999"))
    assert not same_date(("may", 1, ""), ("may", 2, ""))


@pytest.mark.parametrize(
    ("expected", "given", "is_said"),
    [
        ("yes", "Yes, it is.", True),
        ("yes", r"\text{Yes. All of them.}", True),
        ("no", "Yes, it is.", False),
        ("yes", "Yes, no, I do not know.", False),
        ("yes", "Yes or no", False),
        ("odd", "odd, as f(-x) = -f(x)", False),
    ],
)
def test_a_sentence_that_begins_with_yes_or_no_says_it(expected, given, is_said):
    assert says(expected, given) is is_said


def test_text_is_compared_without_layout():
    assert as_text(r"\text{October }30^{\text{th}}") == as_text("october 30")
