"""`rlsys trace`: what became of one completion, token by token."""

from pathlib import Path
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
    out: Annotated[
        Path | None, typer.Option(help="Also as a page of its group: the HTML file to write.")
    ] = None,
) -> None:
    """Say of a completion who sampled each token under which policy version, what which verifier
    said, its advantage, and its ratio and clip in the update that it was trained in."""
    from rlsys.commands.options import html_file
    from rlsys.config.resume import find_run
    from rlsys.disk import replace_text
    from rlsys.inquiry.token_trace import read_group
    from rlsys.inquiry.token_trace import trace as traced
    from rlsys.inquiry.trace_text import lines
    from rlsys.report.page import completion_page
    from rlsys.report.samples import texts_of

    folder = find_run(run, directory)
    file = html_file(out, Path(f"trace-{folder.name}.html")) if out else None
    found = traced(folder, step, group, sample)
    texts = texts_of(folder, sorted({token.id for token in found.tokens}))
    told = list(lines(found, texts))
    typer.echo(f"{folder.name}, step {step}, group {group}, sample {sample}")
    typer.echo("\n".join(told))
    if file:
        about = told[: told.index("")]
        replace_text(file, completion_page(folder, read_group(folder, step, group), sample, about))
        typer.echo(f"\n{file}")
