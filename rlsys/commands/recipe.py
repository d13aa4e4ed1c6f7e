"""`rlsys recipe run|status|plan`: stages in order, from a base to a reasoning model."""

import asyncio
import shlex
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig
    from rlsys.recipes.check import Checked
    from rlsys.recipes.recipe import StageSpec

app = typer.Typer(
    no_args_is_help=True, help="Recipes: stages in order, each a command with its evidence."
)

_WIDTH = 200
_STYLES = {
    "done": "green",
    "running": "bold",
    "failed": "red",
    "gate failed": "red",
    "stopped": "yellow",
    "out of date": "yellow",
    "waiting": "dim",
}
_File = Annotated[Path, typer.Argument(help="The recipe, as configs/recipes/sft_rl.yaml.")]
_Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="STAGE.section.key=value of one stage, section.key=value of all"),
]
_Scale = Annotated[str, typer.Option(help="Which of its scales: tiny, one_gpu, cluster, ...")]
_Directory = Annotated[
    str, typer.Option(help="Folder of its stages; without it, runs/RECIPE-SCALE.")
]


@app.command()
def run(
    file: _File,
    overrides: _Overrides = None,
    scale: _Scale = "",
    directory: _Directory = "",
    branches: Annotated[
        int, typer.Option(min=1, help="Stages that may run at a time, where the machine has room.")
    ] = 1,
) -> None:
    """Run a recipe, or go on with it: a stage whose settings and inputs are as before is kept."""
    from rlsys.disk import fault_of_place
    from rlsys.errors import ConfigError, RecipeError
    from rlsys.recipes.card import write_cards
    from rlsys.recipes.folder import About, RecipeFolder
    from rlsys.recipes.read_ahead import read_ahead
    from rlsys.recipes.runner import Runner, folder_of, own_cluster
    from rlsys.recipes.status import State, standings
    from rlsys.run.folder import held

    started = time.monotonic()
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)

    def tell(line: str) -> None:
        elapsed = time.monotonic() - started
        console.print(f"[{elapsed:7.1f} s] {line}", highlight=False, markup=False, soft_wrap=True)

    told = list(overrides or [])
    checked = _checked(file, scale, told)
    if any(own_cluster(branches, one.cluster.address) for one in checked.settings.values()):
        checked = _checked(file, scale, [*told, "cluster.address=local"])
    recipe = checked.recipe
    folder = RecipeFolder(folder_of(directory, recipe.name))
    if fault := fault_of_place(folder.root):
        raise ConfigError(f"--directory {folder.root}: no file can be written there ({fault})")
    again = ["rlsys", "recipe", "run", str(file), *(["--scale", scale] if scale else [])]
    again += ["--directory", str(folder.root)]
    again += [*(["--branches", str(branches)] if branches > 1 else []), *told]
    with held(folder.root):
        folder.describe(About(str(recipe.file), scale, told))
        tell(f"recipe {recipe.name} in {folder.root}: {', '.join(s.name for s in recipe.stages)}")
        left = [o.stage.name for o in standings(checked, folder) if o.state is not State.DONE]
        read_ahead(checked, left, tell)
        runner = Runner(checked, folder, branches, tell)
        try:
            asyncio.run(runner.run())
        except RecipeError as error:
            raise RecipeError(f"{error}\nto go on: {shlex.join(again)}") from error
        if runner.stopped_by is not None:
            tell(f"stopped by {runner.stopped_by.name}; to go on: {shlex.join(again)}")
            raise typer.Exit(128 + runner.stopped_by)
        write_cards(recipe, folder)
        for stage in recipe.stages:
            made = folder.manifest(stage.name)
            for name, one in made.outputs.items() if made else ():
                tell(f"{stage.name}: {name} {one.path}")
    tell(f"all {len(recipe.stages)} stages are done; `rlsys lineage PATH` says what made a thing")


