"""A recipe of five stages, two of them side by side, with files of its own."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from rlsys.config.load import load
from rlsys.config.run import RunConfig
from rlsys.lineage import digests
from rlsys.local_policy.resolve import workers
from rlsys.recipes import check as checks
from rlsys.recipes.check import Checked, check
from rlsys.recipes.folder import RecipeFolder
from rlsys.recipes.read import read_recipe

_LOADED: dict[object, RunConfig] = {}


def kept(load: Callable[..., RunConfig]) -> Callable[..., RunConfig]:
    """Settings are loaded once, as the same few are in every test."""

    def loaded(path: Path, overrides: Sequence[str], *more: object, **rest: object) -> RunConfig:
        if not Path(path).is_file():
            return load(path, overrides)
        key = load, Path(path).read_text(), *overrides
        if key not in _LOADED:
            _LOADED[key] = load(path, overrides, *more, **rest)
        return deepcopy(_LOADED[key])

    return loaded


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are started, with data files and a config that all stages share."""
    monkeypatch.setattr(digests, "CACHE", tmp_path / "cache" / "digests.json")
    monkeypatch.setattr(checks, "load", kept(load))
    monkeypatch.setattr(checks, "workers", kept(workers))
    monkeypatch.chdir(tmp_path)
    for name in ("chains", "reasoning", "general"):
        row = '{"prompt": "1 + 1 =", "completion": "2", "question": "1 + 1 =", "answer": "2"}\n'
        (tmp_path / f"{name}.jsonl").write_text(row)
    (tmp_path / "small.yaml").write_text("loop: {steps: 6}\n")
    return tmp_path


@pytest.fixture
def content() -> dict:
    """sft1 -> two branches, each -> a table."""
    return {
        "stages": [
            stage("sft1", "sft", demonstrations="chains.jsonl"),
            stage("rl_a", "rl", policy="${sft1.policy}", rows="reasoning.jsonl"),
            stage("rl_b", "rl", policy="${sft1.policy}", rows="general.jsonl"),
            stage("table_a", "evaluate", policy="${rl_a.policy}"),
            stage("table_b", "evaluate", policy="${rl_b.policy}"),
        ]
    }


def stage(name: str, kind: str, **inputs: str) -> dict:
    """As a recipe has it."""
    return {"name": name, "kind": kind, "config": "small.yaml", "inputs": inputs}


@pytest.fixture
def write(workplace: Path) -> Callable[[dict], Path]:
    """Writes a recipe."""

    def written(content: dict) -> Path:
        file = workplace / "branches.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return file

    return written


@pytest.fixture
def folder(workplace: Path) -> RecipeFolder:
    """Where it is run."""
    return RecipeFolder(workplace / "runs" / "branches")


@pytest.fixture
def checked(write: Callable[[dict], Path], content: dict) -> Checked:
    """The recipe as it stands."""
    return check(read_recipe(write(content)))
