import asyncio
import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rlsys.config.lora import LoraConfig
from rlsys.errors import CheckpointError, WorkerError
from rlsys.run import checkpoint
from rlsys.run.checkpoint import checkpoint_bytes
from tests.helpers.model_folders import write_weights


async def save_weights(folder: Path) -> None:
    (folder / "policy").mkdir()
    (folder / "policy" / "model.bin").write_bytes(b"weights")


def write(folder: Path, step: int, keep: int = 2) -> Path:
    return asyncio.run(checkpoint.write(folder, step, {"version": step}, save_weights, keep))


def names(folders: list[Path]) -> list[str]:
    return [folder.name for folder in folders]


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_holds_the_loop_and_what_the_learner_saved(tmp_path: Path) -> None:
    folder = write(tmp_path / "checkpoints", 50)
    assert folder == tmp_path / "checkpoints" / "step-000050"
    assert checkpoint.read(folder) == {"version": 50}
    assert (folder / "policy" / "model.bin").read_bytes() == b"weights"


def test_latest_points_to_the_newest_complete_checkpoint(tmp_path: Path) -> None:
    for step in (9, 10):
        write(tmp_path, step)
    assert (tmp_path / "latest").resolve() == tmp_path / "step-000010"
    assert (tmp_path / "latest" / "policy" / "model.bin").read_bytes() == b"weights"


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    for step in (9, 10, 1000000):
        write(tmp_path, step, keep=2)
    assert names(checkpoint.complete(tmp_path)) == ["step-000010", "step-1000000"]
    assert entries(tmp_path) == ["latest", "step-000010", "step-1000000"]


def test_a_crash_while_saving_leaves_the_last_checkpoint_and_no_new_one(tmp_path: Path) -> None:
    write(tmp_path, 1, keep=1)

    async def crash(folder: Path) -> None:
        (folder / "half").write_text("")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        asyncio.run(checkpoint.write(tmp_path, 2, {}, crash, keep=1))
    assert names(checkpoint.complete(tmp_path)) == ["step-000001"]
    assert (tmp_path / "latest").resolve().name == "step-000001"

    folder = write(tmp_path, 2, keep=1)
    assert not (folder / "half").exists()
    assert entries(tmp_path) == ["latest", "step-000002"]


