"""Which model a user means: the small local policy, a folder, a run by its name, or a hub id.

Wherever a model is asked for (MODEL of `rlsys eval`, `chat` and `serve`, `model.path`), it is the
first of these that fits:

    local               the small policy that rlsys prepares itself, never a folder or a run
    a folder            a Hugging Face model; a run, which stands for its newest checkpoint; one of
                        its checkpoints, or that one's policy
    NAME                the run of that name in run.directory, as `runs/NAME`
    ORGANIZATION/NAME   a model of the hub
"""

import re
from pathlib import Path

from rlsys.errors import ConfigError, nearest

FILE = "config.yaml"
"""In a run's folder: all of its settings."""
LOCAL = "local"
_CHECKPOINT = re.compile(r"step-(\d+)(?:\.(\d+))?")


def find_model(model: str, named: str, directory: str) -> str:
    """What is to be loaded: the folder of a run's or a checkpoint's policy; anything else that may
    be a model, and `local`, as it stands.

    Args:
        named: how the user named it, for the error.
        directory: run.directory.
    Raises:
        ConfigError: a run of that name does not exist, or has no checkpoint.
    """
    folder, runs = Path(model).expanduser(), Path(directory).expanduser()
    is_name = "/" not in model and not model.startswith((".", "~"))
    if model in ("", LOCAL):
        return model
    if folder.is_dir():
        return _policy_in(folder, named) or model
    if is_name and (runs / model / FILE).is_file() and (policy := _policy_in(runs / model, named)):
        return policy
    if not is_name and folder.parent.resolve() != runs.resolve() and not _runs_in(folder.parent):
        return model
    parent = runs if is_name else folder.parent
    hub = "; a model of the hub is named ORGANIZATION/NAME" if is_name else ""
    # With its folder, since the run called local would be another model without.
    nearest = nearest_run(folder.name, parent, f"{parent}/")
    raise ConfigError(f"{named}: neither a folder nor a run in {parent}{hub}; {nearest}")


def nearest_run(name: str, directory: Path, before: str = "") -> str:
    """`did you mean 'x'?`, or which runs there are in a directory.

    Args:
        before: is put before a name that is offered.
    """
    names = _runs_in(directory)
    if close := nearest(name, names):
        return f"did you mean {before + close!r}?"
    return f"runs there: {', '.join(names) or 'none'}"


def name_of(model: str, path: str) -> str:
    """A short name for what is evaluated: that of the run, with the step of a checkpoint that is
    not its newest, or that of the model.

    Args:
        model: as the user named it.
        path: what find_model made of that.
    """
    policy = Path(path)
    if model == LOCAL:
        return LOCAL
    if policy.name != "policy":
        return policy.name
    if policy.parent.parent.name != "checkpoints":  # as a merge leaves it
        return policy.parent.name if (policy.parent / FILE).is_file() else policy.name
    run = policy.parents[2]
    is_newest = _policy_in(run, path) == str(policy.resolve())
    return run.name if is_newest else f"{run.name}-{policy.parent.name}"


def _runs_in(directory: Path) -> list[str]:
    return sorted(path.parent.name for path in directory.glob(f"*/{FILE}"))


def _policy_in(folder: Path, named: str) -> str | None:
    """The policy of a run or of a checkpoint; None for another folder, such as a policy itself."""
    if (folder / "config.json").is_file():
        return None
    if (folder / "policy" / "config.json").is_file():
        return str((folder / "policy").resolve())
    steps = [
        ((int(match[1]), int(match[2] or 1)), path)
        for path in (folder / "checkpoints").glob("step-*")
        if (match := _CHECKPOINT.fullmatch(path.name))
    ]
    if steps:
        return str((max(steps)[1] / "policy").resolve())
    if (folder / FILE).is_file():
        raise ConfigError(
            f"{named}: the run {folder} has no checkpoint yet (loop.checkpoint_every), so there is "
            "no policy of it"
        )
    return None
