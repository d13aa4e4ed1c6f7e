"""A learner on the disk: what each rank needs to go on as if nothing had been.

folder/deepspeed/         DeepSpeed's state of the policy, all ranks
folder/deepspeed_critic/  the same of a model that the objective has beside it
folder/rank-0.pt ...      counters, the objective's state, random states
folder/policy/            the policy in Hugging Face form, with its tokenizer; an adapter is merged
folder/adapter/           the adapter by itself, where there is one (adapter_files.py)

With an adapter DeepSpeed's state is that of what is trained: the rest is the model that the run
began with, which a learner that goes on is made from.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
from rlsys.weights.staging import Copier

_SAVED_AT_ONCE = 64 << 20
"""Bytes that ZeRO-3 gathers at a time for a checkpoint."""


@dataclass(frozen=True)
class Copied:
    """A rank's state at one moment, in the CPU's memory. Nothing that the learner does later
    changes it, so it is written beside that."""

    folder: Path
    learner: Learner
    files: Mapping[Path, Any]
    """What torch.save writes, by its file."""
    parameters: Mapping[str, torch.Tensor]
    """Of the policy, by their names; none but on rank 0, which writes it."""
    adapter: Mapping[str, torch.Tensor]
    """What is trained, where that is an adapter."""
    model_path: str

    def write(self) -> None:
        """Into the folder; the caller renames it when all ranks are done."""
        for file, state in self.files.items():
            torch.save(state, file)
        if not self.parameters:
            return
        policy = self.learner.policy
        _say_latents(policy.model, self.learner.objective.latents)
        policy.model.save_pretrained(self.folder / "policy", state_dict=dict(self.parameters))
        load_tokenizer(self.model_path).save_pretrained(self.folder / "policy")
        if lora := self.learner.config.lora:
            whole = list(policy.new_parts)
            save_adapter(self.folder / FOLDER, self.adapter, lora, self.model_path, whole)


def copied(folder: Path, learner: Learner, weights: WeightsOut, model_path: str) -> Copied:
    """What this rank has to write into a checkpoint's folder, which is there. All ranks must call.

    Args:
        model_path: of the policy that the learner began with, whose tokenizer goes along.
    """
    copier = Copier()
    has_adapter = learner.config.lora is not None
    files: dict[Path, Any] = {}
    for name, model in learner.in_deepspeed.items():
        with _kept(model.checkpoint_engine, copier, files):
            model.save_checkpoint(
                str(folder / name), tag="state", exclude_frozen_parameters=has_adapter
            )
    own = {"learner": learner.state_dict(), "random": random_states()}
    files[_file_of_rank(folder, learner)] = copy.deepcopy(own)
    parameters = {
        # ZeRO-3 needs every rank for each bucket; what it holds is whole on one alone.
        name: copier.copy(tensor)
        for bucket in weights.gathered(_SAVED_AT_ONCE)
        for name, tensor in bucket
        if learner.ranks.rank == 0
    }
    adapter = weights.trained() if has_adapter else {}
    return Copied(folder, learner, files, parameters, adapter, model_path)


@contextmanager
def _kept(writer: Any, copier: Copier, files: dict[Path, Any]) -> Iterator[None]:
    """DeepSpeed's writer puts copies of what it is handed into `files`, by their paths."""

    def keep(state_dict: Any, path: str) -> None:
        files[Path(path)] = _copy(state_dict, copier, {})

    writer.save = keep
    try:
        yield
    finally:
        del writer.save


def _copy(value: Any, copier: Copier, seen: dict[Any, torch.Tensor]) -> Any:
    """A state with all that is in it. A tensor that has two names, as tied weights have, is copied
    once.

    seen: the copies, by where the tensors lie; all of them must live meanwhile.
    """
    if isinstance(value, torch.Tensor):
        key = (value.data_ptr(), value.dtype, value.shape, value.stride())
        if not value.numel() or key not in seen:
            seen[key] = copier.copy(value)
        return seen[key]
    if isinstance(value, Mapping):
        return {name: _copy(part, copier, seen) for name, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [_copy(part, copier, seen) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return copy.deepcopy(value)


def load(folder: Path, learner: Learner) -> None:
    """Go on where `copied` was called: weights, optimizers, counters and random states. All ranks
    must call, with a learner that has not stepped yet, as many as there were then.

    Raises:
        CheckpointError: the folder has no state of this rank.
    """
    file = _file_of_rank(folder, learner)
    if not file.is_file():
        raise CheckpointError(f"{file}: there is no such file, so no state of this rank")
    for name, model in learner.in_deepspeed.items():
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


def _file_of_rank(folder: Path, learner: Learner) -> Path:
    return folder / f"rank-{learner.ranks.rank}.pt"
