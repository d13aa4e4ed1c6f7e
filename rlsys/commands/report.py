"""`rlsys report RUN [RUN ...]`: runs as one HTML file."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer


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
    watch: Annotated[
        bool, typer.Option("--watch", help="Write it again and again, until the runs are over.")
    ] = False,
    serve: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Show it at this port of 127.0.0.1; 0: a free one."),
    ] = None,
) -> None:
    """Write one HTML file that shows runs: verdict, curves, where time goes, completions.

    It needs no network and no server, and can be written again while a run goes on. The folder of a
    recipe stands for all of its stages that train, with a table of what came out of each.
    """
    from rlsys.commands.options import html_file
    from rlsys.disk import replace_text
    from rlsys.errors import ConfigError
    from rlsys.inquiry.sections import ask
    from rlsys.observe.runs import State, read_run
    from rlsys.report import live, page

    if watch and serve is not None:
        raise ConfigError("--watch --serve: one of the two; nearest valid: --serve")
    folders, tables = _found(runs, directory)
    file = html_file(out, Path(f"report-{folders[0].name}.html"))
    fresh = live.Fresh(lambda: page.report(folders, int(samples_mib * 2**20), tables(), ask))
    if serve is not None:
        _serve(live.server(fresh, serve))
    elif watch:
        typer.echo(f"{file}: written again until {', '.join(f.name for f in folders)} end (Ctrl-C)")
        live.watch(fresh, file, lambda: all(read_run(f).state != State.RUNNING for f in folders))
    else:
        text = fresh.page()
        replace_text(file, text)
        typer.echo(f"{file} ({len(text) / 2**20:.1f} MiB)")


def _found(runs: list[str], directory: str) -> tuple[list[Path], Callable[[], list[dict]]]:
    """Folders of runs and of recipes' stages that train, and what makes the recipes' tables."""
    from rlsys.config.resume import find_run
    from rlsys.errors import ConfigError
    from rlsys.recipes import table
    from rlsys.recipes.folder import ABOUT, RecipeFolder

    folders: list[Path] = []
    recipes: list[RecipeFolder] = []
    for run in runs:
        for place in (Path(run).expanduser(), Path(directory).expanduser() / run):
            if (place / ABOUT).is_file():
                recipes.append(RecipeFolder(place.resolve()))
                folders += table.runs_of(recipes[-1])
                break
        else:
            folders.append(find_run(run, directory))
    if not folders:
        raise ConfigError(f"{', '.join(runs)}: no stage that trains has begun there yet")

    def tables() -> list[dict]:
        return [
            {
                "title": f"Recipe {Path(one.about().file).stem}",
                "headings": table.HEADINGS,
                "rows": table.rows(one),
            }
            for one in recipes
        ]

    return list(dict.fromkeys(folders)), tables


def _serve(server: "ThreadingHTTPServer") -> None:
    host, port = server.server_address[:2]
    typer.echo(f"http://{host!s}:{port}/ (Ctrl-C ends it)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
