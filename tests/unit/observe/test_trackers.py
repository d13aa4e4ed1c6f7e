"""W&B, MLflow, trackio and SwanLab: by fakes of what is called of them, and, where a package is
installed, by the real one without a server."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from rlsys.observe.loggers import Loggers
from rlsys.observe.trackers import TRACKERS, check_loggers
from rlsys.observe.tracking import FILE, trackers
from tests.helpers import fake_trackers

ROW = {"source": "sums", "prompt_text": "1+1=?", "text": "2", "expected": '"2"', "reward": 1.0}
ROW |= {"status": "correct", "reason": "equal", "advantage": 0.5}


@pytest.fixture(params=TRACKERS)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for variable in ("WANDB_MODE", "SWANLAB_MODE", "SWANLAB_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    return str(request.param)


def config_of(name: str, every: int = 2) -> RunConfig:
    config = RunConfig()
    config.observe.loggers = [name]
    config.observe.completions_every = every
    return config


def leave_samples(folder: Path, step: int, count: int) -> None:
    (folder / "samples").mkdir(exist_ok=True)
    rows = [ROW | {"text": str(i), "token_ids": [i]} for i in range(count)]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"samples/step-{step:06d}.parquet")


def run_of(name: str, folder: Path, steps: range) -> None:
    """A driver's calls, from its start to its end."""
    loggers = Loggers(trackers(config_of(name), "local", folder, pytest.fail), pytest.fail)
    for step in steps:
        loggers.step(step, {"reward/mean": 0.5 + step, "time/learner/ready groups": float("nan")})
        leave_samples(folder, step, 20)
    loggers.later(steps[0], {"heldout/pass_at_1": 0.25})
    loggers.summary(steps[-1], {"signal": 0.75})
    loggers.close()


def test_a_run_and_its_resume_are_one_run_of_the_tracker(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_trackers.install(name, monkeypatch)
    run_of(name, tmp_path, range(1, 4))
    known = json.loads((tmp_path / FILE).read_text())[name]
    begun = len(calls)
    run_of(name, tmp_path, range(3, 6))
    assert json.loads((tmp_path / FILE).read_text()) == {name: known}
    if name == "mlflow":
        assert calls.of("create_run") == [{"experiment": "7", "run_name": "local"}]
        assert calls[begun + 1] == ("update_run", {"run": known, "status": "RUNNING"})
    else:
        first, second = calls.of("init")
        assert first == second
        assert (first["project"], first["resume"]) == ("rlsys", "allow")
        assert first["name"] == ("local" if name != "trackio" else f"local-{known}")
        assert first["config"]["loop.group_size"] == RunConfig().loop.group_size
        if name != "trackio":  # its runs are known by their names
            assert (first["id"], first["mode"]) == (known, "offline")
    assert len(calls.of("finish")) == 2


def test_points_completions_and_the_summary_arrive(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_trackers.install(name, monkeypatch)
    run_of(name, tmp_path, range(1, 4))
    if name == "mlflow":
        points = [
            (key, step, value)
            for batch in calls.of("log_batch")
            for key, value, _, step in batch["metrics"]
        ]
        completions = {d["file"]: len(d["values"]) for d in calls.of("log_dict")}
        assert completions == {
            "completions/step-000001.json": 8,
            "completions/step-000002.json": 8,
            "summary.json": 1,
        }
        assert sum(len(batch["params"]) for batch in calls.of("log_batch")) > 200
    else:
        logged = [(one["step"] or one["values"]["step"], one["values"]) for one in calls.of("log")]
        points = [(key, step, value) for step, values in logged for key, value in values.items()]
        sent = {step: value for key, step, value in points if key == "completions"}
        assert sorted(sent) == [1, 2]
        rows = sent[1] if name == "swanlab" else sent[1]["data"]
        assert len(rows) == 8
    for step in (1, 2, 3):
        assert ("reward/mean", step, 0.5 + step) in points
    assert ("heldout/pass_at_1", 1, 0.25) in points
    if name == "wandb":
        assert calls.of("summary") == [{"signal": 0.75}]
        assert calls.of("define_metric") == [{"name": "*", "step_metric": "step"}]
    else:
        assert ("summary/signal", 3, 0.75) in points


def test_no_completions_are_sent_where_none_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_trackers.install("trackio", monkeypatch)
    (behind,) = trackers(config_of("trackio", every=0), "local", tmp_path, pytest.fail)
    for step in (1, 2):
        leave_samples(tmp_path, step, 1)
        behind.step(step, {"reward/mean": 0.5})
    behind.close()
    assert [list(one["values"]) for one in calls.of("log")] == [["reward/mean"]] * 2


def test_a_tracker_that_is_not_installed_is_an_error_that_names_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rlsys.observe.trackers.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as found:
        check_loggers(config_of("swanlab"))
    assert str(found.value).startswith(
        "observe.loggers=[swanlab]: not installed here: swanlab; pip install 'rlsys[swanlab]'"
    )


def test_a_tracker_that_nobody_knows_is_an_error_with_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"no tracker 'wandbb'; did you mean 'wandb'\?; there are"
    ):
        check_loggers(config_of("wandbb"))


def test_no_trackers_is_the_default_and_imports_none() -> None:
    check_loggers(RunConfig())
    assert RunConfig().observe.loggers == []


@pytest.mark.parametrize("name", TRACKERS)
def test_the_extras_are_the_trackers(name: str) -> None:
    import tomllib

    from tests.helpers.places import ROOT

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert extras[name][0].startswith(name)


def test_the_real_package_takes_a_run_and_its_resume_without_a_server(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in sys.modules and find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install '.[{name}]'")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    run_of(name, tmp_path, range(1, 4))
    run_of(name, tmp_path, range(3, 6))
    (known,) = json.loads((tmp_path / FILE).read_text()).values()
    if name == "mlflow":
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=(tmp_path / "mlflow").as_uri())
        history = client.get_metric_history(known, "reward/mean")
        assert sorted((p.step, p.value) for p in history) == [
            (step, 0.5 + step) for step in (1, 2, 3, 3, 4, 5)
        ]
        assert client.get_run(known).info.status == "FINISHED"
        assert [a.path for a in client.list_artifacts(known)] == ["completions", "summary.json"]
    elif name == "trackio":
        (database,) = (tmp_path / "trackio").glob("*.db")
        assert sqlite_points(database) == [1, 1, 2, 3, 3, 3, 4, 5]
    else:
        left = [path for path in tmp_path.rglob(f"*{known}*") if path.is_dir()]
        assert len(left) == 2  # one for each driver, both of one id: sync makes one run of them
        assert all(any(file.stat().st_size for file in one.rglob("*")) for one in left)


def sqlite_points(database: Path) -> list[int]:
    """The steps of all points that are no completions and no summary."""
    import sqlite3

    with sqlite3.connect(database) as opened:
        rows = opened.execute("select step, metrics from metrics").fetchall()
    return sorted(step for step, metrics in rows if b"reward/" in metrics or b"pass" in metrics)
