"""Whether what a stage has left is what the recipe asks for now: by settings and digests alone.

What counts: the kind, every setting that changes what is computed (rlsys/lineage/settings.py; one
that rlsys has got since the stage began was at its default, and other kinds' own sections are not
read), the bytes of every input, and the
bytes of every output, which nobody may have changed since. What does not: times, places, the
machine, the gate (it is judged anew), and the versions of rlsys and of the packages, which the
manifest has and `rlsys recipe status` tells where they are others now.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlsys.errors import LineageError
from rlsys.lineage.digests import cached_commit, digest_of, is_hub_id
from rlsys.lineage.kinds import reads
from rlsys.lineage.machine import versions
from rlsys.lineage.manifest import Artifact, Manifest
from rlsys.lineage.settings import completed
from rlsys.recipes.check import Checked
from rlsys.recipes.folder import RecipeFolder
from rlsys.recipes.recipe import Reference, StageSpec

_LOCAL_INPUT = "policy"
"""Without a path it is the local policy, made of settings alone."""


def path_of(reference: Reference, folder: RecipeFolder) -> str | None:
    """Where an output lies; None: its stage has not come to its end."""
    made = folder.manifest(reference.stage)
    return made.outputs[reference.output].path if made else None


def inputs_now(stage: StageSpec, checked: Checked, folder: RecipeFolder) -> dict[str, str | None]:
    """Digests of what a stage would be given now, by the names of its inputs; None: not there."""
    paths: dict[str, str | None] = dict(checked.outside(stage))
    paths |= {name: path_of(one, folder) for name, one in checked.taken(stage).items()}
    return {name: path and _digest(path) for name, path in paths.items()}


def differences(stage: StageSpec, checked: Checked, folder: RecipeFolder) -> list[str]:
    """What is not as when the stage began, or has been changed since it ended; empty: nothing."""
    begun, made = folder.begun(stage.name), folder.manifest(stage.name)
    if begun is None:
        return ["nothing says what it was asked to do"]
    changed = list(_settings(stage.kind, begun.asked, checked.asked(stage)))
    now = inputs_now(stage, checked, folder)
    places = checked.outside(stage) | {n: str(one) for n, one in checked.taken(stage).items()}
    for name in sorted(now.keys() | begun.inputs.keys()):
        if now.get(name) != begun.inputs.get(name):
            changed.append(f"{name} ({places.get(name, 'none now')}) is not what it was")
    if made:
        changed += [line for line in _found_changed(made, set(now)) if line not in changed]
    return changed


def other_versions(made: Manifest) -> str:
    """With which version or commit of rlsys a stage was made, where it is another now."""
    now = versions()
    for name in ("rlsys", "commit"):
        then = made.versions.get(name)
        if then != now.get(name):
            return f"made by {name} {str(then)[:12]}, now {str(now.get(name))[:12]}"
    return ""


def _settings(kind: str, then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Key by key, so that a setting that rlsys has got since makes nothing out of date, and one
    that stages of the kind do not read neither."""
    then = completed(then)
    for key in sorted(then.keys() | now.keys()):
        if reads(kind, key) and then.get(key) != now.get(key):
            was, is_now = (repr(of[key]) if key in of else "not there" for of in (then, now))
            yield f"{key}: {was} then, {is_now} now"


def _found_changed(made: Manifest, known: set[str]) -> Iterator[str]:
    """Inputs that the stage found by itself, such as a benchmark's file, and its outputs."""
    for name, one in made.inputs.items():
        is_made_anew = name == _LOCAL_INPUT and not Path(one.path).exists()
        if name not in known and not is_made_anew and not _stands(one):
            yield f"{name} ({one.path}) is not what it was"
    for name, one in made.outputs.items():
        if not _stands(one):
            yield f"its own {name} ({one.path}) is not what it left"


def _stands(one: Artifact) -> bool:
    return _digest(one.path) == one.digest


def _digest(path: str) -> str | None:
    """None: there is nothing. Of a hub id that was never downloaded here, the name says enough."""
    if not Path(path).expanduser().exists() and is_hub_id(path):
        return cached_commit(path)
    try:
        return digest_of(path)
    except LineageError:
        return None