def test_whenever_the_power_fails_a_complete_checkpoint_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at before each call that renames, links or removes, for a new step and for one that
    is written again."""
    write(tmp_path, 1, keep=1)
    seen: list[tuple[str, list[int]]] = []

    def watched(name: str) -> Callable[..., Any]:
        call = getattr(os, name)

        def look(*arguments: Any, **options: Any) -> Any:
            there = checkpoint.complete(tmp_path)
            seen.append((name, [checkpoint.read(path)["version"] for path in there]))
            return call(*arguments, **options)

        return look

    for name in ("rename", "replace", "unlink", "rmdir", "symlink", "mkdir"):
        monkeypatch.setattr(os, name, watched(name))
    for _ in range(2):
        write(tmp_path, 2, keep=1)
    assert {name for name, _ in seen} >= {"rename", "replace", "unlink", "rmdir", "symlink"}
    assert all(versions in ([1], [1, 2], [2], [2, 2]) for _, versions in seen)
    assert entries(tmp_path) == ["latest", "step-000002.2"]


def test_a_step_written_again_replaces_itself(tmp_path: Path) -> None:
    write(tmp_path, 4)
    write(tmp_path, 5)
    folder = write(tmp_path, 5)
    assert names(checkpoint.complete(tmp_path)) == ["step-000004", "step-000005.2"]
    assert checkpoint.complete(tmp_path)[-1] == folder
    assert (tmp_path / "latest").resolve() == folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; skipped where tests may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_without_checkpoints_has_none(tmp_path: Path) -> None:
    assert checkpoint.complete(tmp_path / "none") == []


# --- disks that are full, and checkpoints that are damaged ---------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        WorkerError("learner-0 raised OSError: [Errno 28] No space left on device"),
    ],
)
def test_a_full_disk_is_an_error_that_loses_nothing(tmp_path: Path, error: Exception) -> None:
    write(tmp_path, 1, keep=1)

    async def fill(folder: Path) -> None:
        (folder / "half").write_text("")
        raise error

    with pytest.raises(CheckpointError) as caught:
        asyncio.run(checkpoint.write(tmp_path, 2, {}, fill, keep=1))
    text = str(caught.value)
    assert "checkpoint of step 2 could not be written" in text
    assert "No space left on device" in text
    assert "step-000001 is complete, and the run can be resumed from it" in text
    assert entries(tmp_path) == ["latest", "step-000001"]
    assert checkpoint.read(tmp_path / "latest") == {"version": 1}


def test_a_disk_that_is_full_when_the_state_is_written_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1, keep=1)

    def full(self: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CheckpointError, match="No space left"):
        write(tmp_path, 2, keep=1)
    assert entries(tmp_path) == ["latest", "step-000001"]


def test_a_disk_that_fills_up_while_the_learner_saves_loses_nothing(small_disk: Path) -> None:
    """The real thing: a disk of 256 KiB."""

    async def save(folder: Path) -> None:
        (folder / "weights").write_bytes(bytes(100_000))

    async def save_too_much(folder: Path) -> None:
        (folder / "weights").write_bytes(bytes(200_000))

    asyncio.run(checkpoint.write(small_disk, 1, {"version": 1}, save, keep=1))
    with pytest.raises(CheckpointError, match=r"step-000001 is complete.*No space left on device"):
        asyncio.run(checkpoint.write(small_disk, 2, {"version": 2}, save_too_much, keep=1))
    assert entries(small_disk) == ["latest", "step-000001"]
    assert checkpoint.read(small_disk / "latest") == {"version": 1}


def test_a_disk_without_room_for_the_runs_checkpoints_is_refused_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 10 * 2**30
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    checkpoint.check_space(tmp_path / "new" / "run", free // 3, keep=2)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.check_space(tmp_path / "new" / "run", 4 * 2**30, keep=2)
    assert str(caught.value) == (
        f"{tmp_path} has 10.00 GiB free, and 3 checkpoints of 4.00 GiB need 12.00 GiB more; free "
        "some, lower loop.keep_checkpoints=2, or set run.directory to a larger disk"
    )
    # What is there already takes no room again.
    write(tmp_path, 1)
    checkpoint.check_space(tmp_path, 4 * 2**30, keep=2)


def test_a_small_checkpoint_has_a_size_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    with pytest.raises(
        CheckpointError, match=r"has 1\.0 MiB free, and 3 .* of 0\.5 MiB need 1\.5 "
    ):
        checkpoint.check_space(tmp_path / "run", 2**19, keep=2)


@pytest.mark.parametrize("damage", ["shorten", "remove"])
def test_a_damaged_checkpoint_is_named_with_the_one_before_it(tmp_path: Path, damage: str) -> None:
    write(tmp_path, 1)
    folder = write(tmp_path, 2)
    model = folder / "policy" / "model.bin"
    if damage == "shorten":
        model.write_bytes(b"weig")
    else:
        model.unlink()
    with pytest.raises(CheckpointError) as caught:
        checkpoint.read(folder)
    assert f"the checkpoint {folder} is damaged" in str(caught.value)
    assert "model.bin" in str(caught.value)
    assert "resume from step-000001" in str(caught.value)


def test_a_checkpoints_size_is_told_by_the_models_headers(tmp_path: Path) -> None:
    write_weights(tmp_path, {"a": (3, 5), "b": (7,)})
    assert checkpoint_bytes(str(tmp_path), 2, with_critic=False) == 22 * (16 + 2)
    assert checkpoint_bytes(str(tmp_path), 2, with_critic=True) == 22 * (32 + 2)
    assert checkpoint_bytes("org/name-on-a-hub", 2, with_critic=False) is None


def test_a_checkpoint_of_an_adapter_holds_the_merged_policy_and_little_else(tmp_path: Path) -> None:
    shapes = {"model.layers.0.mlp.up_proj.weight": (30, 10), "model.embed_tokens.weight": (50, 10)}
    write_weights(tmp_path, shapes)
    adapter = 2 * (30 + 10)
    found = checkpoint_bytes(str(tmp_path), 4, with_critic=False, lora=LoraConfig(rank=2))
    assert found == 16 * adapter + 4 * (800 + adapter)
