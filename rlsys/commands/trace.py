"""`rlsys trace`: what became of one completion, token by token."""

from typing import Annotated

import typer


def trace(
    run: Annotated[str, typer.Argument(help="Name of a run, or its folder.")],
    step: Annotated[
        int, typer.Argument(help="That it was trained in, dropped before, or checked at.")
    ],
    group: Annotated[int, typer.Argument(help="Its group's id; negative of held-out checks.")],
    sample: Annotated[int, typer.Argument(help="Its index in the group, from 0.")],
    directory: Annotated[str, typer.Option(help="Where the runs are: run.directory.")] = "runs",
) -> None:
    """Say of a completion who sampled each token under which policy version, what which verifier
    said, its advantage, and its ratio and clip in the update that it was trained in."""
    from rlsys.config.resume import find_run
    from rlsys.inquiry.token_trace import trace as traced
    from rlsys.inquiry.trace_text import lines
    from rlsys.report.samples import texts_of

    folder = find_run(run, directory)
    found = traced(folder, step, group, sample)
    texts = texts_of(folder, sorted({token.id for token in found.tokens}))
    typer.echo(f"{folder.name}, step {step}, group {group}, sample {sample}")
    for line in lines(found, texts):
        typer.echo(line)
