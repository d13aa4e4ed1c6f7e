"""`rlsys lineage`: what made a policy, a data file or a table, back to the first input."""

from pathlib import Path
from typing import Annotated

import typer


def lineage(
    path: Annotated[
        Path,
        typer.Argument(help="A policy's folder, a data file, a table, or a stage's folder."),
    ],
) -> None:
    """Print the stages that made it, each with what it was given, down to what is from outside."""
    from rlsys.lineage.trace import Step, lines
    from rlsys.lineage.trace import lineage as back

    def told(step: Step) -> str:
        made = step.made_by
        by = "  from outside"
        if made:
            rlsys = made.versions["rlsys"]
            commit = made.versions.get("commit")
            code = f"{rlsys} at {commit[:12]}" if commit else rlsys
            changed = "" if made.versions.get("clean", True) else ", with changes"
            by = f"  by {made.kind} in {step.folder}, {made.ended}, rlsys {code}{changed}"
        elif step.folder:
            by = f"  by a stage in {step.folder}"
        remark = f"  ({step.remark})" if step.remark else ""
        digest = step.digest[:19] or "digest unknown"
        if made and step.path == step.folder:
            digest = f"settings {digest}"  # a stage's folder has no digest of its own
        return f"{step.name}  {step.path}  {digest}{by}{remark}"

    for depth, step in lines(back(path)):
        typer.echo(f"{'  ' * depth}{told(step)}")
