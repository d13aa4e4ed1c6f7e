"""`rlsys report RUN [RUN ...]`: runs as one HTML file."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[str], typer.Argument(help="Names of runs, or their folders; several are overlaid.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write; default: report-RUN.html here, of the first run."),
    ] = None,
    directory: Annotated[str, typer.Option(help="Where the runs are: run.directory.")] = "runs",
    samples_mib: Annotated[
        float, typer.Option(min=0.01, help="Of packed completions in the file, over all runs.")
    ] = 12.0,
) -> None:
    """Write one HTML file that shows runs: verdict, curves, where time goes, completions.

    It needs no network and no server, and can be written again while a run goes on.
    """
    from rlsys.commands.options import html_file
    from rlsys.config.resume import find_run
    from rlsys.disk import replace_text
    from rlsys.report import page

    folders = list(dict.fromkeys(find_run(run, directory) for run in runs))
    file = html_file(out, Path(f"report-{folders[0].name}.html"))
    text = page.report(folders, int(samples_mib * 2**20))
    replace_text(file, text)
    typer.echo(f"{file} ({len(text) / 2**20:.1f} MiB)")
