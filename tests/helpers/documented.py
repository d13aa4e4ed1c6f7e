"""The metrics that the docs name."""

import re

from tests.helpers.places import DOCS


def documented() -> list[str]:
    """Full names in the order of the docs; a word in capitals stands for any text.

    In a row of running.md a name without a group has that of the first; the loss's metrics in
    algorithms.md are of the group `policy`.
    """
    names = []
    for row in _first_cells("running.md", "Metrics"):
        group = row[0].partition("/")[0]
        names += [name if "/" in name else f"{group}/{name}" for name in row]
    for row in _first_cells("algorithms.md", "Metrics of the loss"):
        names += [f"policy/{name}" for name in row]
    return [name for name in names if not name.endswith("...")]


def undocumented(metrics: set[str]) -> set[str]:
    """Those of the metrics that no row of the docs names."""
    known = [pattern_of(name) for name in documented()]
    return {name for name in metrics if not any(one.fullmatch(name) for one in known)}


def pattern_of(name: str) -> re.Pattern[str]:
    """`time/ROLE/busy` fits `time/learner/busy`."""
    return re.compile(re.sub(r"[A-Z]+", ".+", re.escape(name)))


def _first_cells(page: str, heading: str) -> list[list[str]]:
    """The code names in the first cell of each row of the first table under a heading."""
    text = re.split(rf"^## {heading}$", (DOCS / page).read_text(), flags=re.MULTILINE)[1]
    table = text[text.index("|---") :].partition("\n\n")[0]
    cells = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    return [re.findall(r"`([^`]+)`", cell) for cell in cells]
