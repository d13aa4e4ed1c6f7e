"""Seconds in which a report opens, and finds a figure and a text, in Chromium.

    python benchmarks/report_in_browser.py [--steps 1000] [--groups 12] [--samples-mib 12]

Makes a run of so many steps, each of so many groups of 8 short completions, and its report. The
first search for a text unpacks what texts are sought in; the next one has it. Needs playwright and
a chromium in the PATH. Ends with 1 where opening takes 3 s or a search 1 s.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from local_runs import ROOT

OPENS_S, FINDS_S = 3.0, 1.0
SIZE = 8


def leave_run(folder: Path, steps: int, groups: int) -> Path:
    """Metrics and samples, as of arithmetic with a short chain."""
    sys.path.insert(0, str(ROOT))
    from rlsys.disk import write_table
    from tests.helpers.reported_run import make_run, metrics, write_samples

    make_run(folder, [metrics(step) for step in range(1, steps + 1)])
    write_samples(folder, 1, groups=groups * SIZE // 2)
    (first,) = (folder / "samples").glob("*.parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pq.read_table(first).to_pylist()
    schema = pq.read_schema(first)
    chance = random.Random(0)
    for step in range(1, steps + 1):
        for i, row in enumerate(rows):
            a, b, c = (chance.randrange(100) for _ in range(3))
            tokens = [chance.randrange(512) for _ in range(24)]
            row |= {
                "step": step,
                "group_id": step * groups + i // SIZE,
                "sample_index": i % SIZE,
                "prompt_text": f"{a} * {b} + {c} = ?",
                "text": f"<think>{a} * {b} = {a * b}, + {c} = {a * b + c}</think> {a * b + c}",
                "token_ids": tokens,
                "rollout_logprobs": [-chance.random() for _ in tokens],
                "policy_versions": [step] * len(tokens),
            }
            for name in ("log_ratio", "advantages", "forced", "clip"):
                if row.get(name) is not None:
                    row[name] = [row[name][0]] * len(tokens) if row[name] else []
        write_table(
            pa.Table.from_pylist(rows, schema), folder / "samples" / f"step-{step:06d}.parquet"
        )
    return folder


def measure(file: Path, chromium: str) -> dict[str, float]:
    """Seconds by what is done."""
    from playwright.sync_api import sync_playwright

    found: dict[str, float] = {}
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        begin = time.perf_counter()
        page.goto(file.as_uri())
        page.locator("button.hit").first.wait_for()
        found["opens_s"] = round(time.perf_counter() - begin, 3)
        for name, control, wanted in (
            ("finds_a_figure_s", "least_step", "7"),
            ("finds_a_text_s", "text", "= 4711"),
            ("finds_another_text_s", "text", "= 1234"),
        ):
            asked = f"document.querySelector('[name={control}]')"
            search = (
                f"async () => {{ {asked}.value = {json.dumps(wanted)}; "
                f"{asked}.dispatchEvent(new Event('input', {{bubbles: true}})); await SEARCHED; }}"
            )
            begin = time.perf_counter()
            page.evaluate(search)
            found[name] = round(time.perf_counter() - begin, 3)
            print(
                f"{wanted}: {page.locator('[role=status]', has_text=' of ').last.inner_text()}",
                file=sys.stderr,
            )
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--groups", type=int, default=12)
    parser.add_argument("--samples-mib", type=float, default=12)
    arguments = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium in the PATH: apt-get install chromium")
    from rlsys.report.page import report

    with tempfile.TemporaryDirectory(prefix="rlsys-report-") as place:
        folder = leave_run(Path(place) / "run", arguments.steps, arguments.groups)
        file = Path(place) / "report.html"
        file.write_text(report([folder], int(arguments.samples_mib * 2**20)), encoding="utf-8")
        found = measure(file, chromium) | {"file_mib": round(file.stat().st_size / 2**20, 1)}
    print(json.dumps(found))
    searches = [seconds for name, seconds in found.items() if name.startswith("finds")]
    sys.exit(found["opens_s"] > OPENS_S or max(searches) > FINDS_S)


if __name__ == "__main__":
    main()
