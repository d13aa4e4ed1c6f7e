"""Tiny policies that are merged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlsys.config.load import CONFIGS, load
from rlsys.observe.merge_summary import MergeSummary
from rlsys.stages import merge, merge_plan
from tests.helpers.tiny_policy import write_policy


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of policies a, b, base, and `sharded`, which is a in several files."""
    folder = tmp_path_factory.mktemp("policies")
    for seed, name in enumerate(("base", "a", "b")):
        write_policy(folder / name, seed)
    write_policy(folder / "sharded", 1, shard="4KB")
    return folder


@pytest.fixture
def merged(tmp_path: Path, made: Path) -> Callable[..., MergeSummary]:
    """Merges named policies; settings as overrides."""

    def run(*names: str, folder: Path = made, **settings: Any) -> MergeSummary:
        paths = ",".join(str(folder / name) for name in names)
        told = [f"merge.{name}={value}" for name, value in settings.items() if name != "seed"]
        config = load(
            CONFIGS / "base.yaml",
            [
                "run.stage=merge",
                f"run.directory={tmp_path / 'runs'}",
                f"run.seed={settings.get('seed', 0)}",
                f"merge.policies=[{paths}]",
                *told,
            ],
        )
        said: list[str] = []
        plan = merge_plan.read(config, said.append)
        return merge.run(config, tmp_path / "runs" / "m", plan, 0.0, said.append)

    return run
