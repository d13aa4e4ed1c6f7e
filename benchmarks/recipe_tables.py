"""The table of a recipe: every policy that it evaluated, over the seeds that it was run with.

    python benchmarks/recipe_tables.py runs/r1-tiny-0 runs/r1-tiny-1 --less grpo1 sft1

Each folder is one run of one recipe. A cell is the mean over the seeds with its 95 % interval by
Student's t; of one seed it is that seed's figure with its own interval over the problems. What a
benchmark does not measure is left empty. The last two columns are what the policy's own stage took:
tokens that it learned from, and minutes by the clock, its start included. `--less A B` adds a row
of what A has more than B, seed by seed, so that what a seed's base is like falls out of the
interval.
"""

import argparse
import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FIRST = "world_reasoning"
COLUMNS = {
    "pass@1": (FIRST, "pass_at_1"),
    "Cons@16": (FIRST, "cons_at_16"),
    "pass@16": (FIRST, "pass_at_16"),
    "tokens, right": (FIRST, "right_tokens"),
    "tokens, wrong": (FIRST, "wrong_tokens"),
    "one language": (FIRST, "one_language"),
    "requests": ("world_general", "pass_at_1"),
    "helpful": ("world_general", "helpful"),
    "harmless": ("world_general", "harmless"),
    "tokens learned": ("made", "consumed_tokens"),
    "minutes": ("made", "minutes"),
}
_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""The 0.975 quantile of Student's t for so many seeds."""


def policies(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of a policy, which is that of its stage, with its figures."""
    for file in sorted(folder.glob("*/manifest.json"), key=lambda one: one.stat().st_mtime):
        evaluation = json.loads(file.read_text(encoding="utf-8"))
        if evaluation["kind"] != "evaluate":
            continue
        for name, policy in evaluation["inputs"].items():
            if not name.startswith("policy"):
                continue
            before = "" if name == "policy" else f"{name}/"
            figures = {
                key.removeprefix(before): value
                for key, value in evaluation["figures"].items()
                if key.startswith(before)
            }
            if policy["producer"] is None:
                yield "base", figures
            else:
                stage = Path(policy["producer"]).name
                yield stage, figures | what_it_took(folder / stage)


def what_it_took(stage: Path) -> dict[str, float]:
    """Tokens that a policy's stage learned from, and its minutes."""
    figures = json.loads((stage / "manifest.json").read_text(encoding="utf-8"))["figures"]
    tokens = figures.get("consumed_tokens", 0)
    return {"made/consumed_tokens": tokens, "made/minutes": figures["wall_s"] / 60}


def figure(figures: dict[str, Any], benchmark: str, name: str) -> Any:
    """By its name, whatever the setting; one without a benchmark is of the only one, FIRST."""
    for key, found in figures.items():
        *where, last = key.split("/")
        if last == name and (where[0] if where else FIRST) == benchmark:
            return found
    return None


def mean(figure: Any) -> float | None:
    """Of a figure with an interval or without one; None if it was not measured."""
    value: float | None = figure["mean"] if isinstance(figure, dict) else figure
    return value


def cell(seeds: Sequence[Any], sign: str = "") -> str:
    """One figure over the seeds.

    Args:
        sign: "+" for a difference.
    """
    known = [one for one in seeds if one is not None]
    if not known:
        return ""
    means = [value for one in known if (value := mean(one)) is not None]
    middle = statistics.mean(means)
    only = known[0] if len(known) == 1 else None
    ends = (only["low"], only["high"]) if isinstance(only, dict) else None
    if only is None:
        half = _T[len(known)] * statistics.stdev(means) / math.sqrt(len(known))
        ends = (middle - half, middle + half)
    largest = max(map(abs, means))
    form = f"{sign}{',.0f' if largest > 999 else '.1f' if largest > 2 else '.3f'}"
    return f"{middle:{form}}" + (f" [{ends[0]:{form}}, {ends[1]:{form}}]" if ends else "")


def less(more: Sequence[Any], fewer: Sequence[Any]) -> list[float | None]:
    """What the first have more than the second, seed by seed."""
    pairs = [(mean(one), mean(other)) for one, other in zip(more, fewer, strict=True)]
    return [None if a is None or b is None else a - b for a, b in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="of one recipe, a seed each")
    parser.add_argument("--less", nargs=2, action="append", default=[], metavar=("A", "B"))
    arguments = parser.parse_args()
    seeds = [dict(policies(folder)) for folder in arguments.folders]
    names = list(dict.fromkeys(name for seed in seeds for name in seed))
    if unknown := [one for pair in arguments.less for one in pair if one not in names]:
        parser.error(f"no evaluation of {unknown[0]}; there are {', '.join(names)}")
    print("| policy | seeds | " + " | ".join(COLUMNS) + " |")
    print("|---|---|" + "---|" * len(COLUMNS))
    columns = {
        name: [[figure(seed.get(name, {}), *place) for seed in seeds] for place in COLUMNS.values()]
        for name in names
    }
    for name in names:
        there = sum(name in seed for seed in seeds)
        print(f"| {name} | {there} | " + " | ".join(map(cell, columns[name])) + " |")
    for a, b in arguments.less:
        there = sum(a in seed and b in seed for seed in seeds)
        pairs = zip(columns[a], columns[b], strict=True)
        cells = [cell(less(more, fewer), "+") for more, fewer in pairs]
        print(f"| {a} less {b} | {there} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
