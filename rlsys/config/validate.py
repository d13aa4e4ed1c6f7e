"""What a single field cannot say of itself: settings that must fit one another.

Nothing heavy is imported and nothing is edited: an impossible setting is an error that names the
nearest possible one.
"""

import os
from pathlib import Path

from rlsys.config import algorithm as algorithm_config
from rlsys.config import data as data_config
from rlsys.config import recipes as recipes_config
from rlsys.config import sandbox as sandbox_config
from rlsys.config import thinking as thinking_config
from rlsys.config import verifiers as verifiers_config
from rlsys.config.algorithm import Advantage
from rlsys.config.schema import RunConfig, Transport
from rlsys.errors import ConfigError

_PLACEMENTS = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")


def validate(config: RunConfig) -> None:
    """Raise ConfigError on the first setting, or pair of settings, that cannot work."""
    _positive(config)
    _batch(config)
    _context(config)
    _thinking(config)
    thinking_config.validate(config.thinking, config.sampling.max_tokens)
    _model(config)
    _transport(config)
    _deterministic(config)
    _observe(config)
    data_config.validate(config.data)
    recipes_config.validate(config.model.local)
    algorithm_config.validate(config.algorithm)
    verifiers_config.validate(config.verifiers)
    sandbox_config.validate(config.sandbox)


def _positive(config: RunConfig) -> None:
    at_least = {
        "loop.steps": (config.loop.steps, 1),
        "loop.groups_per_step": (config.loop.groups_per_step, 1),
        "loop.groups_per_message": (config.loop.groups_per_message, 1),
        "loop.max_staleness": (config.loop.max_staleness, 0),
        "loop.max_group_failures": (config.loop.max_group_failures, 1),
        "loop.max_group_losses": (config.loop.max_group_losses, 1),
        "loop.max_failed_groups_in_a_row": (config.loop.max_failed_groups_in_a_row, 1),
        "loop.max_batches_without_signal": (config.loop.max_batches_without_signal, 1),
        "loop.max_learner_restarts": (config.loop.max_learner_restarts, 0),
        "loop.evaluate_every": (config.loop.evaluate_every, 0),
        "loop.checkpoint_every": (config.loop.checkpoint_every, 1),
        "loop.keep_checkpoints": (config.loop.keep_checkpoints, 1),
        "rollout.workers": (config.rollout.workers, 1),
        "rollout.threads": (config.rollout.threads, 1),
        "rollout.max_sequences": (config.rollout.max_sequences, 1),
        "rollout.tensor_parallel": (config.rollout.tensor_parallel, 1),
        "verifiers.workers": (config.verifiers.workers, 1),
        "reference.workers": (config.reference.workers, 1),
        "reference.threads": (config.reference.threads, 1),
        "reference.microbatch_tokens": (config.reference.microbatch_tokens, 1),
        "learner.ranks": (config.learner.ranks, 1),
        "learner.threads": (config.learner.threads, 1),
        "learner.minibatches": (config.learner.minibatches, 1),
        "learner.microbatch_tokens": (config.learner.microbatch_tokens, 1),
        "learner.logprob_chunk": (config.learner.logprob_chunk, 1),
        "weights.bucket_mib": (config.weights.bucket_mib, 1),
        "sampling.max_tokens": (config.sampling.max_tokens, 1),
        "cluster.max_deaths_in_a_row": (config.cluster.max_deaths_in_a_row, 1),
        "evaluation.prompts": (config.evaluation.prompts, 1),
        "evaluation.final_prompts": (config.evaluation.final_prompts, 1),
        "evaluation.samples": (config.evaluation.samples, 1),
    }
    for path, (value, least) in at_least.items():
        if value < least:
            raise ConfigError(f"{path}={value}: must be at least {least}")
    if config.loop.adaptive_staleness and config.loop.max_staleness < 1:
        raise ConfigError(
            "loop.adaptive_staleness=true: the bound moves between 1 and loop.max_staleness="
            f"{config.loop.max_staleness}; nearest valid: loop.max_staleness=1"
        )
    target = config.loop.target_effective_sample_size
    if not 0 < target < 1:
        raise ConfigError(
            f"loop.target_effective_sample_size={target}: a share between 0 and 1, both excluded"
        )
    # `not >`, so that NaN is refused, too.
    if not config.loop.stall_timeout_s > 0:
        raise ConfigError(f"loop.stall_timeout_s={config.loop.stall_timeout_s}: must be above 0")
    if not config.sampling.temperature > 0:
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
    algorithm = config.algorithm
    if algorithm.advantage is Advantage.pass_at_k and algorithm.pass_k > loop.group_size:
        raise ConfigError(
            f"algorithm.pass_k={algorithm.pass_k} exceeds loop.group_size={loop.group_size}; "
            f"nearest valid: {loop.group_size}"
        )


