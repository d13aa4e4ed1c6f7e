"""Curves of a run, as long as a screen is wide."""

import json
from pathlib import Path

from rlsys.report.charts import CHARTS, charts, member_series, series
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


def test_a_step_without_a_metric_is_a_gap_and_so_is_what_is_no_number(tmp_path: Path) -> None:
    lines = [metrics(1), metrics(2, **{"policy/kl": float("nan")}), metrics(3)]
    del lines[0]["policy/kl"]
    record = read_record(make_run(tmp_path / "a", lines))
    columns = series(record, charts([record]))
    assert columns["step"] == [1, 2, 3]
    assert columns["policy/kl"] == [None, None, 0.03]
    assert "throughput/consumed_tokens" not in columns  # no chart shows it


def test_a_long_run_is_thinned_by_means_and_keeps_its_seconds(tmp_path: Path) -> None:
    lines = [metrics(step) for step in range(1, 2002)]
    record = read_record(make_run(tmp_path / "a", lines))
    columns = series(record, charts([record]))
    assert len(columns["step"]) == 667
    assert columns["step"][:2] == [3, 6]
    assert columns["step"][-1] == 2001
    assert columns["reward/mean"][0] == 0.2
    assert sum(s for s in columns["s"] if s) == 4002.0
    assert len(columns["time/rollout/busy"]) == 667


def test_members_have_bands_of_their_own_where_a_role_has_several(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1), metrics(2), metrics(3)])
    shares = [
        {"rollout-0": {"busy": 1.0}, "learner-0": {"busy": 0.5, "ready groups": 0.5}},
        {"rollout-0": {"busy": 0.25, "slots": 0.75}, "rollout-1": {"busy": 1.0}},
    ]
    lines = [{"step": step, "members": own} for step, own in zip((1, 3), shares, strict=True)]
    (run / "members.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert member_series(read_record(run)) == {
        "rollout-0": {"busy": [1.0, None, 0.25], "slots": [0.0, None, 0.75]},
        "rollout-1": {"busy": [None, None, 1.0]},
        "learner-0": {"busy": [0.5, None, None], "ready groups": [0.5, None, None]},
    }
    del lines[1]
    (run / "members.jsonl").write_text(json.dumps(lines[0]) + "\n")
    assert member_series(read_record(run)) == {}
