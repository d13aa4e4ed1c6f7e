"""Imports point one way, as docs/architecture.md lists the rooms."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.places import DOCS, ROOT

SOURCES = [
    path for top in ("rlsys", "actors", "verifiers") for path in sorted((ROOT / top).rglob("*.py"))
]
FILES = "rlsys/*.py"
CLI = ("rlsys/cli.py", "rlsys/commands", "rlsys/__main__.py")
LIST = (DOCS / "architecture.md").read_text().split("## Where things live")[1].split("\n## ")[0]


def listed() -> list[str]:
    """The rooms from top to bottom, as the docs write them."""
    names = re.findall(r"^    (actors/|verifiers/|rlsys/[\w*]+(?:/|\.py))", LIST, re.MULTILINE)
    return [name.rstrip("/") for name in names]


ROOMS = listed()


def room_of(path: Path) -> str:
    """Where a file stands, as in the docs."""
    place = path.relative_to(ROOT).as_posix()
    if place.startswith(CLI):
        return ROOMS[0]
    first, _, rest = place.partition("/")
    if first != "rlsys":
        return first
    return f"rlsys/{rest.partition('/')[0]}" if "/" in rest else FILES


def imported(path: Path) -> Iterator[Path]:
    """The files of this project that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            for parts in (name.split("."), name.split(".")[:-1]):
                file = ROOT.joinpath(*parts).with_suffix(".py") if parts else ROOT
                if file in SOURCES:
                    yield file
                    break


def test_the_docs_list_every_room() -> None:
    assert {room_of(path) for path in SOURCES} == set(ROOMS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_stands_below_its_room(path: Path) -> None:
    order = {room: number for number, room in enumerate(ROOMS)}
    upward = [
        str(other.relative_to(ROOT))
        for other in imported(path)
        if order[room_of(other)] < order[room_of(path)]
    ]
    assert not upward


def test_ray_is_imported_in_actors_alone() -> None:
    heavy = re.compile(r"^\s*(?:import|from) ray\b", re.MULTILINE)
    outside = [p for p in SOURCES if room_of(p) != "actors" and heavy.search(p.read_text())]
    assert not outside
