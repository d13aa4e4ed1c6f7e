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
) -> None:
    """Write one HTML file that shows runs: verdict, curves, where time goes, completions.

    It needs no network and no server, and can be written again while a run goes on.
    """
    from rlsys.config.resume import find_run
    from rlsys.disk import replace_text
    from rlsys.errors import ConfigError
    from rlsys.report import page

    folders = list(dict.fromkeys(find_run(run, directory) for run in runs))
    default = Path(f"report-{folders[0].name}.html")
    file = (out or default).expanduser()
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise ConfigError(
            f"--out {out}: a file in a folder that exists is needed; nearest valid: --out {default}"
        )
    text = page.report(folders)
    replace_text(file, text)
    typer.echo(f"{file} ({len(text) / 2**20:.1f} MiB)")
