"""What to type after a run: where its policy is, and the commands that take it from there."""

import itertools
import os
import shlex
from dataclasses import fields
from enum import Enum
from pathlib import Path

from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.config.model_names import FILE
from rlsys.config.run import RunConfig
from rlsys.data.rates import FILE as RATES
from rlsys.data.world.parts import PREFIX, is_part
from rlsys.evaluation import catalog
from rlsys.evaluation.demonstrations import DEMONSTRATIONS
from rlsys.run import checkpoint
from rlsys.run.checkpointer import FOLDER


def policy_of(folder: Path) -> Path | None:
    """The newest checkpoint's policy, in Hugging Face format; None: there is no checkpoint."""
    there = checkpoint.complete(folder / FOLDER)
    return there[-1] / "policy" if there else None


def next_commands(folder: Path, config: RunConfig, steps: int, resume_by: str) -> list[str]:
    """Commands with what each is for, as lines of a shell, to be copied as they stand.

    Args:
        steps: that the run has done.
        resume_by: what goes on with it, as `rlsys train --resume`.
    """
    run = shlex.quote(near(folder))
    is_done = steps >= config.loop.steps
    more = f" loop.steps={2 * config.loop.steps}" if is_done else ""
    resume = [(f"{resume_by} {run}{more}", "go on training")]
    if is_done and config.learner.optimizer.falls:
        resume = []  # its learning rate is at its end
    if policy_of(folder) is None:
        return _aligned(resume)
    begin = shlex.quote(config.model.path or "local")
    before, after = (folder.with_name(f"eval-{folder.name}-{when}") for when in _WHEN)
    results = [shlex.quote(near(path)) for path in (before, _free(after))]
    # With its workers, and the seed of the local policy that it began with.
    on = f" --config {shlex.quote(near(folder / FILE))}"
    # What generated rows are measured by needs no data of its own.
    where = ""
    if generated := _of_the_world(config.data.train):
        on += f" --benchmarks {generated}"
    elif config.data.train:
        on += " --benchmarks NAMES --data FOLDER"
        where = " (NAMES: rlsys benchmarks list, or a file of yours: docs/evaluation.md)"
    return _aligned(
        [
            (f"rlsys chat {run}", "talk to it"),
            (f"rlsys eval {begin}{on} --out {results[0]}", f"measure what it began with{where}"),
            (f"rlsys eval {run}{on} --out {results[1]}", "and what it is now"),
            (f"rlsys compare {' '.join(results)}", "what training changed"),
            *resume,
        ]
    )


def _free(folder: Path) -> Path:
    """The first of NAME, `NAME-2`, `NAME-3`, ... that is not there: what is there is of an earlier
    policy of the run, before it was resumed."""
    numbered = (folder.with_name(f"{folder.name}-{number}") for number in itertools.count(2))
    return next(path for path in itertools.chain([folder], numbered) if not path.exists())


def _of_the_world(rows: str) -> str:
    """The benchmarks of parts of the tiny world, with commas between them; empty: of other rows."""
    parts = rows.split(",")
    names = [f"world_{one.removeprefix(PREFIX).partition(':')[0]}" for one in parts]
    is_measured = all(map(is_part, parts)) and set(names) <= set(catalog.names())
    return ",".join(dict.fromkeys(names)) if is_measured else ""


def sample_commands(folder: Path, config: RunConfig, resume_by: str) -> list[str]:
    """The same after a run of `rlsys sample`."""
    run, file = (shlex.quote(near(path)) for path in (folder, folder / DEMONSTRATIONS))
    teach = " ".join(["--config configs/sft.yaml", *_of_the_same(config)])
    easier = f"data.rates={shlex.quote(near(folder / RATES))} 'data.pass_rate=[0.1,0.9]'"
    return _aligned(
        [
            (f"rlsys inspect {file} {teach}", "the demonstrations, as they are learned"),
            (f"rlsys sft {teach} sft.train={file}", "learn from them"),
            (
                f"rlsys train --config FILE {easier}",
                "train on what is neither too hard nor too easy",
            ),
            (f"{resume_by} {run} sample.per_prompt=1", "choose anew by other rules, of the same"),
        ]
    )


def _of_the_same(config: RunConfig) -> list[str]:
    """Overrides by which another config's run has the same policy, lengths and rows; of the
    arithmetic that the project generates, with the local policy as it is by itself, none."""
    policy, defaults = config.model.local, LocalPolicyConfig()
    settings: dict[str, object] = {"model.path": config.model.path}
    if not config.model.path:
        settings = {
            f"model.local.{one.name}": getattr(policy, one.name)
            for one in fields(policy)
            if getattr(policy, one.name) != getattr(defaults, one.name)
        }
        if config.run.seed:
            settings["run.seed"] = config.run.seed
    settings |= {f"data.{name}": getattr(config.data, name) for name in ("train", "test")}
    settings = {key: value for key, value in settings.items() if value != ""}
    if settings:
        settings["data.max_prompt_tokens"] = config.data.max_prompt_tokens
        settings["model.max_context"] = config.model.max_context
        settings["sampling.max_tokens"] = config.sampling.max_tokens
    return [shlex.quote(f"{key}={_said(value)}") for key, value in settings.items()]


def _said(value: object) -> object:
    return value.name if isinstance(value, Enum) else value


def reward_model_commands(folder: Path) -> list[str]:
    """The same after a run of `rlsys reward-model`."""
    run = shlex.quote(near(folder))
    check = f"rlsys verifiers check reward_model --option model={run} --option part=whole"
    return _aligned([(check, "try it as a verifier")])


_WHEN = ("before", "after")
_LONG = 140
"""Characters of a command that nobody's purpose stands behind in one column."""


def near(path: Path) -> str:
    """The path from here, where it is below; else the whole of it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _aligned(commands: list[tuple[str, str]]) -> list[str]:
    lengths = [len(command) for command, _ in commands]
    longest = max((one for one in lengths if one <= _LONG), default=0)
    return [f"{command:<{longest}}  # {purpose}" for command, purpose in commands]
