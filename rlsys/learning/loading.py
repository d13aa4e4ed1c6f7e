"""Loading a policy to be trained: under ZeRO-3 in shards, so that no rank beside the first one ever
holds the whole model, on the CPU or the GPU.

Rank 0 reads the checkpoint into the CPU's memory; every parameter is broadcast from there, and each
rank keeps its share of it.
"""

from typing import Any

from torch import distributed
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.initialization import no_init_weights

from rlsys.learning.policy import load_causal_lm, packed_attention
from rlsys.learning.ranks import Ranks
from rlsys.weights.bundle import plan_buckets

_AT_ONCE = 256 << 20
"""Bytes that are whole on every rank at a time."""


def load_for_training(path: str, ranks: Ranks) -> PreTrainedModel:
    """A causal language model that `ranks.into_deepspeed` will take; all ranks must call.

    Raises:
        ConfigError: the model's attention cannot be exchanged.
    """
    if not ranks.shards_weights:
        return load_causal_lm(path, ranks.dtype)
    source = load_causal_lm(path, ranks.dtype) if ranks.rank == 0 else None
    with packed_attention(path) as attention, ranks.sharding(), no_init_weights():
        model = AutoModelForCausalLM.from_config(
            AutoConfig.from_pretrained(path), dtype=ranks.dtype, **attention
        )
    # Making the first weights ties them, too, and there was no such thing.
    model.tie_weights()
    _spread_parameters(model, source, ranks)
    _spread_buffers(model, source, ranks)
    return model.eval()


def _spread_parameters(
    model: PreTrainedModel, source: PreTrainedModel | None, ranks: Ranks
) -> None:
    whole = dict(source.named_parameters()) if source else {}
    named: list[tuple[str, Any]] = list(model.named_parameters())
    sizes = [parameter.ds_numel * parameter.element_size() for _, parameter in named]
    for indices in plan_buckets(sizes, _AT_ONCE):
        bucket = [named[i] for i in indices]
        with ranks.gathered([parameter for _, parameter in bucket], writer=0):
            for name, parameter in bucket:
                if source:
                    parameter.data.copy_(whole[name])


def _spread_buffers(model: PreTrainedModel, source: PreTrainedModel | None, ranks: Ranks) -> None:
    """Those made in shards are in the parameters' precision, where RoPE needs float32."""
    sent = [{name: buffer.cpu() for name, buffer in source.named_buffers()} if source else None]
    if ranks.world_size > 1:
        distributed.broadcast_object_list(sent, src=0)
    (whole,) = sent
    assert whole is not None
    for name, buffer in list(model.named_buffers()):
        owner, _, own_name = name.rpartition(".")
        module = model.get_submodule(owner)
        module._buffers[own_name] = whole[name].to(buffer.device)
