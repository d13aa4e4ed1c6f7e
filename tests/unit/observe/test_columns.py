import pytest

from rlsys.observe.columns import COLUMNS, cells, duration, figure, headings, that_fit


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (92.4, "1:32"), (3599, "59:59"), (3900, "1h05m"), (86_399, "23h59m"),
     (183_600, "2d03h")],
)  # fmt: skip
def test_a_time_left_takes_six_characters_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (3.7e-10, "3.7e-10"), (-0.01234, "-0.0123"), (2.5, "2.50"), (412.3, "412"),
     (12_345.6, "12k"), (1e-6, "1.0e-6"), (float("nan"), "nan"), (float("inf"), "inf")],
)  # fmt: skip
def test_a_figure_of_any_size_keeps_its_leading_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_screen_of_80_columns_shows_what_matters_most() -> None:
    shown = [column.heading for column in that_fit(80 - len("100/100"), with_late=True)]
    assert shown[:9] == ["left", "reward", "pass@1", "loss", "grad", "lr", "KL", "nosig", "cut"]
    assert "clip" not in shown
    assert that_fit(1000, with_late=True) == list(COLUMNS)
    assert that_fit(3, with_late=True) == []


def test_figures_stand_under_their_headings_and_what_a_step_lacks_is_blank() -> None:
    columns = that_fit(36, with_late=True)
    line = cells(columns, {"reward/mean": 0.51234, "policy/loss": -0.01234})
    assert headings(columns) == "  left reward pass@1    loss    grad"
    assert line == "        0.512        -0.0123        "
