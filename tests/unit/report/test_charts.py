"""Curves of a run, as long as a screen is wide."""

from pathlib import Path

from rlsys.report.charts import CHARTS, charts, series
from rlsys.report.folder import read_record
from tests.helpers.documented import undocumented
from tests.helpers.reported_run import make_run, metrics


def test_every_curve_is_a_metric_of_the_docs() -> None:
    names = {metric for chart in CHARTS for metric, _ in chart.lines}
    alarms = {f"alarm/{chart.alarm}" for chart in CHARTS if chart.alarm}
    assert undocumented(names | alarms) == set()


def test_parts_of_the_reward_are_components_alone(tmp_path: Path) -> None:
    line = metrics(1, **{"reward/source/gsm8k": 0.5, "reward/difficulty/2": 0.5})
    record = read_record(make_run(tmp_path / "a", [line]))
    (parts,) = [chart for chart in charts([record]) if chart["title"] == "Parts of the reward"]
    assert parts["lines"] == (("reward/format", "format"),)


def test_a_component_that_is_called_accuracy_is_a_part_of_the_reward(tmp_path: Path) -> None:
    line = metrics(1, **{"reward/accuracy_component": 0.5})
    assert "reward/accuracy" in line
    record = read_record(make_run(tmp_path / "a", [line]))
    (parts,) = [chart for chart in charts([record]) if chart["title"] == "Parts of the reward"]
    assert [name for _, name in parts["lines"]] == ["accuracy", "format"]


def test_each_layer_with_experts_has_a_curve_in_the_order_of_the_layers(tmp_path: Path) -> None:
    loads = {f"experts/layer_{layer}/max_load": 2.0 for layer in (10, 2, 1)}
    line = metrics(1, **loads, **{"experts/layer_1/starved": 3.0})
    record = read_record(make_run(tmp_path / "a", [line]))
    (chart,) = [chart for chart in charts([record]) if chart["title"] == "Fullest expert"]
    assert [name for _, name in chart["lines"]] == ["layer 1", "layer 2", "layer 10"]
    plain = read_record(make_run(tmp_path / "b", [metrics(1)]))
    assert not any(chart["title"] == "Fullest expert" for chart in charts([plain]))


def test_verdicts_are_those_that_occurred_in_one_of_the_runs(tmp_path: Path) -> None:
    shares = {"status/correct": 0.25, "status/wrong": 0.75, "status/memory": 0.0}
    a = read_record(make_run(tmp_path / "a", [metrics(1, **shares)]))
    b = read_record(make_run(tmp_path / "b", [metrics(1, **shares | {"status/crash": 0.1})]))
    (chart,) = [chart for chart in charts([a, b]) if chart["title"] == "Verdicts"]
    assert [name for _, name in chart["lines"]] == ["correct", "crash", "wrong"]


def test_a_step_without_a_metric_is_a_gap_and_so_is_what_is_no_number(tmp_path: Path) -> None:
    lines = [metrics(1), metrics(2, **{"policy/kl": float("nan")}), metrics(3)]
    del lines[0]["policy/kl"]
    record = read_record(make_run(tmp_path / "a", lines))
    columns = series(record, charts([record]))
    assert columns["step"] == [1, 2, 3]
    assert columns["policy/kl"] == [None, None, 0.03]
    assert "throughput/consumed_tokens" not in columns  # no chart shows it


def test_a_long_run_is_thinned_by_means(tmp_path: Path) -> None:
    lines = [metrics(step) for step in range(1, 2002)]
    record = read_record(make_run(tmp_path / "a", lines))
    columns = series(record, charts([record]))
    assert len(columns["step"]) == 667
    assert columns["step"][:2] == [3, 6]
    assert columns["step"][-1] == 2001
    assert columns["reward/mean"][0] == 0.2
