import asyncio
import json
from pathlib import Path

import pytest

from rlsys.loop import checkpoint


async def save_weights(folder: Path) -> None:
    (folder / "policy").mkdir()
    (folder / "policy" / "model.bin").write_bytes(b"weights")


def write(folder: Path, step: int, keep: int = 2) -> Path:
    return asyncio.run(checkpoint.write(folder, step, {"version": step}, save_weights, keep))


def names(folders: list[Path]) -> list[str]:
    return [folder.name for folder in folders]


def test_a_checkpoint_holds_the_loop_and_what_the_learner_saved(tmp_path: Path) -> None:
    folder = write(tmp_path / "checkpoints", 50)
    assert folder == tmp_path / "checkpoints" / "step-000050"
    assert json.loads((folder / "loop.json").read_text()) == {"version": 50}
    assert (folder / "policy" / "model.bin").read_bytes() == b"weights"


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        write(tmp_path, step, keep=2)
    assert names(checkpoint.complete(tmp_path)) == ["step-000010", "step-000100"]
    assert names(list(tmp_path.iterdir())).count("step-000009") == 0


def test_a_crash_while_saving_leaves_the_last_checkpoint_and_no_new_one(tmp_path: Path) -> None:
    write(tmp_path, 1, keep=1)

    async def crash(folder: Path) -> None:
        (folder / "half").write_text("")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        asyncio.run(checkpoint.write(tmp_path, 2, {}, crash, keep=1))
    assert names(checkpoint.complete(tmp_path)) == ["step-000001"]

    folder = write(tmp_path, 2, keep=1)
    assert not (folder / "half").exists()
    assert names(list(tmp_path.iterdir())) == ["step-000002"]


def test_the_old_checkpoint_is_removed_only_after_the_new_one_is_complete(tmp_path: Path) -> None:
    write(tmp_path, 1, keep=1)
    seen = []

    async def look(folder: Path) -> None:
        seen.append(names(checkpoint.complete(tmp_path)))

    asyncio.run(checkpoint.write(tmp_path, 2, {}, look, keep=1))
    assert seen == [["step-000001"]]


def test_a_step_written_again_replaces_itself(tmp_path: Path) -> None:
    write(tmp_path, 5)
    (tmp_path / "step-000005" / "old").write_text("")
    folder = write(tmp_path, 5)
    assert not (folder / "old").exists()
    assert names(checkpoint.complete(tmp_path)) == ["step-000005"]


def test_a_folder_without_checkpoints_has_none(tmp_path: Path) -> None:
    assert checkpoint.complete(tmp_path / "none") == []
