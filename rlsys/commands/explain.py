"""`rlsys explain`: why a run got worse."""

from typing import Annotated

import typer


def explain(
    run: Annotated[str, typer.Argument(help="Name of a run, or its folder.")],
    step: Annotated[
        int | None,
        typer.Argument(help="Where it got worse; without it, where its reward fell most clearly."),
    ] = None,
    window: Annotated[
        int, typer.Option(min=3, help="Steps before and from it on that are compared.")
    ] = 10,
    directory: Annotated[str, typer.Option(help="Where the runs are: run.directory.")] = "runs",
) -> None:
    """Compare the steps before one with those from it on: which figures changed beyond their noise,
    in which order, with completions that show it."""
    from rlsys.config.resume import find_run
    from rlsys.inquiry.explain import LEVEL, OUTCOME
    from rlsys.inquiry.explain import explain as explained
    from rlsys.inquiry.explain_text import lines

    folder = find_run(run, directory)
    told = explained(folder, step, window)
    if told is None:
        typer.echo(
            f"{folder.name}: {OUTCOME} fell at no step beyond its noise (at a level of {LEVEL:g}); "
            f"rlsys explain {run} STEP compares around a step all the same"
        )
        return
    typer.echo("\n".join(lines(folder.name, told)))
