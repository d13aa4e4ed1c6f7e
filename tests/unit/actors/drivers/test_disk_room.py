"""A disk without room for the checkpoints is named before a cluster is started."""

import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from actors.drivers import stage
from rlsys.config.run import RunConfig
from rlsys.config.verifiers import RewardConfig
from rlsys.errors import CheckpointError
from tests.helpers.tiny_models import ARCHITECTURES, build


def test_room_for_checkpoints_of_a_named_model_is_looked_at_before_ray_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr(stage, "connected", started)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    build(next(one for one in ARCHITECTURES if one.kind == "qwen2"), tmp_path / "model")
    (tmp_path / "rows.jsonl").write_text('{"question": "1+1=?", "answer": "2"}\n')
    config = RunConfig()
    config.model.path, config.run.directory = str(tmp_path / "model"), str(tmp_path / "runs")
    config.data.train = str(tmp_path / "rows.jsonl")
    config.verifiers.rewards = [RewardConfig("math")]
    with (
        (tmp_path / "printed").open("w") as file,
        pytest.raises(CheckpointError, match=r"has 1\.0 MiB free"),
    ):
        stage.run_stage(config, "small", Console(file=file), time.monotonic())
    assert not (tmp_path / "runs" / "small").exists()
