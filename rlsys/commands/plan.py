"""`rlsys plan`: what a run needs of each GPU, before anything is loaded."""

from pathlib import Path
from typing import Annotated

import typer


def plan(
    config: Annotated[Path, typer.Option(help="The run's YAML file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, as in learner.ranks=8")
    ] = None,
    gpu_gib: Annotated[
        float | None,
        typer.Option(min=1.0, help="Memory of each GPU; without it, that of this machine's."),
    ] = None,
) -> None:
    """Print GiB for each role and GPU, and whether they fit; exit status 2 where they do not."""
    from actors.gpu_memory import of_this_machine
    from actors.roles import needs
    from rlsys.config.load import load
    from rlsys.config.memory_plan import require_fit
    from rlsys.config.model_files import read_config
    from rlsys.errors import ConfigError

    settings = load(config, overrides or [])
    path = settings.model.path
    if not path:
        raise ConfigError("model.path: the local policy is for CPUs; name a model to plan for")
    gib = gpu_gib or of_this_machine()
    if gib is None:
        raise ConfigError("no GPU on this machine; say how large one is: --gpu-gib 80")
    model = read_config(path, f"model.path={path!r}")
    found = require_fit(settings, model, [need.role for need in needs(settings)], gib)
    if found is None:
        kind = model.get("model_type")
        raise ConfigError(
            f"no plan: no role has a GPU (learner.gpus, rollout.gpus), or the sizes of {kind!r} "
            "are not known here"
        )
    typer.echo("\n".join(found.lines()))
