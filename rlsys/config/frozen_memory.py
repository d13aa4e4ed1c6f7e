"""How many bytes the members need that only read their networks, beside rlsys.config.memory.

scorer      weights + max(logits, a layer at work): reference and teacher
verifier    weights of the models that it loads + the same of the one that is at work
"""

from rlsys.config.adapter import learner_is_reference
from rlsys.config.memory import LOGITS, Memory, activation_bytes, has_copies, size_of
from rlsys.config.model_shape import Shape
from rlsys.config.networks import Network, Networks, teacher_of
from rlsys.config.run import ReferenceConfig, RunConfig

_GRADED_LOGITS = 8
"""Bytes for each token and word of all logits of a batch, whose backward pass nobody asks for: in
float32, and once more for the softmax."""


def scorers(config: RunConfig) -> dict[str, ReferenceConfig]:
    """By role, the workers that score under a frozen policy: of the reference, unless the learner
    says what it would, and of the teacher."""
    found = dict[str, ReferenceConfig]()
    if not learner_is_reference(config.learner, config.algorithm):
        found["reference"] = config.reference
    if teacher_of(config):
        found["teacher"] = config.teacher
    return found


def scorer(config: RunConfig, own: ReferenceConfig, shape: Shape) -> Memory:
    """Of one worker of a frozen policy, which keeps nothing for a backward pass."""
    tokens = max(own.microbatch_tokens, config.model.max_context)
    b = size_of(own.dtype)
    logits = float(LOGITS * min(config.learner.logprob_chunk, tokens) * shape.vocabulary)
    at_work = tokens * activation_bytes(shape, own.dtype, has_copies(config.learner, own.dtype))
    return Memory(
        weights=float(shape.parameters * b),
        activations=max(0.0, at_work - logits),
        logits=logits,
    )


def verifier(networks: Networks, gpu: int | None) -> Memory:
    """Of the models that one verifier worker loads on one of its GPUs, as far as their sizes are
    known. They are asked one after another.

    Args:
        gpu: which one; None: those in the node's memory.
    """
    weights, most = 0.0, (0.0, 0.0)
    for grader, network in networks.graders.items():
        if grader.gpu != gpu or not network.is_known:
            continue
        weights += grader_weights(network)
        logits = 0.0 if grader.is_classifier else float(_GRADED_LOGITS * network.shape.vocabulary)
        layer = activation_bytes(network.shape, network.saved_in, copies=True)
        work = (grader.tokens * max(0.0, layer - logits), grader.tokens * logits)
        most = max(most, work, key=sum)
    return Memory(weights=weights, activations=most[0], logits=most[1])


def grader_weights(network: Network) -> float:
    """Of a model that a verifier loads."""
    return float(network.shape.parameters * size_of(network.saved_in))
