"""As much of each experiment tracker's package as rlsys calls, with what was called."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest


class Calls(list[tuple[str, dict[str, Any]]]):
    """Names of calls with their arguments, in their order."""

    def of(self, name: str) -> list[dict[str, Any]]:
        return [arguments for called, arguments in self if called == name]


class Run:
    """A run of W&B, trackio or SwanLab."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.summary = Summary(calls)

    def define_metric(self, name: str, step_metric: str) -> None:
        self.calls.append(("define_metric", {"name": name, "step_metric": step_metric}))

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        self.calls.append(("log", {"values": values, "step": step}))

    def finish(self) -> None:
        self.calls.append(("finish", {}))


class Summary:
    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def update(self, values: dict[str, Any]) -> None:
        self.calls.append(("summary", values))


class Client:
    """MLflow's, of a server that knows no experiment."""

    def __init__(self, calls: Calls, tracking_uri: str) -> None:
        self.calls = calls
        calls.append(("client", {"tracking_uri": tracking_uri}))

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        self.calls.append(("create_experiment", {"name": name}))
        return "7"

    def create_run(self, experiment: str, run_name: str) -> Any:
        self.calls.append(("create_run", {"experiment": experiment, "run_name": run_name}))
        run = ModuleType("run")
        run.info = ModuleType("info")  # type: ignore[attr-defined]
        run.info.run_id = "m1"
        return run

    def update_run(self, run: str, status: str) -> None:
        self.calls.append(("update_run", {"run": run, "status": status}))

    def log_batch(self, run: str, metrics: Any = (), params: Any = ()) -> None:
        assert len(params) <= 100, "as MLflow refuses it"
        self.calls.append(("log_batch", {"run": run, "metrics": metrics, "params": params}))

    def log_dict(self, run: str, values: Any, file: str) -> None:
        self.calls.append(("log_dict", {"run": run, "values": values, "file": file}))

    def set_terminated(self, run: str) -> None:
        self.calls.append(("finish", {"run": run}))


def table(columns: list[str], data: list[list[Any]]) -> dict[str, Any]:
    return {"columns": columns, "data": data}


def install(name: str, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The fake package of a tracker in the place of the real one."""
    calls = Calls()

    def init(**arguments: Any) -> Run:
        calls.append(("init", arguments))
        return Run(calls)

    module: Any = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    module.init, module.Table, module.Text = init, table, str
    module.Settings = lambda **options: options
    module.login = lambda prompt, verify: False
    module.MlflowClient = lambda tracking_uri: Client(calls, tracking_uri)
    module.entities = ModuleType("entities")
    module.entities.Metric = lambda *point: point
    module.entities.Param = lambda *parameter: parameter
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, f"{name}.entities", module.entities)
    return calls