@app.command()
def status(
    directory: Annotated[Path, typer.Argument(help="The folder of a recipe that was run.")],
) -> None:
    """Say of each stage how it stands: done, running, out of date and why, its gate failed."""
    from rlsys.errors import ConfigError
    from rlsys.recipes.folder import ABOUT, RecipeFolder
    from rlsys.recipes.recipe import before
    from rlsys.recipes.status import standings

    folder = RecipeFolder(directory.expanduser().resolve())
    about = folder.about()
    if not Path(about.file).is_file():
        raise ConfigError(
            f"{directory}: its recipe, {about.file}, is not there any more; put it back, or, where "
            f"it was moved, say so in {folder.root / ABOUT}"
        )
    checked = _checked(Path(about.file), about.scale, about.overrides)
    found = standings(checked, folder)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(f"{checked.recipe.name} ({about.file})", highlight=False, markup=False)
    depth: dict[str, int] = {}
    for one in found:
        depth[one.stage.name] = 1 + max((depth[name] for name in before(one.stage)), default=0)
        after = f"  <- {', '.join(before(one.stage))}" if before(one.stage) else ""
        minutes = "" if one.minutes is None else f"  {one.minutes:.1f} min"
        line = Text("  " * depth[one.stage.name] + one.stage.name + after + "  ")
        line.append(str(one.state), style=_STYLES[one.state])
        line.append(minutes)
        console.print(line, highlight=False, soft_wrap=True)
        for remark in one.remarks:
            console.print(
                f"{'  ' * depth[one.stage.name]}    {remark}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


@app.command()
def plan(
    file: _File,
    overrides: _Overrides = None,
    scale: _Scale = "",
    directory: _Directory = "",
    gpu_gib: Annotated[
        float | None,
        typer.Option(min=1.0, help="Memory of each GPU; without it, that of this machine's."),
    ] = None,
) -> None:
    """Check a recipe, and print stages, inputs, memory and minutes, without running anything."""
    from rlsys.recipes.folder import RecipeFolder
    from rlsys.recipes.runner import folder_of
    from rlsys.recipes.status import standings

    checked = _checked(file, scale, list(overrides or []))
    folder = RecipeFolder(folder_of(directory, checked.recipe.name))
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "kind", "inputs", "length", "gate", "minutes", "memory"):
        table.add_column(heading, overflow="fold")
    for one in standings(checked, folder):
        stage, settings = one.stage, checked.settings[one.stage.name]
        inputs = checked.outside(stage) | {n: str(r) for n, r in checked.taken(stage).items()}
        table.add_row(
            Text(stage.name),
            Text(stage.kind),
            Text("\n".join(f"{name}: {path}" for name, path in inputs.items()) or "generated"),
            Text(_length(stage, settings)),
            Text("\n".join(condition.text for condition in stage.gate)),
            "unknown" if one.minutes is None else f"{one.minutes:.1f} (measured)",
            Text(_memory(stage, checked, gpu_gib)),
        )
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(Text(f"{checked.recipe.name}: {checked.recipe.about}"))
    console.print(table)


def _checked(file: Path, scale: str, overrides: list[str]) -> "Checked":
    from rlsys.recipes.check import check
    from rlsys.recipes.read import read_recipe

    return check(read_recipe(file, scale, overrides))


def _length(stage: "StageSpec", settings: "RunConfig") -> str:
    from rlsys.lineage.kinds import MERGE, SAMPLE

    if not stage.row.stage:
        benchmarks = settings.benchmarks
        return f"{', '.join(benchmarks.names)} x {benchmarks.samples}"
    if stage.kind == MERGE:
        return settings.merge.method.value
    if stage.kind == SAMPLE:
        sample = settings.sample
        return f"{sample.prompts or 'all'} prompts of a source x {sample.n}"
    loop = settings.loop
    count, word = (loop.epochs, "epoch") if loop.epochs else (loop.steps, "step")
    return f"{count:g} {word}{'' if count == 1 else 's'}"


def _memory(stage: "StageSpec", checked: "Checked", gpu_gib: float | None) -> str:
    """The memory plan of a stage on GPUs, as far as it is known here; a merge needs none."""
    settings = checked.sized(stage)
    is_merge = settings.run.stage.value == "merge"
    if is_merge or not (settings.learner.gpus or settings.rollout.gpus):
        return "CPU"
    from actors.memory import demand_of
    from actors.room import gpu_gib_here
    from rlsys.config.memory_plan import Room, plan_of
    from rlsys.errors import NotAtHandError
    from rlsys.lineage.kinds import EVALUATE
    from rlsys.local_policy.resolve import policy_network
    from rlsys.recipes.check import require_described_policies

    gib = gpu_gib or gpu_gib_here()
    if gib is None:
        return "unknown: no GPU here (--gpu-gib)"
    with suppress(NotAtHandError):  # a model of the hub that was not downloaded yet
        require_described_policies(stage, checked, asks_hub=True)
    trains, starts = stage.kind != EVALUATE, checked.starts(stage)
    begun = [starts["policy"]] if trains else {one.place: one for one in starts.values()}.values()
    lines = list[str]()
    for start in begun:
        policy = policy_network(replace(settings, model=replace(start.model, path=start.path)))
        found = plan_of(demand_of(settings, policy, Room(gib), trains))
        lines += found.sum_lines() if found else [f"unknown: {policy.unknown}"]
    return "\n".join(lines)
