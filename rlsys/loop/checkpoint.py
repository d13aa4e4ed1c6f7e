"""Atomic checkpoints: a folder appears under its name only when every part of it is on disk."""

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

_PARTIAL = ".partial"


async def write(
    folder: Path,
    step: int,
    state: dict[str, Any],
    save_learner: Callable[[Path], Awaitable[None]],
    keep: int,
) -> Path:
    """Write folder/step-NNNNNN: loop.json, and what `save_learner` puts there.

    The last good checkpoint is removed only after this one is complete. A crash at any moment
    leaves at most a `.partial` folder, which the next write of that step replaces.
    """
    final = folder / f"step-{step:06d}"
    partial = final.with_name(final.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    await save_learner(partial)
    (partial / "loop.json").write_text(json.dumps(state, indent=2))
    await asyncio.to_thread(_sync_tree, partial)
    if final.exists():
        shutil.rmtree(final)
    os.replace(partial, final)
    _sync(folder)
    for old in complete(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def complete(folder: Path) -> list[Path]:
    """The finished checkpoints, oldest first."""
    return sorted(p for p in folder.glob("step-*") if p.is_dir() and p.suffix != _PARTIAL)


def _sync_tree(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
