"""How long a run is: in optimizer steps, which may follow from passes over its rows."""

import math
from dataclasses import replace

from rlsys.config import optimizer
from rlsys.config.run import RunConfig, StageKind
from rlsys.errors import ConfigError


def resolve_length(config: RunConfig, num_rows: int, resumed: bool) -> tuple[RunConfig, str]:
    """The settings with their length in steps alone, and a line that says it both ways:
    `3 epochs of 200 prompts: 38 steps`.

    An epoch has each row once, so the steps are ceil(epochs * rows / rows of a step): prompts and
    loop.groups_per_step, demonstrations and sft.rows_per_step, pairs and
    reward_model.pairs_per_step. Groups that are dropped and sampled anew come on top.

    Args:
        num_rows: to train on, those left out not counted.
        resumed: config.loop.steps are those that the run has, if epochs are asked of it now; they
            count from its beginning.

    Raises:
        ConfigError: a resumed run would lose steps, or the learning rate has none left to fall in.
    """
    loop = config.loop
    per_step, rows = loop.groups_per_step, f"{num_rows:,} prompts"
    if config.run.stage is StageKind.sft:
        per_step, rows = config.sft.rows_per_step, f"{num_rows:,} demonstrations"
    if config.run.stage is StageKind.reward_model:
        per_step, rows = config.reward_model.pairs_per_step, f"{num_rows:,} pairs"
    if not loop.epochs:
        passes = loop.steps * per_step / num_rows
        return config, f"{_steps(loop.steps)}: {passes:.3g} epochs of {rows}"
    # A product such as 1.1 * 10 is a little above what it stands for.
    steps = max(1, math.ceil(round(loop.epochs * num_rows / per_step, 6)))
    epochs = f"{loop.epochs:g} epoch{'' if loop.epochs == 1 else 's'}"
    line = f"{epochs} of {rows}: {_steps(steps)}"
    if resumed and steps < loop.steps:
        least = math.ceil(round(1e4 * loop.steps * per_step / num_rows, 6)) / 1e4
        raise ConfigError(
            f"loop.epochs={loop.epochs:g}: {line}, but the run has loop.steps={loop.steps}, and a "
            f"resumed one may only have more; nearest valid: {least:g}"
        )
    updates = steps * config.learner.minibatches
    for problem in optimizer.problems(config.learner.optimizer, updates, "learner.optimizer"):
        raise ConfigError(f"loop.epochs={loop.epochs:g}: {line}; {problem}")
    return replace(config, loop=replace(loop, steps=steps, epochs=0.0)), line


def _steps(count: int) -> str:
    return f"{count:,} step{'' if count == 1 else 's'}"
