"""How R1-Zero's answers grow: a figure of its training, and one problem's answers along the way.

    python benchmarks/r1_zero.py runs/r1_zero-tiny/rl

writes docs/images/r1_zero.svg (pass@1 and the length of answers by step), and prints, as they read,
the first answers to the first held-out problem of the most steps: before training, half-way and
after it. Which problem it is follows from the run alone.
"""

import argparse
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pictures import ROOT, training_curve

ANSWERS = 3
_COLUMNS = ["prompt_id", "sample_index", "prompt_text", "text", "difficulty", "status"]


def checks(folder: Path) -> list[Path]:
    """The held-out checks whose answers are kept, in order."""
    return sorted((folder / "samples" / "heldout").glob("step-*.parquet"))


def first_answers(file: Path) -> dict[str, dict[str, Any]]:
    """The first answer to each prompt of a check."""
    rows = pq.read_table(file, columns=_COLUMNS).to_pylist()
    return {row["prompt_id"]: row for row in rows if row["sample_index"] == 0}


def along_the_way(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """The name of a check and an answer of it, of checks evenly spread over the training."""
    files = checks(folder)
    chosen = [files[round(i * (len(files) - 1) / (ANSWERS - 1))] for i in range(ANSWERS)]
    answers = [first_answers(file) for file in chosen]
    hardest = max(answers[0].values(), key=lambda row: row["difficulty"])["prompt_id"]
    return [(file.stem, found[hardest]) for file, found in zip(chosen, answers, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a run of reinforcement")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images")
    arguments = parser.parse_args()
    picture = arguments.into / "r1_zero.svg"
    training_curve(arguments.run, picture)
    print(picture)
    for name, row in along_the_way(arguments.run):
        print(f"\n{name}: {row['status']}\n{row['prompt_text'].strip()}\n{row['text']}")


if __name__ == "__main__":
    main()
