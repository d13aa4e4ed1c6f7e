"""What a model has to compute for a block of sequences, in floating point operations.

A forward and a backward pass are counted as PaLM does (arXiv:2204.02311, appendix B), but that a
token meets only those that it sees; layers that are computed twice count once:

    FLOPs = 6 N tokens + 6 L H (Q + V) pairs

N parameters that a token goes through, L layers, H heads whose queries have size Q and values V
(the same, but in latent attention), and pairs of a token and one that it sees. Weights that an
adapter leaves as they are need no gradient: 4 N.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedConfig

from rlsys.config.model_shape import Shape, shape_of

PEAK_FLOPS = {
    "A100": 312e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "L40S": 362e12,
    "B200": 2250e12,
}
"""Of bfloat16 without sparsity, in a second, by a part of a device's name: NVIDIA's data sheets."""


@dataclass(frozen=True)
class Work:
    """FLOPs of a token, and of each pair of it and one that it sees."""

    token: float
    pair: float

    def of(self, prompt: int, completions: Sequence[int]) -> float:
        """Of a block: a prompt of so many tokens, and completions behind its one copy."""
        tokens = prompt + sum(completions)
        pairs = _causal(prompt) + sum(prompt * own + _causal(own) for own in completions)
        return self.token * tokens + self.pair * pairs


TOKENS = Work(token=1.0, pair=0.0)
"""For a model whose sizes are not known here: what it costs is taken to be what it reads."""


def work_of(config: PreTrainedConfig, has_adapter: bool = False) -> Work | None:
    """None for a model of a kind that shape_of does not know."""
    shape = shape_of(config.to_dict())
    return None if shape is None else work_of_shape(shape, has_adapter)


def work_of_shape(shape: Shape, has_adapter: bool = False) -> Work:
    """Sliding windows are not seen: as if each token saw all before it."""
    passes, own = 4.0 if has_adapter else 6.0, shape.attention
    return Work(passes * shape.active_parameters, 6.0 * shape.layers * (own.queries + own.values))


def peak_flops(device: torch.device) -> float | None:
    """Of this process's device in a second; None for one that is not in PEAK_FLOPS."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)


def speed_report(flops: float, seconds: float, device: torch.device) -> dict[str, float]:
    """TFLOP a second of one device, and its share of what the device can, where that is known
    (model FLOPs utilization, MFU)."""
    per_s = flops / seconds
    peak = peak_flops(device)
    return {"tflops": per_s / 1e12, **({} if peak is None else {"mfu": per_s / peak})}


def memory_report(device: torch.device) -> dict[str, float]:
    """The most that torch held of a GPU since this was last asked, in GiB; nothing on a CPU."""
    if device.type != "cuda":
        return {}
    most = torch.cuda.max_memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return {"peak_memory_gib": most / 2**30}


def _causal(tokens: int) -> int:
    """Pairs among tokens that see themselves and those before them."""
    return tokens * (tokens + 1) // 2
