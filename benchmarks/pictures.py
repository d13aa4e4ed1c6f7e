"""The pictures of README and the docs' first page: the dataflow, a run's training curve and report.

    python benchmarks/pictures.py runs/local

writes docs/images/dataflow.svg, and docs/images/training.svg from the run's metrics.jsonl and
heldout.jsonl. Colours and lines are of middle brightness and nothing is behind them, so that both
can be read on a light page and on a dark one. Where playwright and a chromium are there,
docs/images/report.png is the top of the run's report, and times.png its bands: where time goes.
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
INK, PAPER = "#1f2933", "#dbe7f5"
GREY, BLUE, ORANGE = "#7d8590", "#3b82c4", "#d9822b"
WIDTH, HEIGHT = 800, 400


@dataclass(frozen=True)
class Box:
    """A part of the system: what it is called, and what it does or runs on."""

    left: int
    top: int
    width: int
    height: int
    title: str
    about: str


BOXES = (
    Box(4, 30, 118, 60, "prompts", "tokenized once"),
    Box(180, 30, 150, 60, "slots", "bound the staleness"),
    Box(450, 30, 260, 60, "rollout workers", "vLLM: groups of answers"),
    Box(400, 170, 170, 60, "verifier workers", "rewards"),
    Box(600, 170, 180, 60, "reference worker", "logprobs, for the KL"),
    Box(450, 310, 260, 60, "ready groups", "joined, with advantages"),
    Box(100, 310, 200, 60, "learner", "DeepSpeed ranks"),
)
ARROWS = (
    "M122,60 H178",
    "M330,60 H448",
    "M530,90 L490,168",
    "M640,90 L680,168",
    "M490,230 L530,308",
    "M680,230 L640,308",
    "M450,340 H302",
    "M255,310 V92",
    "M255,140 H468 V92",
)
LABELS = (
    (389, 52, "middle", "admit"),
    (375, 328, "middle", "oldest first"),
    (246, 118, "end", "released"),
    (264, 156, "start", "policy version v + 1,"),
    (264, 172, "start", "pulled in flight"),
)
_HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{GREY}"/></marker>'
)


def dataflow() -> str:
    """Roles as boxes, and what flows between them as arrows; SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>Dataflow of rlsys</title>",
        f"<defs>{_HEAD}</defs>",
        f'<g fill="none" stroke="{GREY}" stroke-width="1.6">',
        *(f'<path d="{line}" marker-end="url(#head)"/>' for line in ARROWS),
        "</g>",
        *(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{GREY}">{label}</text>'
            for x, y, anchor, label in LABELS
        ),
    ]
    for box in BOXES:
        middle = box.left + box.width // 2
        parts += [
            f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{box.height}" '
            f'rx="8" fill="{PAPER}" stroke="{BLUE}"/>',
            f'<text x="{middle}" y="{box.top + 26}" text-anchor="middle" font-weight="bold" '
            f'fill="{INK}">{box.title}</text>',
            f'<text x="{middle}" y="{box.top + 46}" text-anchor="middle" fill="{INK}">'
            f"{box.about}</text>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def read(file: Path) -> list[dict[str, Any]]:
    """The objects of a file with one in each line."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def training_curve(folder: Path, picture: Path) -> None:
    """pass@1 in training and on held-out prompts, and the length of answers, by step."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    # The reader's own font: letters as paths would be ten times as large.
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "rlsys", "font.size": 10}
    for part in ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"):
        matplotlib.rcParams[part] = GREY
    steps, checks = read(folder / "metrics.jsonl"), read(folder / "heldout.jsonl")
    figure, (right, length) = pyplot.subplots(1, 2, figsize=(8, 2.9))
    numbers = [line["step"] for line in steps]
    right.plot(numbers, [line["reward/accuracy"] for line in steps], color=ORANGE, lw=1.2)
    at = [check["step"] for check in checks]
    low, high = ([check[end] for check in checks] for end in ("low", "high"))
    right.fill_between(at, low, high, color=BLUE, alpha=0.25, lw=0)
    right.plot(at, [check["pass_at_1"] for check in checks], color=BLUE, marker="o", ms=4)
    right.set_ylim(0, 1)
    right.set_title("pass@1")
    for height, name, color in ((0.2, "held-out, 95 % interval", BLUE), (0.08, "training", ORANGE)):
        right.text(0.97, height, name, color=color, ha="right", transform=right.transAxes)
    length.plot(numbers, [line["completion/mean_tokens"] for line in steps], color=ORANGE, lw=1.2)
    length.set_ylim(bottom=0)
    length.set_title("tokens of an answer")
    for axis in (right, length):
        axis.set_xlabel("step")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        axis.patch.set_alpha(0)
    figure.tight_layout()
    figure.savefig(picture, transparent=True, metadata={"Date": None})
    pyplot.close(figure)


def report_pictures(folder: Path, picture: Path, times: Path) -> None:
    """The report of a run as it opens, 1,200 pixels wide, and its bands; nothing where there is no
    browser."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        print(f"no playwright or no chromium: {picture} and {times} are left as they were")
        return
    from rlsys.inquiry.sections import ask
    from rlsys.report.page import report

    with tempfile.TemporaryDirectory() as place, sync_playwright() as engine:
        file = Path(place) / "report.html"
        file.write_text(report([folder], ask=ask), encoding="utf-8")
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.goto(file.as_uri())
        page.locator("button.hit").first.wait_for()
        page.screenshot(path=picture)
        bands = page.locator("section", has=page.get_by_role("heading", name="Where time goes"))
        bands.screenshot(path=times)
        browser.close()
    print(picture)
    print(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images")
    arguments = parser.parse_args()
    (arguments.into / "dataflow.svg").write_text(dataflow(), encoding="utf-8")
    training_curve(arguments.run, arguments.into / "training.svg")
    report_pictures(arguments.run, arguments.into / "report.png", arguments.into / "times.png")
    for name in ("dataflow.svg", "training.svg"):
        print(arguments.into / name)


if __name__ == "__main__":
    main()
