"""Rows that several learner ranks hold together (`learner.sequence_parallel`): what does not go
with it, by the settings and by a model's config.json."""

from collections.abc import Iterator
from copy import deepcopy

from rlsys.config.model_room import Model, rope_kinds
from rlsys.config.run import RunConfig, StageKind

_OF_ROW = ("dynamic", "longrope", "su")
"""Kinds of RoPE whose angles follow from the longest position in sight."""


def problems(config: RunConfig) -> Iterator[str]:
    """By the settings alone; of a local policy by its heads, too."""
    learner = config.learner
    size, named = learner.sequence_parallel, _named(config)
    if size <= 1 or learner.ranks < 1:
        return
    if learner.ranks % size:
        yield (
            f"{named} does not divide learner.ranks={learner.ranks}; nearest valid: "
            f"{_nearest(config, learner.ranks)}"
        )
    if config.thinking.fed_back:
        yield (
            f"{named}: a prompt's latents are made of the whole of it, of which each rank has a "
            "slice; nearest valid: 1, or thinking.mode=words"
        )
    if config.run.stage is StageKind.reward_model:
        yield (
            f"{named}: a reward model's score is read by the rank that has a sequence's end, and "
            "pairs are not shared out; nearest valid: 1"
        )
    heads = config.model.local.heads
    if not config.model.path and heads % size:
        yield (
            f"{named} does not divide the {heads} heads of the local policy (model.local.heads); "
            f"nearest valid: {_nearest(config, heads)}"
        )


def larger(config: RunConfig, model: Model) -> Iterator[int]:
    """Numbers of ranks that could hold a row of this run together, above what is set."""
    for size in range(config.learner.sequence_parallel + 1, config.learner.ranks + 1):
        trial = deepcopy(config)
        trial.learner.sequence_parallel = size
        if not [*problems(trial), *head_problems(trial, model)]:
            yield size


def head_problems(config: RunConfig, model: Model) -> list[str]:
    """Of a policy: heads that the ranks cannot share out, and positions that a slice alone does not
    tell."""
    size, named = config.learner.sequence_parallel, _named(config)
    path = config.model.path
    if size <= 1:
        return []
    found = []
    heads = model.get("num_attention_heads") or model.get("n_head")
    # Compressed keys become keys of all heads before they are attended to.
    keys = None if model.get("kv_lora_rank") else model.get("num_key_value_heads")
    if isinstance(heads, int) and not _shared_out(heads, keys, size):
        of_keys = f" and {keys} heads of keys" if keys else ""
        found.append(
            f"{named}: the {heads} heads{of_keys} of model.path={path!r} cannot be shared out "
            f"among so many ranks; nearest valid: {_nearest(config, heads, keys)}"
        )
    kinds = [str(kind) for kind, _ in rope_kinds(model) if kind in _OF_ROW]
    if kinds:
        found.append(
            f"{named}: model.path={path!r} stretches positions by the longest one in sight "
            f"({kinds[0]}), which differs from slice to slice; nearest valid: 1"
        )
    return found


def _named(config: RunConfig) -> str:
    return f"learner.sequence_parallel={config.learner.sequence_parallel}"


def _shared_out(heads: int, keys: int | None, size: int) -> bool:
    """Whether each rank has equally many heads of queries, and the keys that they ask for."""
    return not heads % size and (not keys or not keys % size or not size % keys)


def _nearest(config: RunConfig, heads: int, keys: int | None = None) -> int:
    """Of the sizes that divide the ranks, those that the heads can be shared out among."""
    ranks, size = config.learner.ranks, config.learner.sequence_parallel
    valid = [n for n in range(1, ranks + 1) if not ranks % n and _shared_out(heads, keys, n)]
    return min(valid, key=lambda n: (abs(n - size), n))
