"""What made a thing, back to the first inputs: from manifest to manifest."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rlsys.data.world.parts import is_part
from rlsys.errors import LineageError
from rlsys.lineage.digests import digest_of
from rlsys.lineage.manifest import Artifact, Manifest, read_manifest


@dataclass(frozen=True)
class Step:
    """A thing, the stage that made it, and what that was given."""

    name: str
    """As the stage that read it calls it: policy, rows, ...; a stage's folder by its kind."""
    path: str
    digest: str
    made_by: Manifest | None
    """None: it comes from outside, or nothing says any more what made it."""
    folder: str
    """Of the stage; empty where there is none."""
    remark: str
    """What is not as the manifests say; empty: all is."""
    inputs: list["Step"] = field(default_factory=list)


def lineage(path: Path) -> Step:
    """The way back from a policy, a data file, a table, or a stage's folder.

    Raises:
        LineageError: there is nothing, or no manifest says what made it.
    """
    where = path.expanduser().resolve()
    if not where.exists():
        digest_of(where)  # raises, and says what is there instead
    made = read_manifest(where)
    folder = next((one.producer or "" for one in made.outputs.values()), str(where))
    if where.is_dir() and not (where / "config.json").is_file():
        return Step(made.kind, str(where), made.config_digest, made, folder, "", _inputs(made))
    digest = digest_of(where)
    names = [name for name, one in made.outputs.items() if one.digest == digest]
    remark = "" if names else f"was changed since {folder} left it"
    name = names[0] if names else "policy" if where.is_dir() else "file"
    return Step(name, str(where), digest, made, folder, remark, _inputs(made))


def lines(step: Step, depth: int = 0) -> Iterator[tuple[int, Step]]:
    """Each step with how far back it is."""
    yield depth, step
    for one in step.inputs:
        yield from lines(one, depth + 1)


def _inputs(made: Manifest) -> list[Step]:
    return [_step(name, one) for name, one in sorted(made.inputs.items())]


def _step(name: str, one: Artifact) -> Step:
    made = _maker(one)
    remark = ""
    if one.producer and made is None:
        remark = f"{one.producer}, which made it, is gone or was run again since"
    elif not Path(one.path).exists() and not is_part(one.path):
        # Of a hub's id that is as it should be.
        remark = "is not there any more" if Path(one.path).is_absolute() else ""
    elif digest_of(one.path) != one.digest:
        remark = "is another now than was read"
    inputs = _inputs(made) if made else []
    return Step(name, one.path, one.digest, made, one.producer or "", remark, inputs)


def _maker(one: Artifact) -> Manifest | None:
    """The manifest of the stage that made exactly this: the copy beside it, or the stage's own."""
    if one.producer is None:
        return None
    for place in (Path(one.path), Path(one.producer)):
        try:
            found = read_manifest(place)
        except LineageError:
            continue
        if any(made.digest == one.digest for made in found.outputs.values()):
            return found
    return None