def _observe(config: RunConfig) -> None:
    window, growth = config.observe.length_alarm_window, config.observe.length_alarm_growth
    if window == 1 or window < 0:
        raise ConfigError(
            f"observe.length_alarm_window={window}: one step has no spread to compare with; "
            "nearest valid: 2, or 0 for no alarm"
        )
    if growth < 0:
        raise ConfigError(
            f"observe.length_alarm_growth={growth}: must not be negative; nearest valid: 0"
        )


def _context(config: RunConfig) -> None:
    answer, prompt = config.sampling.max_tokens, config.data.max_prompt_tokens
    context = config.model.max_context
    if answer + prompt <= context:
        return
    nearest = (
        f"sampling.max_tokens={context - prompt}"
        if prompt < context
        else f"model.max_context={answer + prompt}"
    )
    raise ConfigError(
        f"sampling.max_tokens={answer} and data.max_prompt_tokens={prompt} exceed "
        f"model.max_context={context}; nearest valid: {nearest}"
    )


def _thinking(config: RunConfig) -> None:
    sampling = config.sampling
    most, least = sampling.max_reasoning_tokens, sampling.min_reasoning_tokens
    if most is not None and not 0 <= most < sampling.max_tokens:
        raise ConfigError(
            f"sampling.max_reasoning_tokens={most} must be at least 0 and leave room for the "
            f"answer in sampling.max_tokens={sampling.max_tokens}; nearest valid: "
            f"{min(max(most, 0), sampling.max_tokens - 1)}"
        )
    largest = sampling.max_tokens - 1 if most is None else most
    if not 0 <= least <= largest:
        raise ConfigError(
            f"sampling.min_reasoning_tokens={least} must be from 0 to {largest}; nearest valid: "
            f"{min(max(least, 0), largest)}"
        )


def _model(config: RunConfig) -> None:
    path = config.model.path
    looks_local = path.startswith((".", "/", "~")) or path.count("/") > 1
    folder = Path(path).expanduser()
    is_local = looks_local or folder.is_dir()
    if path and is_local and not (folder / "config.json").is_file():
        state = "has no config.json" if folder.is_dir() else "does not exist"
        raise ConfigError(f"model.path={path!r}: the directory {state}{_nearest_folder(folder)}")
    if path and not is_local and _offline():
        raise ConfigError(
            f"model.path={path!r}: no such directory, and the hub is switched off (HF_HUB_OFFLINE)"
        )


def _transport(config: RunConfig) -> None:
    learner, rollout, transport = config.learner, config.rollout, config.weights.transport
    if transport is not Transport.object_store and not (learner.gpus and rollout.gpus):
        raise ConfigError(
            f"weights.transport={transport.value} moves weights between GPUs, but learner.gpus="
            f"{learner.gpus:g} and rollout.gpus={rollout.gpus:g}; nearest valid: object_store"
        )
    shares = learner.ranks * learner.gpus + rollout.workers * rollout.gpus
    if transport is Transport.cuda_ipc and (learner.ranks > 1 or shares > 1 + 1e-9):
        raise ConfigError(
            f"weights.transport=cuda_ipc: one learner rank and the rollout workers share one GPU, "
            f"but learner.ranks={learner.ranks} and together they ask for {shares:g} GPUs; "
            "nearest valid: nccl"
        )
    if config.cluster.placement not in _PLACEMENTS:
        raise ConfigError(
            f"cluster.placement={config.cluster.placement!r}: one of {', '.join(_PLACEMENTS)}"
        )


def _deterministic(config: RunConfig) -> None:
    """What would let timing into the numbers is refused where they must repeat."""
    if not config.run.deterministic:
        return
    needed = {
        "loop.max_staleness": (config.loop.max_staleness, 0),
        "loop.groups_per_message": (config.loop.groups_per_message, 1),
        "rollout.threads": (config.rollout.threads, 1),
        "learner.threads": (config.learner.threads, 1),
        "reference.threads": (config.reference.threads, 1),
        "rollout.gpus": (config.rollout.gpus, 0),
        "learner.gpus": (config.learner.gpus, 0),
        "reference.gpus": (config.reference.gpus, 0),
    }
    for path, (value, wanted) in needed.items():
        if value != wanted:
            raise ConfigError(f"{path}={value}: run.deterministic=true needs {path}={wanted}")


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
