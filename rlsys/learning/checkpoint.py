"""A learner on the disk: what each rank needs to go on as if nothing had been.

folder/deepspeed/         DeepSpeed's state of the policy, all ranks
folder/deepspeed_critic/  the same of a model that the objective has beside it
folder/rank-0.pt ...      counters, the objective's state, random states
folder/policy/            the policy in Hugging Face form, with its tokenizer; an adapter is merged
folder/adapter/           the adapter by itself, where there is one (adapter_files.py)

With an adapter DeepSpeed's state is that of what is trained: the rest is the model that the run
began with, which a learner that goes on is made from.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from rlsys.config.latents import KEY
from rlsys.determinism import random_states, set_random_states
from rlsys.errors import CheckpointError
from rlsys.learning.adapter_files import FOLDER, save_adapter
from rlsys.learning.learner import Learner
from rlsys.learning.weights_out import WeightsOut
from rlsys.pretrained import load_tokenizer

_SAVED_AT_ONCE = 64 << 20
"""Bytes that ZeRO-3 gathers at a time for a checkpoint."""


def save(folder: Path, learner: Learner, weights: WeightsOut, model_path: str) -> None:
    """All ranks must call; the caller renames the folder when all are done.

    Args:
        model_path: of the policy that the learner began with, whose tokenizer goes along.
    """
    has_adapter = learner.config.lora is not None
    for name, model in _in_deepspeed(learner).items():
        model.save_checkpoint(
            str(folder / name), tag="state", exclude_frozen_parameters=has_adapter
        )
    own = {"learner": learner.state_dict(), "random": random_states()}
    torch.save(own, _file_of_rank(folder, learner))
    writes = learner.ranks.rank == 0
    parameters = {
        # ZeRO-3 needs every rank for each bucket; what it holds is whole on one alone.
        name: tensor.cpu().clone()
        for bucket in weights.gathered(_SAVED_AT_ONCE)
        for name, tensor in bucket
        if writes
    }
    if writes:
        _say_latents(learner.policy.model, learner.objective.latents)
        learner.policy.model.save_pretrained(folder / "policy", state_dict=parameters)
        load_tokenizer(model_path).save_pretrained(folder / "policy")
    if learner.config.lora:
        trained = weights.trained()
        whole = list(learner.policy.new_parts)
        if writes:
            save_adapter(folder / FOLDER, trained, learner.config.lora, model_path, whole)


def load(folder: Path, learner: Learner) -> None:
    """Go on where `save` was called: weights, optimizers, counters and random states. All ranks
    must call, with a learner that has not stepped yet, as many as there were then.

    Raises:
        CheckpointError: the folder has no state of this rank.
    """
    file = _file_of_rank(folder, learner)
    if not file.is_file():
        raise CheckpointError(f"{file}: there is no such file, so no state of this rank")
    for name, model in _in_deepspeed(learner).items():
        path, _ = model.load_checkpoint(
            str(folder / name), tag="state", load_module_strict=learner.config.lora is None
        )
        if path is None:
            raise CheckpointError(f"{folder / name}: no state of rank {learner.ranks.rank}")
    own = torch.load(file, weights_only=True)
    learner.load_state_dict(own["learner"])
    set_random_states(own["random"])


def _say_latents(model: PreTrainedModel, count: int) -> None:
    """In the policy's config.json, so that whoever samples from it does as the learner did."""
    if count or hasattr(model.config, KEY):
        setattr(model.config, KEY, count)


def _in_deepspeed(learner: Learner) -> dict[str, Any]:
    """What DeepSpeed wraps, by the name of its folder."""
    return {"deepspeed": learner.deepspeed, **learner.objective.in_deepspeed}


def _file_of_rank(folder: Path, learner: Learner) -> Path:
    return folder / f"rank-{learner.ranks.rank}.pt"
