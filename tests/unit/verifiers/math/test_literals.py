"""Numbers as answers are written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.math.literals import Form, clean, danger, read_number, same


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", 18),
        ("025", 25),
        ("-5", -5),
        ("−5", -5),
        ("+3.", 3),
        (".35625", Fraction(57, 160)),
        ("$70,000", 70_000),
        (r"\$32,\!348", 32_348),
        (r"11,\! 111,\! 111,\! 100", 11_111_111_100),
        ("12{,}345.5", Fraction(24_691, 2)),
        (r"17\,000", 17_000),
        ("-$5", -5),
        ("$-5", -5),
        ("3/4", Fraction(3, 4)),
        (r"-\frac{3}{2}", Fraction(-3, 2)),
        (r"\frac{-3}{2}", Fraction(-3, 2)),
        (r"\frac34", Fraction(3, 4)),
        (r"\dfrac{270}7\text{ degrees}", Fraction(270, 7)),
        (r"137 \frac{1}{2}", Fraction(275, 2)),
        ("137 1/2", Fraction(275, 2)),
        (r"1.5 \times 10^{3}", 1500),
        ("2e-3", Fraction(1, 500)),
        (r"145^\circ", 145),
        (r"864 \mbox{ inches}^2", 864),
        (r"5\text{ m}", 5),
        ("17 apples", 17),
        ("17 km/h.", 17),
        ("$12$ dollars", 12),
        ("$x = 17$", 17),
        ("The answer is: 17.", 17),
        ("**42**", 42),
        (r"\(42\)", 42),
        (r"\text{42}", 42),
    ],
)
def test_number_is_read_exactly(text, value):
    number = read_number(clean(text))
    assert number is not None
    assert number.value == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "two", "nan", "inf", "1_0", "１２", "٣", "0x10", "--5", "5-", "1 2", "1,2"),
        *("1,000,00", "3*4", "3+4", "10^6", "2^{10}", "4/0", r"\frac{1}{0}", "1/2/3"),
        *("2k", "2m", "5 m", "5ab", "2i", "x17", "17 or 18", "17 or six", "17 million"),
        *("17 and a half", r"3 \text{ million}", "7 sqrt", r"\sqrt{4}", "y = 2x + 3", "(3)"),
    ],
)
def test_what_is_not_one_plain_number_is_refused(text):
    assert read_number(clean(text)) is None


@given(st.integers(-(10**30), 10**30), st.integers(0, 12))
def test_every_way_to_write_a_decimal_has_its_value(digits, places):
    value = Fraction(digits, 10**places)
    sign, text = ("-" if digits < 0 else ""), str(abs(digits)).rjust(places + 1, "0")
    whole, part = (text[:-places], text[-places:]) if places else (text, "")
    for written in (whole, f"{int(whole):,}", "00" + whole):
        number = read_number(f"{sign}{written}.{part}")
        assert number is not None
        assert number.value == value
        assert number.decimals == places


@given(st.integers(-999, 999), st.integers(1, 999))
def test_slash_and_frac_are_the_same_number(above, below):
    slash, frac = read_number(f"{above}/{below}"), read_number(rf"\frac{{{above}}}{{{below}}}")
    assert slash is not None
    assert slash == frac
    assert (slash.value, slash.form) == (Fraction(above, below), Form.FRACTION)


@given(st.text(st.sampled_from("0123456789.,/-+$% {}\\fractxeo^()_=")))
def test_cleaning_and_reading_never_raise(text):
    read_number(clean(text))


@pytest.mark.parametrize(
    ("expected", "given_text", "equal"),
    [
        ("0.5", "1/2", True),
        ("50", "50%", True),
        ("0.5", "50%", True),
        ("50%", "0.5", True),
        ("50%", "50%", True),
        ("50%", "5000", False),
        ("1/3", "0.333333", True),
        ("1/3", "0.333333333", True),
        ("1/3", "0.33333", False),
        ("1/3", "0.333334", False),
        ("0.333333", "1/3", True),
        ("1/8", "0.125000001", False),
        ("1/3000000", "0.000000", False),
        ("12345678901234567890", "12345678901234567891", False),
    ],
)
def test_equality_is_exact_but_for_percent_and_repeating_decimals(expected, given_text, equal):
    first, second = read_number(clean(expected)), read_number(clean(given_text))
    assert first is not None
    assert second is not None
    assert same(first, second) is equal


@pytest.mark.parametrize(
    "text",
    [
        *("9**9**9", "9^9^9", "9^{9^{9}}", "9^{(9^{9})}", "e^{e^{e^{9}}}", "2^{100000}"),
        *("9" * 201, "1," * 201, "(" * 11, "{" * 500, "x" * 1001, "123456!", "(9!)!", "9!!"),
    ],
)
def test_dangerous_text_is_named(text):
    assert danger(text)


@pytest.mark.parametrize(
    "text",
    [
        r"x^2y^2z^2 - 5x^{26} - 15x^9 - 35x^4",
        r"2^{4950}",
        r"e^{x^2}",
        r"\cos(6^\circ)\sin(12^\circ)\csc(18^\circ)",
        r"\left( -\frac{9}{2} , -2 \right) \cup \left( \frac{1 - \sqrt{5}}{2}, 3 \right)",
        r"\frac{20!}{10! \cdot 10!}",
    ],
)
def test_ordinary_answers_are_not_dangerous(text):
    assert danger(text) == ""
