"""Proof that an update leaves a model as loading from disk does: tensor by tensor, to the bit.

vLLM keeps weights as its kernels want them: merged, padded, packed. Loading them again may leave
one unpacked, packed twice, or old, and no published tensor shows it, since all of them arrived.
What the sampler held when it had loaded the same weights from disk shows it, and names the tensor.
"""

from collections.abc import Mapping
from typing import Any

import torch
from vllm.model_executor.model_loader.reload.utils import get_layer_tensors

from rlsys.weights.fingerprint import order_fingerprint
from rlsys.weights.readback import input_size

_PROBES = 8
"""Rows that a packed weight is applied to."""


@torch.no_grad()
def held(model: Any) -> dict[str, int]:
    """Fingerprints of the tensors that the model's kernels read, by name.

    Where vLLM has packed a linear weight behind a handle that shows nothing, it is the fingerprint
    of what the layer makes of a few fixed random rows.
    """
    found = {}
    for place, module in model.named_modules():
        for name, tensor in get_layer_tensors(module).items():
            if tensor.numel():
                found[f"{place}.{name}"] = order_fingerprint(tensor)
        if hasattr(module, "cpu_linear"):
            found[f"{place}.weight (packed)"] = order_fingerprint(_outputs(module))
    return found


def changed(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Tensors that are not as they were, or are there only once."""
    return sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))


def _outputs(module: Any) -> torch.Tensor:
    """[rows, out] of a layer that vLLM packs on CPU: linear, embedding or output head."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(_PROBES, input_size(module), generator=generator)
    return module.quant_method.apply(module, rows.to(module.weight.dtype))
