"""A manifest leads from a policy to the stage that made it, and to that stage's inputs."""

import json
import time
from datetime import datetime
from pathlib import Path

import pytest

import rlsys
from rlsys.config.run import RunConfig
from rlsys.errors import LineageError
from rlsys.lineage.manifest import (
    Verdict,
    artifact,
    manifest_of,
    read_manifest,
    with_gate,
    write_manifest,
)


def stage(tmp_path: Path, name: str = "sft1") -> tuple[Path, Path]:
    """A stage's folder, and a policy in it."""
    folder = tmp_path / name
    policy = folder / "checkpoints" / "step-000002" / "policy"
    policy.mkdir(parents=True)
    (policy / "config.json").write_text(json.dumps({"made by": name}))
    return folder, policy


def test_what_is_written_is_read(tmp_path: Path, rows: Path) -> None:
    folder, policy = stage(tmp_path)
    figures = {"pass_at_1": {"mean": 0.5, "low": 0.4, "high": 0.6}, "steps": 2}
    written = write_manifest(
        folder, "sft", RunConfig(), {"rows": rows}, {"policy": policy}, figures, time.monotonic()
    )
    assert read_manifest(folder) == written
    assert written.inputs["rows"].path == str(rows)
    assert written.figures == figures


def test_a_copy_beside_a_policy_names_the_stage_that_made_it(tmp_path: Path) -> None:
    folder, policy = stage(tmp_path)
    written = write_manifest(
        folder, "sft", RunConfig(), {}, {"policy": policy}, {}, time.monotonic()
    )
    assert (policy / "manifest.json").is_file()
    assert read_manifest(policy) == written
    assert artifact(policy).producer == str(folder)


def test_a_copy_beside_a_data_file_has_its_name(tmp_path: Path, rows: Path) -> None:
    folder, _ = stage(tmp_path, "sample")
    write_manifest(
        folder, "sample", RunConfig(), {}, {"demonstrations": rows}, {}, time.monotonic()
    )
    assert manifest_of(rows) == rows.with_name("rows.jsonl.manifest.json")
    assert artifact(rows).producer == str(folder)


def test_a_policy_that_was_changed_afterwards_has_no_producer(tmp_path: Path) -> None:
    folder, policy = stage(tmp_path)
    write_manifest(folder, "sft", RunConfig(), {}, {"policy": policy}, {}, time.monotonic())
    (policy / "config.json").write_text('{"made by": "hand"}')
    assert artifact(policy).producer is None


def test_another_programs_manifest_beside_an_input_says_nothing(policy: Path) -> None:
    (policy / "manifest.json").write_text('{"name": "a web page"}')
    assert artifact(policy).producer is None


def test_an_input_taken_at_the_start_stands_for_what_was_read_then(
    tmp_path: Path, rows: Path
) -> None:
    folder, policy = stage(tmp_path)
    at_the_start = artifact(rows)
    rows.write_text("changed meanwhile\n")
    written = write_manifest(
        folder, "rl", RunConfig(), {"rows": at_the_start}, {"policy": policy}, {}, time.monotonic()
    )
    assert written.inputs["rows"] == at_the_start != artifact(rows)


def test_a_hub_id_that_is_downloaded_while_a_stage_runs_is_known_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    judge = artifact("org/judge")
    assert judge.digest == ""
    ref = tmp_path / "models--org--judge" / "refs" / "main"
    ref.parent.mkdir(parents=True)
    ref.write_text("0123")
    folder, policy = stage(tmp_path)
    written = write_manifest(
        folder, "rl", RunConfig(), {"reward_model": judge}, {"policy": policy}, {}, 0.0
    )
    assert written.inputs["reward_model"].digest == "commit:0123"


def test_a_manifest_says_versions_machine_and_times(tmp_path: Path) -> None:
    folder, policy = stage(tmp_path)
    began = time.monotonic() - 90
    written = write_manifest(folder, "rl", RunConfig(), {}, {"policy": policy}, {}, began)
    assert written.versions["rlsys"] == rlsys.__version__
    assert written.machine["cpus"] >= 1
    times = [datetime.fromisoformat(when) for when in (written.started, written.ended)]
    assert (times[1] - times[0]).total_seconds() == pytest.approx(90, abs=2)


def test_a_gates_verdict_is_in_the_folder_and_in_every_copy(tmp_path: Path) -> None:
    folder, policy = stage(tmp_path)
    written = write_manifest(folder, "rl", RunConfig(), {}, {"policy": policy}, {}, 0.0)
    verdict = Verdict("pass_at_1.low > 0.5", False, {"mean": 0.5, "low": 0.4, "high": 0.6})
    with_gate(folder, written, [verdict])
    assert read_manifest(folder).gate == read_manifest(policy).gate == [verdict]


@pytest.mark.parametrize("figure", ["high", {"mean": 0.5}, {"mean": "a", "low": 0, "high": 1}])
def test_a_figure_that_is_no_number_makes_it_none(tmp_path: Path, figure: object) -> None:
    folder, policy = stage(tmp_path)
    write_manifest(folder, "rl", RunConfig(), {}, {"policy": policy}, {"gain": 0.5}, 0.0)
    assert read_manifest(folder).figures == {"gain": 0.5}
    content = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(content | {"figures": {"gain": figure}}))
    with pytest.raises(LineageError, match="is no manifest of rlsys"):
        read_manifest(folder)


def test_a_folder_without_a_manifest_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LineageError, match=r"no manifest\.json, so nothing says what made it"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["{half", "[]", "{}", '{"inputs": {"rows": 3}, "outputs": {}}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(LineageError, match="is no manifest of rlsys"):
        read_manifest(tmp_path)


def test_a_part_of_the_world_is_called_by_its_name() -> None:
    found = artifact("world:general:test")
    assert (found.path, found.producer) == ("world:general:test", None)
    assert found.digest.startswith("sha256:")
