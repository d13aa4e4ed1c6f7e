"""The table of a recipe: every policy that it evaluated, over the seeds that it was run with.

    python benchmarks/recipe_tables.py runs/r1-tiny-0 runs/r1-tiny-1 runs/r1-tiny-2

Each folder is one run of one recipe. A cell is the mean over the seeds with its 95 % interval by
Student's t; of one seed it is that seed's figure with its own interval over the problems. What a
benchmark does not measure is left empty.
"""

import argparse
import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

COLUMNS = {
    "pass@1": ("world_reasoning", "pass_at_1"),
    "Cons@16": ("world_reasoning", "cons_at_16"),
    "pass@16": ("world_reasoning", "pass_at_16"),
    "tokens, right": ("world_reasoning", "right_tokens"),
    "tokens, wrong": ("world_reasoning", "wrong_tokens"),
    "one language": ("world_reasoning", "one_language"),
    "requests": ("world_general", "pass_at_1"),
    "helpful": ("world_general", "helpful"),
    "harmless": ("world_general", "harmless"),
}
_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""The 0.975 quantile of Student's t for so many seeds."""


def policies(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of a policy, which is that of its stage, with its figures."""
    for file in sorted(folder.glob("*/manifest.json"), key=lambda one: one.stat().st_mtime):
        made = json.loads(file.read_text(encoding="utf-8"))
        if made["kind"] != "evaluate":
            continue
        for name, policy in made["inputs"].items():
            if not name.startswith("policy"):
                continue
            before = "" if name == "policy" else f"{name}/"
            stage = Path(policy["producer"]).name if policy["producer"] else "base"
            figures = made["figures"].items()
            yield stage, {k.removeprefix(before): f for k, f in figures if k.startswith(before)}


def figure(figures: dict[str, Any], benchmark: str, name: str) -> Any:
    """By its name, whatever the setting, and whether or not there are several benchmarks."""
    for key, found in figures.items():
        *where, last = key.split("/")
        if last == name and (not where or where[0] == benchmark):
            return found
    return None


def cell(seeds: Sequence[Any]) -> str:
    """One figure over the seeds."""
    known = [one for one in seeds if one is not None]
    if not known:
        return ""
    means = [one["mean"] if isinstance(one, dict) else one for one in known]
    digits = 3 if isinstance(known[0], dict) else 1
    if len(known) == 1:
        only = known[0]
        ends = (only["low"], only["high"]) if isinstance(only, dict) else None
    else:
        half = _T[len(known)] * statistics.stdev(means) / math.sqrt(len(known))
        ends = (statistics.mean(means) - half, statistics.mean(means) + half)
    interval = f" [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]" if ends else ""
    return f"{statistics.mean(means):.{digits}f}{interval}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="of one recipe, a seed each")
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    for folder in arguments.folders:
        for name, figures in policies(folder):
            found.setdefault(name, []).append(figures)
    print("| policy | seeds | " + " | ".join(COLUMNS) + " |")
    print("|---|---|" + "---|" * len(COLUMNS))
    for name, seeds in found.items():
        cells = [cell([figure(one, *place) for one in seeds]) for place in COLUMNS.values()]
        print(f"| {name} | {len(seeds)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
