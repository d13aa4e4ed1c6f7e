"""How much a GPU's sampler takes at a time where no setting says so: vLLM's own choice for offline
work on the device (EngineArgs.get_batch_defaults of 0.32.0), which the engine makes at its start.

Here it is for those who have to know it before: who plans memory, and who keeps samplers busy.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Batch:
    """What one sampler takes in a step at most."""

    sequences: int
    tokens: int
    """Of prompts."""


SMALLER, LARGER = Batch(256, 8192), Batch(1024, 16384)
_LARGE_GIB, _LARGEST_GIB = 70, 160


def gpu_batch(gib: float, name: str = "") -> Batch:
    """Of a GPU with this memory.

    Args:
        name: as its driver has it; an A100 is slower with the larger batch. Empty: not known.
    """
    is_large = gib >= _LARGEST_GIB or (gib >= _LARGE_GIB and "a100" not in name.lower())
    return LARGER if is_large else SMALLER
