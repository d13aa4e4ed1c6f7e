"""What made a run's policy, as nodes and what was made of them."""

from pathlib import Path

import pytest

from rlsys.lineage.trace import Step
from rlsys.report import lineage as graph
from tests.helpers.reported_run import make_run, metrics


def step(name: str, *inputs: Step) -> Step:
    return Step(name, f"/x/{name}", f"sha256:{name}", None, "", "", list(inputs))


def test_a_thing_that_two_stages_read_is_one_node_behind_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, rows = step("base"), step("rows")
    run = step("run", step("sft", base, rows), rows)
    monkeypatch.setattr(graph, "lineage", lambda _: run)
    nodes = {node["label"]: node for node in graph.lineage_of(Path("run"))}
    assert list(nodes) == ["run", "sft", "base", "rows"]
    assert {label: node["depth"] for label, node in nodes.items()} == {
        "run": 0,
        "sft": 1,
        "base": 2,
        "rows": 2,
    }
    assert nodes["rows"]["of"] == [1, 0]


def test_a_run_that_has_not_ended_has_none(tmp_path: Path) -> None:
    assert graph.lineage_of(make_run(tmp_path / "a", [metrics(1)])) == []
