"""What a single field cannot say of itself: settings that must fit one another.

Nothing heavy is imported and nothing is edited: an impossible setting is an error that names the
nearest possible one.
"""

import os
from pathlib import Path

from rlsys.config import algorithm as algorithm_config
from rlsys.config import data as data_config
from rlsys.config import verifiers as verifiers_config
from rlsys.config.schema import RunConfig
from rlsys.errors import ConfigError

_PLACEMENTS = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")


def validate(config: RunConfig) -> None:
    """Raise ConfigError on the first setting, or pair of settings, that cannot work."""
    _positive(config)
    _batch(config)
    _model(config)
    _transport(config)
    data_config.validate(config.data)
    algorithm_config.validate(config.algorithm)
    verifiers_config.validate(config.verifiers)


def _positive(config: RunConfig) -> None:
    at_least = {
        "loop.steps": (config.loop.steps, 1),
        "loop.groups_per_step": (config.loop.groups_per_step, 1),
        "loop.max_staleness": (config.loop.max_staleness, 0),
        "loop.evaluate_every": (config.loop.evaluate_every, 0),
        "loop.checkpoint_every": (config.loop.checkpoint_every, 1),
        "loop.keep_checkpoints": (config.loop.keep_checkpoints, 1),
        "rollout.workers": (config.rollout.workers, 1),
        "rollout.max_sequences": (config.rollout.max_sequences, 1),
        "rollout.tensor_parallel": (config.rollout.tensor_parallel, 1),
        "verifiers.workers": (config.verifiers.workers, 1),
        "reference.workers": (config.reference.workers, 1),
        "learner.ranks": (config.learner.ranks, 1),
        "learner.minibatches": (config.learner.minibatches, 1),
        "learner.microbatch_tokens": (config.learner.microbatch_tokens, 1),
        "learner.logprob_chunk": (config.learner.logprob_chunk, 1),
        "sampling.max_tokens": (config.sampling.max_tokens, 1),
        "evaluation.prompts": (config.evaluation.prompts, 1),
        "evaluation.final_prompts": (config.evaluation.final_prompts, 1),
        "evaluation.samples": (config.evaluation.samples, 1),
    }
    for path, (value, least) in at_least.items():
        if value < least:
            raise ConfigError(f"{path}={value}: must be at least {least}")
    if config.sampling.temperature <= 0:
        raise ConfigError(
            f"sampling.temperature={config.sampling.temperature}: must be above 0 in training, "
            "since greedy answers of one prompt are all equal and carry no signal; use 1.0"
        )


def _batch(config: RunConfig) -> None:
    loop, learner = config.loop, config.learner
    if loop.group_size < 2:
        raise ConfigError(
            f"loop.group_size={loop.group_size}: advantages compare the answers of one prompt, so "
            "a group needs at least 2; nearest valid: 2"
        )
    if loop.groups_per_step % learner.minibatches:
        raise ConfigError(
            f"learner.minibatches={learner.minibatches} does not divide loop.groups_per_step="
            f"{loop.groups_per_step}; nearest valid: "
            f"{_nearest_divisor(loop.groups_per_step, learner.minibatches)}"
        )
    per_update = loop.groups_per_step * loop.group_size // learner.minibatches
    if per_update % learner.ranks:
        raise ConfigError(
            f"learner.ranks={learner.ranks} does not divide the {per_update} answers of an update "
            f"(loop.groups_per_step {loop.groups_per_step} x loop.group_size {loop.group_size} / "
            f"learner.minibatches {learner.minibatches}); nearest valid: "
            f"{_nearest_divisor(per_update, learner.ranks)}"
        )
    if not 0 <= learner.zero_stage <= 3:
        raise ConfigError(f"learner.zero_stage={learner.zero_stage}: must be 0, 1, 2 or 3")
    if config.sampling.max_tokens + config.data.max_prompt_tokens > config.model.max_context:
        raise ConfigError(
            f"sampling.max_tokens={config.sampling.max_tokens} and data.max_prompt_tokens="
            f"{config.data.max_prompt_tokens} exceed model.max_context={config.model.max_context}; "
            f"nearest valid: sampling.max_tokens="
            f"{max(1, config.model.max_context - config.data.max_prompt_tokens)}"
        )


def _model(config: RunConfig) -> None:
    path = config.model.path
    looks_local = path.startswith((".", "/", "~")) or path.count("/") > 1
    folder = Path(path).expanduser()
    if path and looks_local and not (folder / "config.json").is_file():
        state = "has no config.json" if folder.is_dir() else "does not exist"
        raise ConfigError(f"model.path={path!r}: the directory {state}{_nearest_folder(folder)}")
    if path and not looks_local and not folder.exists() and _offline():
        raise ConfigError(
            f"model.path={path!r}: no such directory, and the hub is switched off (HF_HUB_OFFLINE)"
        )


def _transport(config: RunConfig) -> None:
    if config.weights.transport != "object_store":
        raise ConfigError(
            f"weights.transport={config.weights.transport!r}: nearest valid: 'object_store'"
        )
    if config.cluster.placement not in _PLACEMENTS:
        raise ConfigError(
            f"cluster.placement={config.cluster.placement!r}: one of {', '.join(_PLACEMENTS)}"
        )


def _nearest_divisor(number: int, wanted: int) -> int:
    divisors = [d for d in range(1, number + 1) if number % d == 0]
    return min(divisors, key=lambda d: (abs(d - wanted), d))


def _nearest_folder(folder: Path) -> str:
    parent = folder.parent
    if not parent.is_dir():
        return f"; {parent} does not exist either"
    models = [p.name for p in parent.iterdir() if (p / "config.json").is_file()]
    return f"; models beside it: {', '.join(sorted(models))}" if models else ""


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0")
