"""What an adapter (learner.lora) asks of a model and of a run, before anything is loaded: layers
that are there, a rank that they have room for, and who is the reference."""

import re
from collections.abc import Iterator, Mapping

from rlsys.config.algorithm import AlgorithmConfig, KlPlacement, is_per_token
from rlsys.config.lora import LoraConfig
from rlsys.config.model_files import read_config
from rlsys.config.model_shape import shape_of
from rlsys.config.run import LearnerConfig, RunConfig
from rlsys.config.weight_files import Shape, shapes_of
from rlsys.errors import ConfigError, instead

_PATH = "learner.lora"
_IN_A_LAYER = re.compile(r"\.\d+\..*?(\w+)$")
"""A linear layer of one of the decoder's layers, which have numbers, and the last part of its
name: `model.layers.0.self_attn.q_proj`."""
_NEVER = {"experts", "gate", "router", "shared_expert_gate"}
"""Parts of the names of experts, which are stacked in one parameter, and of what chooses them."""


def layer_of(name: str) -> str | None:
    """By which a linear layer can be named in learner.lora.targets; None for one that never has an
    adapter."""
    found = _IN_A_LAYER.search(name)
    return found[1] if found and not _NEVER & set(name.split(".")) else None


def adapted_layers(linear: Mapping[str, Shape], config: LoraConfig) -> dict[str, Shape]:
    """Those of a model's linear layers that have an adapter.

    Args:
        linear: [out, in] of every linear layer, by its whole name.
    Raises:
        ConfigError: a target is no layer, there are no layers at all, or the rank is larger than
            one of them.
    """
    layers = {name: shape for name, shape in linear.items() if layer_of(name)}
    there = {str(layer_of(name)) for name in layers}
    if not there:
        raise ConfigError(
            f"{_PATH}: the model has no linear layers of its own that could have an adapter; "
            f"nearest valid: {_PATH}=null"
        )
    for target in config.targets:
        if target not in there:
            raise ConfigError(
                f"{_PATH}.targets: the model has no linear layer {target!r} that could have an "
                f"adapter{instead(target, there)}"
            )
    wanted = set(config.targets) or there
    chosen = {name: shape for name, shape in layers.items() if layer_of(name) in wanted}
    smallest = min(chosen, key=lambda name: min(chosen[name]))
    if config.rank > (most := min(chosen[smallest])):
        raise ConfigError(
            f"{_PATH}.rank={config.rank}: {smallest} is {chosen[smallest][0]} x "
            f"{chosen[smallest][1]}, whose change has rank {most} at most; nearest valid: {most}"
        )
    return chosen


def adapter_parameters(chosen: Mapping[str, Shape], config: LoraConfig) -> int:
    """Numbers that the adapters of these layers have."""
    return config.rank * sum(rows + columns for rows, columns in chosen.values())


def linear_layers(shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The linear layers among a checkpoint's tensors: its matrices, but for the embedding."""
    return {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 2
    }


def layers_to_adapt(path: str, named: str) -> dict[str, Shape]:
    """The linear layers of a model, by the heads of its weight files, or by its config.json where
    those are not at hand, as for a hub id; empty where neither tells."""
    if shapes := shapes_of(path, named):
        return linear_layers(shapes)
    shape = shape_of(read_config(path, named))
    if shape is None:
        return {}
    return {
        f"layers.{number}.{name}": (rows, columns)
        for number in range(shape.layers)
        for name, rows, columns in shape.linear
    }


def require_adaptable(config: RunConfig, path: str, named: str) -> None:
    """Raise ConfigError where a model's files show that it has no room for the adapter."""
    lora = config.learner.lora
    if lora and (layers := layers_to_adapt(path, named)):
        adapted_layers(layers, lora)


def adapter_note(lora: LoraConfig, path: str) -> str:
    """What is trained of a model, for people."""
    layers = layers_to_adapt(path, f"model.path={path!r}")
    if not layers:
        return f"an adapter of rank {lora.rank} is trained"
    chosen = adapted_layers(layers, lora)
    kinds = ", ".join(sorted({str(layer_of(name)) for name in chosen}))
    count = adapter_parameters(chosen, lora)
    return (
        f"an adapter of rank {lora.rank} is trained: {count:,} parameters in {len(chosen)} linear "
        f"layers ({kinds})"
    )


def learner_is_reference(learner: LearnerConfig, algorithm: AlgorithmConfig) -> bool:
    """Whether the learner says what the reference would: its policy without the adapter is the one
    that the run began with, or its ranks hold that one beside the policy. Not where its word comes
    too late."""
    holds = learner.lora is not None or learner.holds_reference
    return holds and not is_asked_before(algorithm)


def is_asked_before(algorithm: AlgorithmConfig) -> bool:
    """Whether what the reference says is needed before completions come to the learner: for a KL
    penalty in the reward of whole completions."""
    kl = algorithm.kl
    before = kl.coefficient > 0 and kl.placement is KlPlacement.reward
    return before and not is_per_token(algorithm.advantage.estimator)


def reference_problems(config: RunConfig) -> Iterator[str]:
    """What learner.holds_reference does not go with."""
    if not config.learner.holds_reference:
        return
    path = "learner.holds_reference=true"
    if config.learner.lora:
        yield (
            f"{path}: with learner.lora the learner's policy without its adapter is the reference; "
            "nearest valid: learner.holds_reference=false"
        )
    if is_asked_before(config.algorithm):
        yield (
            f"{path}: with algorithm.kl.placement=reward the reference is asked before completions "
            "come to the learner; nearest valid: algorithm.kl.placement=loss, or a reference "
            "worker by learner.holds_reference=false"
        )
