"""Random states of a process, and what makes its arithmetic repeat bit for bit on a CPU."""

import hashlib
import random
from typing import Any

import numpy as np
import torch

_SEED_BITS = 62
"""Leaves room for `seed + sample_index` in the 64 bits that torch takes."""


def make_deterministic() -> None:
    """Only algorithms of torch that repeat; an operation without one raises.

    One thread is the caller's part: sums over more are taken in another order.
    """
    torch.use_deterministic_algorithms(True)


def group_seed(seed: int, group_id: int) -> int:
    """The sampling seed of a group's first completion; sample i of the group takes this plus i.

    It depends on the run's seed and the group alone, so a group that is sampled again, on any
    worker, gets the same random numbers.
    """
    digest = hashlib.blake2b(f"{seed} {group_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - _SEED_BITS)


def sampler_seed(seed: int, index: int, incarnation: int) -> int:
    """The seed of a sampler's own generator: another one for each worker, and each time one is
    started; within the 32 bits that numpy takes."""
    digest = hashlib.blake2b(f"{seed} {index} {incarnation}".encode(), digest_size=4).digest()
    return int.from_bytes(digest)


def random_states() -> dict[str, Any]:
    """Of Python, numpy and torch (with its CUDA devices), as torch.save's plain values."""
    numpy_state = np.random.get_state(legacy=False)
    assert isinstance(numpy_state, dict)
    inner = numpy_state["state"]
    return {
        "python": random.getstate(),
        "numpy": {**numpy_state, "state": {**inner, "key": torch.from_numpy(inner["key"].copy())}},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Go on where `random_states` was taken."""
    random.setstate(states["python"])
    inner = states["numpy"]["state"]
    np.random.set_state({**states["numpy"], "state": {**inner, "key": inner["key"].numpy()}})
    torch.set_rng_state(states["torch"])
    torch.cuda.set_rng_state_all(states["cuda"])
