"""What a report draws: curves with their legends, and where time went."""

import json
from pathlib import Path

import pytest

from rlsys.report.page import report
from tests.helpers.page_in_node import in_node, needs_node
from tests.helpers.reported_run import make_run, metrics


@needs_node
def test_curves_times_and_alarms_are_drawn_for_several_runs(tmp_path: Path) -> None:
    rates = {0: [0.0, 0.5], 2: [1.0, 0.5]}
    a = make_run(tmp_path / "a", [metrics(1), metrics(2, **{"alarm/kl": 1.0})], rates)
    b = make_run(tmp_path / "b", [metrics(1)], settings="seed: 7\n")
    seen = in_node(
        report([a, b]),
        tmp_path,
        """({
            headings: all("h3").map(text),
            alarms: all("line").filter((l) => l.attributes.class === "alarm").length,
            roles: all("p").filter((p) => p.attributes.class === "role-name").map(text),
            legend: all("p").filter((p) => p.attributes.class === "legend").map(text),
            settings: all("tbody").map(text),
            broken: all("path").filter((p) => /NaN|undefined|Infinity/.test(p.attributes.d)).length,
        })""",
    )
    assert {"pass@1", "Reward", "Parts of the reward", "KL to the reference"} <= {*seen["headings"]}
    assert "Loss" not in seen["headings"]
    assert seen["alarms"] == 1
    assert seen["roles"] == ["rollout", "learner", "driver"] * 2
    assert "■ busy 90 %■ waits: slots 10 %" in seen["legend"]
    assert seen["settings"] == ["seed7"]
    assert seen["broken"] == 0


@needs_node
@pytest.mark.parametrize("count", [1, 2])
def test_no_two_entries_of_a_legend_look_alike(tmp_path: Path, count: int) -> None:
    shares = {f"status/{i}": 0.1 for i in range(9 if count == 1 else 3)}
    rates = {0: [0.0, 0.5], 2: [1.0, 0.5]}
    runs = [make_run(tmp_path / f"{i}", [metrics(1, **shares)], rates) for i in range(count)]
    looks = in_node(
        report(runs),
        tmp_path,
        """(() => {
            const look = (key) => all("path", key)[0].attributes.class + all("circle", key).length;
            const legends = all("p").filter((p) => p.attributes.class === "legend");
            return legends.map((legend) => all("svg", legend).map(look));
        })()""",
    )
    assert max(map(len, looks)) > 3 * count
    assert all(len({*look}) == len(look) for look in looks)


@needs_node
def test_the_figures_of_an_axis_fit_beside_it(tmp_path: Path) -> None:
    lines = [
        metrics(step, **{"policy/loss": (-1) ** step * 1.5e-4, "policy/learning_rate": 1e-5})
        for step in (1, 2, 3)
    ]
    told = in_node(
        report([make_run(tmp_path / "a", lines)]),
        tmp_path,
        """all("text").filter((one) => one.attributes["text-anchor"] === "end").map(text)""",
    )
    assert {"-1e-4", "1e-4", "1.1e-5"} <= {*told}
    assert max(map(len, told)) <= 7  # of 12 pixels' height, 47 wide


@needs_node
def test_time_is_zoomed_for_all_bands_of_a_run_together(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(step) for step in range(1, 9)])
    members = {f"rollout-{i}": {"busy": 0.5 + i / 4, "slots": 0.5 - i / 4} for i in range(2)}
    lines = [json.dumps({"step": step, "members": members}) for step in range(1, 9)]
    (run / "members.jsonl").write_text("\n".join(lines) + "\n")
    seen = in_node(
        report([run]),
        tmp_path,
        """(() => {
            const bands = all("svg").filter((one) => /^role/.test(one.attributes.class));
            const boxes = () => [...new Set(bands.map((one) => one.attributes.viewBox))];
            const named = (label) => all("button").find((one) => text(one) === label);
            const told = () => text(all("p").find((p) => p.attributes.role === "status"));
            const found = [[boxes(), told()]];
            for (const label of ["zoom in", "later", "all"]) {
                press(named(label));
                found.push([boxes(), told()]);
            }
            bands[0].fire("pointerdown", { clientX: 105 });
            bands[0].fire("pointerup", { clientX: 210 });
            found.push([boxes(), told()]);
            const names = all("p").filter((p) => p.attributes.class === "role-name").map(text);
            return { found, names };
        })()""",
    )
    assert seen["found"] == [
        [["0 0 1000 100"], "0 s to 16 s: steps 1 to 8"],
        [["250 0 500 100"], "4 s to 12 s: steps 3 to 6"],
        [["500 0 500 100"], "8 s to 16 s: steps 5 to 8"],
        [["0 0 1000 100"], "0 s to 16 s: steps 1 to 8"],
        [["250 0 250 100"], "4 s to 8 s: steps 3 to 4"],
    ]
    assert seen["names"] == ["rollout", "rollout-0", "rollout-1", "learner", "driver"]
