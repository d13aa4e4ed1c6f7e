"""The Grafana board's queries, asked of a real Prometheus while the local job trains.

    python benchmarks/dashboard.py [--steps 40] [--picture docs/images/dashboard.png]

Starts Ray with its dashboard, puts the board beside Ray's own as `rlsys dashboard` does, lets a
Prometheus scrape by the configuration that Ray wrote (each second instead of every ten), and
trains. Then each query of the written JSON is asked over the time of the run. The picture is drawn
of the answers, panel by panel where the board has it, by matplotlib: Grafana itself is not asked.
Needs a `prometheus` in the PATH. Ends with 1 where a query is refused.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_runs import ROOT, trained

PORT = 19090
RUN = "board"
COLUMNS = 3
SHOWN = 8
"""Of a panel's lines in its legend, those with the largest values."""
SETTLES_S = 5.0
"""For Ray to export and Prometheus to scrape what a run said last, or of itself at first."""
Line = tuple[str, list[float], list[float]]
"""Name in the legend, seconds, values."""


@dataclass
class Drawn:
    """A panel with what Prometheus answered."""

    title: str
    unit: str
    lines: list[Line] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    """Queries without an answer: nothing here measures that."""


def ask(path: str, **parameters: Any) -> Any:
    """Of Prometheus' HTTP API; raises ValueError with what it says of a query that it refuses."""
    url = f"http://127.0.0.1:{PORT}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        raise ValueError(json.load(error)["error"]) from error


@contextmanager
def scraping(session: Path, place: Path) -> Iterator[None]:
    """A Prometheus by Ray's configuration, for the block's duration."""
    asked = (session / "metrics" / "prometheus" / "prometheus.yml").read_text()
    config = place / "prometheus.yml"
    config.write_text(asked.replace("interval: 10s", "interval: 1s"))
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={place / 'data'}"]
    with (place / "prometheus.log").open("w") as log:
        server = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{PORT}"], stderr=log)
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def answered(panel: dict[str, Any], begin: float, end: float) -> Drawn:
    """A panel of the board over the time of the run."""
    drawn = Drawn(panel["title"], panel["fieldConfig"]["defaults"]["unit"])
    for target in panel["targets"]:
        query = target["expr"].replace("$run", RUN)
        try:
            found = ask("query_range", query=query, start=begin, end=end, step=1)["result"]
        except ValueError as error:
            drawn.refused.append(f"{query}: {error}")
            continue
        if not found:
            drawn.silent.append(query)
        for one in found:
            name = target["legendFormat"]
            for label, value in one["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            at, values = zip(
                *((t - begin, float(value)) for t, value in one["values"]), strict=True
            )
            drawn.lines.append((name.removeprefix(f"{RUN} "), list(at), list(values)))
    return drawn


def picture(rows: dict[str, list[Drawn]], file: Path) -> None:
    """The board's rows and panels, three beside each other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams |= {"font.size": 7, "lines.linewidth": 1}
    heights = [math.ceil(len(row) / COLUMNS) for row in rows.values()]
    figure = pyplot.figure(figsize=(12, 1.75 * sum(heights)), layout="constrained")
    parts: Any = figure.subfigures(len(rows), 1, height_ratios=heights)
    for part, height, (heading, row) in zip(parts, heights, rows.items(), strict=True):
        part.suptitle(heading, x=0.005, ha="left", fontsize=10, fontweight="bold")
        axes = part.subplots(height, COLUMNS, squeeze=False)
        for axis, drawn in zip(axes.flat, row, strict=False):
            axis.set_title(drawn.title, loc="left")
            by_size = sorted(drawn.lines, key=lambda line: -max(line[2]))
            for number, (name, at, values) in enumerate(by_size):
                axis.plot(at, values, label=name if number < SHOWN else None)
            if by_size:
                place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 4}
                axis.legend(**place, frameon=False, fontsize=6, columnspacing=1, handlelength=1.2)
            else:
                axis.text(0.5, 0.5, "No data", ha="center", transform=axis.transAxes)
            axis.grid(alpha=0.3)
        for axis in axes.flat[len(row) :]:
            axis.set_visible(False)
    figure.savefig(file, dpi=90, pil_kwargs={"optimize": True})
    pyplot.close(figure)


def by_row(board: dict[str, Any], begin: float, end: float) -> dict[str, list[Drawn]]:
    """The board's panels with their answers, under the headings of its rows."""
    rows: dict[str, list[Drawn]] = {}
    for panel in board["panels"]:
        if panel["type"] == "row":
            rows[panel["title"]] = []
        else:
            rows[list(rows)[-1]].append(answered(panel, begin, end))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "images" / "dashboard.png")
    arguments = parser.parse_args()
    if shutil.which("prometheus") is None:
        sys.exit("no prometheus in the PATH: apt-get install prometheus")
    import ray

    options = {"metrics_report_interval_ms": 1000}
    ray.init(num_cpus=2, include_dashboard=True, _system_config=options, log_to_driver=False)
    session = Path("/tmp/ray/session_latest").resolve()
    with tempfile.TemporaryDirectory() as place, scraping(session, Path(place)):
        time.sleep(SETTLES_S)
        done = subprocess.run(
            [sys.executable, "-m", "rlsys", "dashboard"], cwd=ROOT, text=True, capture_output=True
        )
        print(done.stdout + done.stderr, end="")
        board = json.loads(Path(done.stdout.strip()).read_text())
        address = ray.get_runtime_context().gcs_address
        begin = time.time()
        settings = [f"cluster.address={address}", "loop.evaluate_every=10"]
        trained(RUN, settings, arguments.steps, Path(place) / "runs")
        time.sleep(SETTLES_S)
        rows = by_row(board, begin, time.time())
        runs = ask("label/run/values", **{"match[]": "ray_rlsys_throughput_step_s"})
    ray.shutdown()
    panels = [drawn for row in rows.values() for drawn in row]
    picture(rows, arguments.picture)
    queries = sum(len(panel["targets"]) for panel in board["panels"] if panel["type"] != "row")
    silent = [query for drawn in panels for query in drawn.silent]
    refused = [query for drawn in panels for query in drawn.refused]
    print(f"runs to choose from: {', '.join(runs)}")
    print(
        f"{queries} queries of {len(panels)} panels: {len(refused)} refused, {len(silent)} silent"
    )
    for query in (*refused, *silent):
        print(f"  {query}")
    print(arguments.picture)
    sys.exit(bool(refused))


if __name__ == "__main__":
    main()
