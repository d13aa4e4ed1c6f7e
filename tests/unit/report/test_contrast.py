"""Every text can be read on what is behind it: WCAG 2.1, 1.4.3, a contrast of 4.5 at least."""

import re

import pytest

from tests.helpers.places import ROOT

CSS = (ROOT / "rlsys" / "report" / "page.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
MIXES = re.findall(r"\.(\w+) \{ background: color-mix\(in srgb, var\(--(\w+)\) (\d+)%", CSS)
TEXTS = ("ink", "faint", "good", "bad", "accent", *(f"c{i}" for i in range(8)))


def channels(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(rgb: list[float]) -> float:
    """Relative, of sRGB."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[float], other: list[float]) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_can_be_read_on_the_page_and_on_what_is_raised(palette: dict[str, str]) -> None:
    for text in TEXTS:
        for behind in ("paper", "raised"):
            found = contrast(channels(palette[text]), channels(palette[behind]))
            assert found >= 4.5, (text, behind)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_a_coloured_token_can_be_read(palette: dict[str, str]) -> None:
    assert len(MIXES) >= 20
    ink, paper = channels(palette["ink"]), channels(palette["paper"])
    for name, colour, percent in MIXES:
        share = int(percent) / 100
        pairs = zip(channels(palette[colour]), paper, strict=True)
        behind = [share * a + (1 - share) * b for a, b in pairs]
        assert contrast(ink, behind) >= 4.5, name
