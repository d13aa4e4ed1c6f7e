"""The page in Chromium: nothing in a text acts, it fits a phone, and it can be read and worked by
keyboard. Skipped where there is no browser (CONTRIBUTING.md)."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rlsys.report.page import report
from rlsys.report.sections import Point, Section, Shown
from tests.helpers.reported_run import make_run, metrics, write_samples

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: pip install playwright, beside apt's chromium"
)
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in the PATH")

Open = Callable[..., Any]
ACTING = (
    "</script><script>window.acted = 1</script>",
    "<img src=x onerror='window.acted = 2'>",
    "<svg onload='window.acted = 3'></svg>",
    "<iframe src='javascript:parent.acted = 4'></iframe>",
    "<style>* { display: none }</style>",
    "<a href='javascript:window.acted = 5' autofocus onfocus='window.acted = 6'>x</a>",
    "<img src='http://127.0.0.1:9/beacon'><link rel=stylesheet href='http://127.0.0.1:9/x.css'>",
)
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    return over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement));
  };
  const luminance = (rgb) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const element of document.querySelectorAll("main *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.getClientRects().length || element.disabled) continue;
    const style = getComputedStyle(element), back = behind(element);
    const isDrawn = element instanceof SVGElement;
    const front = over(rgba(isDrawn ? style.fill : style.color), back);
    const [high, low] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    const isLarge = parseFloat(style.fontSize) >= 24;
    const ratio = (high + 0.05) / (low + 0.05);
    const what = `${element.tagName} ${element.textContent.slice(0, 40)}`;
    found.push({ ratio, least: isLarge ? 3 : 4.5, what });
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all of these tests."""
    with playwright.sync_playwright() as engine:
        # root, as in a container, has no sandbox of Chromium's; the page comes from this test.
        found = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a report of a run whose texts are as asked, by its file."""
    contexts = []

    def open_page(text: str = "The answer is 4.", width: int = 1400, scheme: str = "light") -> Any:
        folder = make_run(
            tmp_path / f"run-{len(contexts)}",
            [metrics(step) for step in (1, 2, 3)],
            rates={0: [0.0, 0.5], 3: [1.0, 0.5]},
        )
        for step in (1, 2, 3):
            write_samples(folder, step, text=text, source=text[:80], reason=text)
        file = tmp_path / f"report-{len(contexts)}.html"
        file.write_text(report([folder], ask=lambda _: asked(text)), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("dialog", lambda dialog: page.asked.append(f"dialog {dialog.message}"))
        page.goto(file.as_uri())
        page.locator("button.hit").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("text", ACTING, ids=range(len(ACTING)))
def test_nothing_in_a_text_acts_or_is_fetched_and_all_of_it_is_shown(
    text: str, opened: Open
) -> None:
    page = opened(text)
    page.locator("button.hit").first.click()
    group = page.locator("main").inner_text()
    assert text.split("'")[0] in group
    page.wait_for_timeout(50)  # for what would act in a task of its own
    assert page.evaluate("window.acted") is None
    assert len(page.asked) == 1  # the file


@pytest.mark.parametrize("width", [1400, 400])
def test_nothing_is_wider_than_the_screen(width: int, opened: Open) -> None:
    page = opened("a long word: " + "x" * 5000, width)
    page.locator("button.hit").first.click()
    page.wait_for_timeout(50)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_that_is_shown_has_wcags_contrast(scheme: str, opened: Open) -> None:
    page = opened(scheme=scheme)
    page.locator("button.hit").first.click()
    page.wait_for_timeout(50)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 50
    assert [one for one in found if one["ratio"] < one["least"]] == []


def test_the_tab_key_reaches_every_control_and_shows_where_it_is(opened: Open) -> None:
    page = opened()
    page.evaluate(
        "document.querySelectorAll('button, input, select, a[href], summary, [tabindex=\"0\"]')"
        ".forEach((one, i) => { one.dataset.place = i; })"
    )
    is_there = "[...document.querySelectorAll('[data-place]')].filter((one) => "
    wanted = page.evaluate(
        is_there + "one.getClientRects().length && !one.disabled).map((one) => one.dataset.place)"
    )
    reached, unseen = set(), []
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        place, outline = page.evaluate(
            "[document.activeElement.dataset.place, "
            "getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.add(place)
        if place is not None and outline == "none":
            unseen.append(place)
    assert set(wanted) <= reached
    assert unseen == []


def test_a_completion_is_found_and_opened_by_keys_alone(opened: Open) -> None:
    page = opened("needle 4711")
    page.locator("input[name=text]").focus()
    page.keyboard.type("NEEDLE 47")
    page.get_by_text(re.compile(r"^12 of 12 completions")).wait_for()
    page.locator("button.hit").first.focus()
    page.keyboard.press("Enter")
    page.get_by_text("token by token").first.wait_for()


def test_a_phone_shows_the_completion_that_was_opened(opened: Open) -> None:
    page = opened("needle 4711", 400)
    hits = page.locator("button.hit")
    count = hits.count()
    for number in (0, count - 1):
        hits.nth(number).click()
        chosen = page.locator("article.chosen")
        chosen.wait_for()
        page.wait_for_timeout(50)
        box = chosen.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 400
        assert 0 <= page.locator(".group").bounding_box()["y"] < 900


def asked(text: str) -> list[Section]:
    """A section that shows a completion of step 2, and says the text wherever it says anything."""
    point = Point(text, True, [Shown(2, 201, 1, text)])
    return [Section("Asked", f"Asked: {text}", True, [text], [point])]


def test_a_line_of_the_verdict_leads_to_its_section_and_that_to_a_completion(opened: Open) -> None:
    page = opened("needle 4711")
    page.get_by_role("link", name="Asked: needle 4711").click()
    section = page.locator("#section-0-0")
    assert page.evaluate("location.hash") == "#section-0-0"
    assert section.bounding_box()["y"] < 900
    section.get_by_role("button", name="step 2, group 201, sample 1").press("Enter")
    chosen = page.locator("article.chosen")
    chosen.wait_for()
    assert "rlsys trace run-0 2 201 1" in chosen.inner_text()
    assert page.locator(".group").evaluate("(one) => one === document.activeElement")
