"""Weights as the learner publishes them, for tests of samplers that take them in."""

from pathlib import Path

import numpy as np

from rlsys.weights.bundle import Manifest, Named, pack, plan_buckets


def published(
    version: int, named: list[Named], folder: Path
) -> tuple[Manifest, list[list[np.ndarray]]]:
    """Buckets of 64 KiB in files, as shared memory."""
    plan = plan_buckets([t.nbytes for _, t in named], 1 << 16)
    files = iter(range(len(plan)))

    def send(pieces: list[np.ndarray]) -> list[np.ndarray]:
        path = folder / f"version-{version}-{next(files)}"
        path.write_bytes(b"".join(piece.tobytes() for piece in pieces))
        memory = np.memmap(path, dtype=np.uint8, mode="r+")
        return np.split(memory, np.cumsum([piece.nbytes for piece in pieces])[:-1])

    return pack(version, [[named[i] for i in bucket] for bucket in plan], send)
