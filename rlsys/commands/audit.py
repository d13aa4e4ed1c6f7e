"""`rlsys audit`: whether the reward of a run is earned."""

from typing import Annotated

import typer


def audit(
    run: Annotated[str, typer.Argument(help="Name of a run, or its folder.")],
    verifier: Annotated[
        str,
        typer.Option(help="A second opinion; without it, the last number of each answer."),
    ] = "",
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the verifier; may be repeated.")
    ] = None,
    plugin: Annotated[
        list[str] | None, typer.Option(help="File of verifiers of one's own.")
    ] = None,
    most: Annotated[
        int, typer.Option(min=1, help="Completions that are looked at, evenly over the steps.")
    ] = 20_000,
    directory: Annotated[str, typer.Option(help="Where the runs are: run.directory.")] = "runs",
) -> None:
    """Look for reward that is not earned: completions that another verifier judges otherwise, one
    text paid for many questions, form without a chain, a reward that rises while held-out pass@1
    falls. Exit status 1 where somebody should look."""
    from rlsys.commands.options import key_values
    from rlsys.config.resume import find_run
    from rlsys.inquiry.audit import audit as audited
    from rlsys.inquiry.audit_text import lines
    from rlsys.inquiry.last_number import LastNumber
    from verifiers.base import Verifier
    from verifiers.registry import Registry

    folder = find_run(run, directory)
    second: Verifier = LastNumber()
    if verifier:
        second = Registry(plugin or []).create(verifier, key_values(option or []))
    found = audited(folder, second, most)
    typer.echo("\n".join(lines(folder.name, found)))
    if any(one.is_suspicious for one in found):
        raise typer.Exit(1)
