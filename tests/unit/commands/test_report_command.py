"""`rlsys report` as it is typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError
from tests.helpers.reported_run import make_run, metrics


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_is_named_after_the_run_and_leaves_its_folder_alone(here: Path) -> None:
    run = make_run(here / "runs" / "mine", [metrics(1)])
    before = sorted(run.rglob("*"))
    done = CliRunner().invoke(app, ["report", "mine"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("report-mine.html (0.")
    assert "<!doctype html>" in (here / "report-mine.html").read_text()
    assert sorted(run.rglob("*")) == before


def test_a_run_is_also_found_by_its_folder_and_shown_once(here: Path) -> None:
    run = make_run(here / "elsewhere" / "a", [metrics(1)])
    other = make_run(here / "elsewhere" / "b", [metrics(1)])
    arguments = ["report", str(run), str(other), str(run), "--out", "both.html"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "<title>rlsys: a, b</title>" in (here / "both.html").read_text()


def test_a_folder_that_is_no_run_is_an_error_with_the_nearest(here: Path) -> None:
    make_run(here / "runs" / "mine", [])
    done = CliRunner().invoke(app, ["report", "mime"])
    assert isinstance(done.exception, ConfigError)
    assert "mine" in str(done.exception)


@pytest.mark.parametrize("out", [".", "nowhere/a.html"])
def test_a_place_where_no_file_can_be_is_refused(here: Path, out: str) -> None:
    make_run(here / "runs" / "mine", [])
    done = CliRunner().invoke(app, ["report", "mine", "--out", out])
    assert isinstance(done.exception, ConfigError)
    assert f"--out {out}" in str(done.exception)


def test_a_recipes_folder_stands_for_its_stages_that_train(here: Path) -> None:
    recipe = here / "runs" / "r"
    make_run(recipe / "zero", [metrics(1)])
    (recipe / "asked").mkdir()
    (recipe / "asked" / "zero.json").write_text('{"asked": {}, "inputs": {}, "process": [0, 0]}')
    (recipe / "recipe.json").write_text('{"file": "x/r1.yaml", "scale": "", "overrides": []}')
    done = CliRunner().invoke(app, ["report", "r"])
    assert done.exit_code == 0, done.output
    page = (here / "report-zero.html").read_text()
    assert '"tables":[{"title":"Recipe r1","headings":["stage","kind","state"' in page
    assert '["zero","","stopped","","","",""]' in page


def test_a_run_that_is_over_is_written_once_by_watch(here: Path) -> None:
    make_run(here / "runs" / "mine", [metrics(1)])
    done = CliRunner().invoke(app, ["report", "mine", "--watch"])
    assert done.exit_code == 0, done.output
    assert (here / "report-mine.html").is_file()


def test_watch_and_serve_are_two_ways(here: Path) -> None:
    make_run(here / "runs" / "mine", [metrics(1)])
    done = CliRunner().invoke(app, ["report", "mine", "--watch", "--serve", "0"])
    assert isinstance(done.exception, ConfigError)
