"""`rlsys plan`: what a run needs of each GPU and of each node, before anything is loaded."""

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
        typer.Option(help="Memory of each GPU, 1 or more; without it, that of this machine's."),
    ] = None,
    node_gib: Annotated[
        float | None,
        typer.Option(
            help="Memory of each node, 1 or more; without it, this machine's, or any where "
            "--gpu-gib says that it is another machine.",
        ),
    ] = None,
    node_gpus: Annotated[int, typer.Option(min=1, help="GPUs of each node.")] = 8,
) -> None:
    """Print GiB for each role, GPU and node, and whether they fit; exit status 2 where they do
    not."""
    from rlsys.config.ranges import Range
    from rlsys.errors import ConfigError

    for option, value in (("--gpu-gib", gpu_gib), ("--node-gib", node_gib)):
        if value is not None and (refusal := Range(least=1.0).refusal(value, default=80)):
            raise ConfigError(f"{option}={value:g}: {refusal}")

    from actors.memory import demand_of
    from actors.roles import needs
    from actors.room import alike_nodes, gpu_gib_here, memory_gib_here
    from rlsys.config.load import load
    from rlsys.config.memory_fit import require_fit
    from rlsys.config.memory_plan import Room
    from rlsys.config.precision import cpu_has_bfloat16, decided
    from rlsys.config.run_model import require_described, require_fleet
    from rlsys.local_policy.resolve import policy_network

    settings = decided(load(config, overrides or []), cpu_has_bfloat16())
    require_fleet(settings)
    require_described(settings)
    gib = None
    if settings.learner.gpus or settings.rollout.gpus:
        gib = gpu_gib or gpu_gib_here()
        if gib is None:
            raise ConfigError("no GPU on this machine; say how large one is: --gpu-gib 80")
    wanted = needs(settings)
    if gib and (larger := next((need for need in wanted if need.gpus > node_gpus), None)):
        raise ConfigError(
            f"--node-gpus={node_gpus}: a member of {larger.role} has {larger.gpus:g} GPUs, all on "
            f"one node; nearest valid: --node-gpus={larger.gpus:g}, or a smaller {larger.role}.gpus"
        )
    of_a_node = node_gib or (None if gpu_gib else memory_gib_here())
    room = Room(gib, alike_nodes(wanted, of_a_node, node_gpus))
    policy = policy_network(settings)
    found = require_fit(demand_of(settings, policy, room))
    if found is None:
        raise ConfigError(f"no plan: {policy.unknown}")
    typer.echo("\n".join(found.lines()))
