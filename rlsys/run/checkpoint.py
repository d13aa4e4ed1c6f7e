"""Atomic checkpoints: a folder appears under its name only when every part of it is on disk.

    step-000040/       complete: all files written and synced, then one rename
    latest             a link to the newest complete one, replaced by one rename
    *.partial          what a crash left; removed by the next write

The last good checkpoint is never touched before the next one is complete.
"""

import asyncio
import json
import math
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rlsys.config.adapter import adapted_layers, adapter_parameters, linear_layers
from rlsys.config.lora import LoraConfig
from rlsys.config.weight_files import shapes_of
from rlsys.disk import sync
from rlsys.errors import CheckpointError, WorkerError

LATEST = "latest"
_PARTIAL = ".partial"
_NAME = re.compile(r"step-(\d+)(?:\.(\d+))?")
_STATE, _SIZES = "loop.json", "files.json"
_LEARNER_BYTES = 16
"""Per parameter: weights, float32 master weights, and AdamW's two moments."""


async def write(
    folder: Path,
    step: int,
    state: dict[str, Any],
    save: Callable[[Path], Awaitable[None]],
    keep: int,
) -> Path:
    """Write folder/step-NNNNNN: the loop's state as JSON, and what `save` puts there.

    A step that has a complete checkpoint already gets another one beside it (step-NNNNNN.2), so
    that at every moment one is complete.

    Args:
        keep: complete checkpoints that stay; older ones are removed at the very end.
    Raises:
        CheckpointError: the disk is full or fails. What was written of this checkpoint is
            removed; those before it are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_partial(folder)
    partial = folder / f"step-{step:06d}.{os.getpid()}{_PARTIAL}"
    try:
        partial.mkdir()
        await save(partial)
        (partial / _STATE).write_text(json.dumps(state))
        sizes = {str(p.relative_to(partial)): p.stat().st_size for p in _files(partial)}
        (partial / _SIZES).write_text(json.dumps(sizes, indent=1))
        await asyncio.to_thread(_sync_tree, partial)
        final = folder / _free_name(folder, step)
        partial.rename(final)
        sync(folder)
        _point_to(final)
        for old in _superseded(folder, keep):
            # Under another name first: a checkpoint half removed must not look complete.
            await asyncio.to_thread(shutil.rmtree, old.rename(f"{old}{_PARTIAL}"))
    except (OSError, WorkerError) as error:
        _remove_partial(folder)
        raise CheckpointError(
            f"the checkpoint of step {step} could not be written to {folder}, where "
            f"{_size(shutil.disk_usage(folder).free)} are free; {_fallback(folder)}. Cause: {error}"
        ) from error
    return final


def complete(folder: Path) -> list[Path]:
    """The finished checkpoints, oldest first."""
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if _NAME.fullmatch(p.name)), key=_order)


def read(path: Path) -> dict[str, Any]:
    """The loop's state in a complete checkpoint, after a look at all of its files.

    Raises:
        CheckpointError: a file is missing or not as long as it was written.
    """
    try:
        sizes = json.loads((path / _SIZES).read_text())
        for name, size in sizes.items():
            if (now := (path / name).stat().st_size) != size:
                raise CheckpointError(_damage(path, f"{name} has {now} bytes, {size} were written"))
        state: dict[str, Any] = json.loads((path / _STATE).read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise CheckpointError(_damage(path, str(error))) from error
    return state


def check_space(folder: Path, checkpoint_bytes: int, keep: int) -> None:
    """Raise CheckpointError when the disk has no room for what a run keeps, before it starts.

    Args:
        checkpoint_bytes: of one checkpoint.
        keep: as in `write`; one more exists while the oldest is not yet removed.
    """
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free
    need = (keep + 1 - min(keep, len(complete(folder)))) * checkpoint_bytes
    if free < need:
        raise CheckpointError(
            f"{there} has {_size(free)} free, and {keep + 1} checkpoints of "
            f"{_size(checkpoint_bytes)} need {_size(need)} more; free some, lower "
            f"loop.keep_checkpoints={keep}, or set run.directory to a larger disk"
        )


def _order(path: Path) -> tuple[int, int]:
    """Step, and which of its checkpoints."""
    match = _NAME.fullmatch(path.name)
    assert match
    return int(match[1]), int(match[2] or 1)


def _free_name(folder: Path, step: int) -> str:
    taken = [_order(path)[1] for path in complete(folder) if _order(path)[0] == step]
    name = f"step-{step:06d}"
    return f"{name}.{max(taken) + 1}" if taken else name


def _superseded(folder: Path, keep: int) -> list[Path]:
    """All but the last `keep` steps, and all but the last of each step."""
    last_of_step = {_order(path)[0]: path for path in complete(folder)}
    kept = list(last_of_step.values())[-keep:]
    return [path for path in complete(folder) if path not in kept]


def _point_to(final: Path) -> None:
    link = final.parent / f"{LATEST}{_PARTIAL}"
    link.unlink(missing_ok=True)
    link.symlink_to(final.name)
    link.replace(final.parent / LATEST)
    sync(final.parent)


def _remove_partial(folder: Path) -> None:
    for path in folder.glob(f"*{_PARTIAL}"):
        if path.is_symlink():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)


def _damage(path: Path, what: str) -> str:
    others = [p.name for p in complete(path.parent) if p != path]
    before = f"remove the folder to resume from {others[-1]}" if others else "there is no other one"
    return f"the checkpoint {path} is damaged: {what}; {before}"


def _fallback(folder: Path) -> str:
    there = complete(folder)
    if not there:
        return "there is no complete checkpoint yet"
    return f"{there[-1].name} is complete, and the run can be resumed from it"


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _sync_tree(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def _size(num_bytes: int) -> str:
    if num_bytes < 2**27:
        return f"{num_bytes / 2**20:.1f} MiB"
    return f"{num_bytes / 2**30:.2f} GiB"


def checkpoint_bytes(
    model_path: str, policy_bytes: int, with_critic: bool, lora: LoraConfig | None = None
) -> int | None:
    """Bytes of one checkpoint but for the kept samples; None when the model is not a folder of
    safetensors, so that its size is not known before it is loaded.

    Args:
        policy_bytes: per parameter, of the policy in Hugging Face form.
        lora: the adapter, where that is all that is trained.
    """
    shapes = shapes_of(model_path, model_path)
    if not shapes:
        return None
    parameters = trained = sum(map(math.prod, shapes.values()))
    if lora:
        trained = adapter_parameters(adapted_layers(linear_layers(shapes), lora), lora)
        parameters += trained  # merged in the policy, and by itself beside it
    return trained * _LEARNER_BYTES * (2 if with_critic else 1) + parameters * policy_bytes
