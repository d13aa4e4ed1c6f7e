"""What came out of a recipe, a row a stage, from the manifests in its folder alone."""

from datetime import datetime
from pathlib import Path

from rlsys.lineage.manifest import Manifest
from rlsys.recipes.folder import RecipeFolder
from rlsys.recipes.gates import said, shown
from rlsys.run.folder import LOCK, METRICS

HEADINGS = ("stage", "kind", "state", "made of", "figures", "gate", "minutes")


def stages_of(folder: RecipeFolder) -> list[str]:
    """Names of the stages that have begun: those that ended first, in the order of their ends."""
    names = sorted(path.stem for path in (folder.root / "asked").glob("*.json"))
    made = {name: folder.manifest(name) for name in names}
    return sorted(names, key=lambda name: (one.ended if (one := made[name]) else "~", name))


def runs_of(folder: RecipeFolder) -> list[Path]:
    """Folders of the stages that train, for a report."""
    found = [folder.stage(name) for name in stages_of(folder)]
    return [path for path in found if (path / LOCK).exists() and (path / METRICS).exists()]


def rows(folder: RecipeFolder) -> list[list[str]]:
    """Texts, a column per heading."""
    return [_row(name, folder) for name in stages_of(folder)]


def _row(name: str, folder: RecipeFolder) -> list[str]:
    made, begun = folder.manifest(name), folder.begun(name)
    if made is None:
        state = "running" if begun and begun.runs else "stopped"
        if begun and begun.status:
            state = "failed"
        return [name, "", state, "", "", "", ""]
    missed = [one for one in made.gate if not one.passed]
    return [
        name,
        made.kind,
        "gate failed" if missed else "done",
        ", ".join(f"{key}: {_source(one.producer, one.path)}" for key, one in made.inputs.items()),
        _figures(made),
        "; ".join(said(one) for one in made.gate),
        f"{minutes(made):.1f}",
    ]


def _figures(made: Manifest) -> str:
    """pass@1 of what an evaluation has of every k; of any other stage all."""
    asked = {name: one for name, one in made.figures.items() if name.endswith("pass_at_1")}
    return ", ".join(f"{name} {shown(one)}" for name, one in (asked or made.figures).items())


def _source(producer: str | None, path: str) -> str:
    return Path(producer or path).name


def minutes(made: Manifest) -> float:
    """What a stage took, or its last command where it was gone on with."""
    began, ended = (datetime.fromisoformat(when) for when in (made.started, made.ended))
    return (ended - began).total_seconds() / 60
