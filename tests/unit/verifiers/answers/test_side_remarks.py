"""Numbers that a sentence says beside its value."""

import pytest

from verifiers.answers.side_remarks import is_side_remark
from verifiers.extract import final_answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("She has 27 apples, of which 9 are red.", "27"),
        ("So she has 27 apples after 3 days.", "27"),
        ("**27** apples: 9 red and 18 green.", "27"),
        ("There are **5** such values: 1, 2, 3, 4, 6.", "5"),
        ("She sold 72 clips (48 in April and 24 in May).", "72"),
        ("She earned $10 for 50 minutes of work.", "$10"),
        ("Hence $x=5$. Since $5>3$ this is valid.", "x=5"),
        ("She writes 3*4=12 pages.\n\nTo verify: 12/4 = 3.", "3*4=12"),
        ("So they spend 2*4=8 dollars in the 4 hours", "2*4=8 dollars"),
        ("That is 540 pounds / 3 = 180 pounds.", "180 pounds"),
        ("So 200 – 75 = 125", "200 – 75 = 125"),
        ("He needs at least 25+1=26 of them", "25+1=26"),
    ],
)
def test_value_of_the_main_clause_is_taken(text, value):
    found = final_answer(text)
    assert found is not None
    assert found.text == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("In 3 days she has 27 apples.", "27"),
        ("He buys 3 apples for $60.", "$60"),
        ("x=5, so she has 17 apples.", "17"),
        ("So 3 apples and 5 pears.", "5"),
        ("She gets it because 25 - 21 = 4", "25 - 21 = 4"),
        ("He has 2 boxes with 4 each, so 8 in total.", "8"),
        ("Of the 12, 5 remain.", "5"),
    ],
)
def test_last_number_of_a_plain_calculation_stays_the_answer(text, value):
    found = final_answer(text)
    assert found is not None
    assert found.text.split(" in ")[0] == value


@pytest.mark.parametrize(
    ("rest", "is_remark"),
    [
        (" apples, including 9 red ones.", True),
        (" apples per 3 days.", True),
        (" apples and 9 pears.", False),
        (" apples after 3 days, so 9 are left.", False),
        (" apples. Then he has 9.", False),
        (" apples. Note that 9 > 3.", True),
        (" apples.", True),
    ],
)
def test_clause_that_concludes_is_no_side_remark(rest, is_remark):
    assert is_side_remark(rest) is is_remark
