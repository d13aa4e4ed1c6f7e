"""The Grafana dashboard: panels of metrics that runs have, and JSON that Grafana takes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.commands import dashboard as command
from rlsys.errors import ConfigError
from rlsys.observe.dashboard import ROWS, dashboard, gauge_name, queries
from tests.helpers.documented import documented, undocumented

PANELS = [panel for row in ROWS.values() for panel in row]


def test_every_metric_of_a_panel_is_in_the_docs() -> None:
    shown = [metric for panel in PANELS for metric in panel.metrics]
    assert undocumented({name for name in shown if not name.endswith("/")}) == set()
    for begin in (name for name in shown if name.endswith("/")):
        group = begin.partition("/")[0]
        assert any(name.startswith(f"{group}/") for name in documented()), begin


def test_a_query_asks_for_the_gauge_of_the_metric_and_for_the_chosen_runs() -> None:
    by_title = {panel.title: list(queries(panel)) for panel in PANELS}
    assert by_title["Held-out pass@1"] == [
        ('ray_rlsys_heldout_pass_at_1{run=~"$run"}', "{{run}} pass_at_1")
    ]
    assert by_title["Learner"] == [
        (
            'label_replace({__name__=~"ray_rlsys_time_learner_.+", run=~"$run"}, "what", "$1", '
            '"__name__", "ray_rlsys_time_learner_(.+)")',
            "{{run}} {{what}}",
        )
    ]
    assert gauge_name("time/learner/ready groups") == "rlsys_time_learner_ready_groups"


def test_panels_have_places_of_their_own_on_the_grid() -> None:
    taken: set[tuple[int, int]] = set()
    ids = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        ids.add(panel["id"])
    assert len(ids) == len(dashboard()["panels"]) == len(PANELS) + len(ROWS)


def test_the_command_writes_it_beside_rays_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "RAYS", tmp_path / "dashboards")
    with pytest.raises(ConfigError, match="no Ray with a dashboard runs here"):
        raise CliRunner().invoke(app, ["dashboard"]).exception or AssertionError
    (tmp_path / "dashboards").mkdir()
    assert CliRunner().invoke(app, ["dashboard"]).exit_code == 0
    written = tmp_path / "dashboards" / command.FILE
    assert '"uid": "rlsys"' in written.read_text()
    with pytest.raises(ConfigError, match=r"--out .*no/x\.json: a file in a folder that exists"):
        raise (
            CliRunner().invoke(app, ["dashboard", "--out", str(tmp_path / "no/x.json")]).exception
            or AssertionError
        )
