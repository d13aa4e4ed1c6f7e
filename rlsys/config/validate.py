"""A run's settings: each number in the range that stands with it, and all of them together.

Nothing heavy is imported and nothing is edited: an impossible setting is an error that names the
nearest possible one.
"""

import os
from pathlib import Path

from rlsys.config import algorithm as algorithm_config
from rlsys.config import benchmarks as benchmarks_config
from rlsys.config import data as data_config
from rlsys.config import ranges
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
    ranges.check(config)
    _staleness(config)
    _batch(config)
    _context(config)
    _thinking(config)
    thinking_config.validate(config.thinking, config.sampling.max_tokens)
    _model(config)
    _shares(config)
    _transport(config)
    _deterministic(config)
    _observe(config)
    benchmarks_config.validate(config.benchmarks)
    data_config.validate(config.data)
    recipes_config.validate(config.model.local)
    algorithm_config.validate(config.algorithm)
    verifiers_config.validate(config.verifiers)
    sandbox_config.validate(config.sandbox)


def _staleness(config: RunConfig) -> None:
    if config.loop.adaptive_staleness and config.loop.max_staleness < 1:
        raise ConfigError(
            "loop.adaptive_staleness=true: the bound moves between 1 and loop.max_staleness="
            f"{config.loop.max_staleness}; nearest valid: loop.max_staleness=1"
        )


def _batch(config: RunConfig) -> None:
    loop, learner = config.loop, config.learner
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
    algorithm = config.algorithm
    if algorithm.advantage is Advantage.pass_at_k and algorithm.pass_k > loop.group_size:
        raise ConfigError(
            f"algorithm.pass_k={algorithm.pass_k} exceeds loop.group_size={loop.group_size}; "
            f"nearest valid: {loop.group_size}"
        )


def _observe(config: RunConfig) -> None:
    window = config.observe.length_alarm_window
    if window == 1:
        raise ConfigError(
            f"observe.length_alarm_window={window}: one step has no spread to compare with; "
            "nearest valid: 2, or 0 for no alarm"
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
    if most is not None and most >= sampling.max_tokens:
        raise ConfigError(
            f"sampling.max_reasoning_tokens={most} must leave room for the answer in "
            f"sampling.max_tokens={sampling.max_tokens}; nearest valid: {sampling.max_tokens - 1}"
        )
    largest = sampling.max_tokens - 1 if most is None else most
    if least > largest:
        raise ConfigError(
            f"sampling.min_reasoning_tokens={least} must be at most {largest}; nearest valid: "
            f"{largest}"
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


def _shares(config: RunConfig) -> None:
    for role in ("learner", "rollout", "reference"):
        gpus = getattr(config, role).gpus
        if gpus > 1 and gpus != int(gpus):
            raise ConfigError(
                f"{role}.gpus={gpus}: Ray shares one GPU, or gives whole ones; nearest valid: "
                f"{int(gpus)} or {int(gpus) + 1}"
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
