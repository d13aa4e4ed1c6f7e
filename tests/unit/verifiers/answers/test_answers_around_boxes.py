"""What stands around a box, and whether it belongs to its value."""

import time

import pytest

from verifiers.answers.boxes import last_boxed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"$-\boxed{5}$", "-5"),
        (r"$x = -\boxed{5}$", "-5"),
        (r"so -\boxed{5}", "-5"),
        (r"$2\boxed{5}$", "2(5)"),
        (r"$10-\boxed{5}$", "10-5"),
        (r"$\boxed{5}\sqrt2$", r"5\sqrt2"),
        (r"$\boxed{-5}^2$", "(-5)^2"),
        (r"$\boxed{x+1}^2$", "(x+1)^2"),
        (r"$\boxed{5}!$", "5!"),
        (r"\[\boxed{5}\cdot 10^3\]", r"5\cdot 10^3"),
        (r"$\frac{1}{\boxed{5}}$", r"\frac{1}{5}"),
        (r"$\frac{\boxed{1}}{5}$", r"\frac{1}{5}"),
        (r"$\sqrt{\boxed{5}}$", r"\sqrt{5}"),
        (r"\boxed{5}^2", "5^2"),
        (r"\boxed{5}\%", r"5\%"),
        (r"\boxed{5} million people", "5 million"),
        (r"$\boxed{5}$ dozen", "5 dozen"),
        (r"**\boxed{5}** thousand", "5 thousand"),
        (r"$\boxed{5}\text{ million}$", r"5\text{ million}"),
        (r"$\boxed{6}/\boxed{5}$", "(6) / (5)"),
        (r"\boxed{-\boxed{5}}", "-5"),
        (r"\boxed{\frac{1}{\boxed{5}}}", r"\frac{1}{5}"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{6} or perhaps \boxed{5}", "6, 5"),
    ],
)
def test_what_belongs_to_the_value_is_taken_with_it(text, value):
    assert last_boxed(text) == value


@pytest.mark.parametrize(
    "text",
    [
        r"$x = \boxed{5}$",
        r"$x \ge \boxed{5}$",
        r"$10 - \boxed{5} = 5$",
        r"$\boxed{5} + 1 = 6$",
        r"$\boxed{5} \approx 5.01$",
        r"\boxed{5} cm",
        r"$\boxed{5}$ apples",
        r"$\boxed{5}\text{ cm}$",
        r"It is \boxed{5}!",
        r"- \boxed{5}",
        "\\boxed{5}\n\nHalf of them",
        r"It costs $5 and it is \boxed{5}$",
        r"\boxed{4}. So \boxed{4} + \boxed{1} = \boxed{5}",
        r"$\boxed{5}\quad\blacksquare$",
        r"\boxed{5}, not \boxed{6}",
        r"It is not \boxed{6} but \boxed{5}",
        r"\boxed{5}, as \boxed{6} is wrong",
    ],
)
def test_what_does_not_belong_to_the_value_leaves_it_alone(text):
    assert last_boxed(text) == "5"


@pytest.mark.parametrize(
    "text",
    [
        r"The answer is not \boxed{5}.",
        r"It cannot be \boxed{5}",
        r"$x \neq \boxed{5}$",
        r"\boxed{5} is wrong",
        r"anything but \boxed{5}",
    ],
)
def test_denied_box_is_no_answer(text):
    assert last_boxed(text) is None


def test_degrees_behind_a_box_are_kept():
    assert last_boxed(r"$\angle A = \boxed{5}^\circ$") == r"5^\circ"


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{" + "_" * 20_000 + "5}",
        r"\boxed{" + "..." * 10_000 + "5}",
        r"\boxed{" + "the " * 20_000 + "5}",
        r"\boxed{" * 10_000 + "5" + "}" * 10_000,
        r"\boxed{1} + " * 10_000,
        r"$\boxed{1}\sqrt{" * 5_000,
    ],
)
def test_hostile_boxes_cost_what_their_length_says(text):
    begin = time.process_time()
    last_boxed(text)
    assert time.process_time() - begin < 2
