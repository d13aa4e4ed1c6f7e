"""manifest.json: what made a policy, a data file or a table, of what, and what it came to.

A stage's last act is to write one into its folder, and a copy beside each thing that leaves it: in
a policy's folder, and as `FILE.manifest.json` beside a data file. A path then leads back to the
folder of the stage that made it, and from there to that stage's inputs.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rlsys.config.run import RunConfig
from rlsys.data.world.parts import is_part
from rlsys.disk import replace_text
from rlsys.errors import LineageError
from rlsys.lineage.digests import cached_commit, digest_of, is_hub_id, is_served
from rlsys.lineage.machine import machine, versions
from rlsys.lineage.settings import settings_digest, settings_of

FILE = "manifest.json"
_BESIDE = f".{FILE}"

Figure = float | dict[str, float]
"""A number, or {mean, low, high} with its 95 % interval."""
_PARTS = ("mean", "low", "high")


@dataclass(frozen=True)
class Artifact:
    """A policy, a data file, a table: where it is, and which state of it is meant."""

    path: str
    """Absolute, an id of the hub, a part of the tiny world, or a served model."""
    digest: str
    """Empty: an id of the hub of which this machine's cache holds nothing."""
    producer: str | None = None
    """Folder of the stage that made it; None: it comes from outside."""


@dataclass(frozen=True)
class Verdict:
    """What a gate said of a stage."""

    condition: str
    """As `pass_at_1.low > 0.5`."""
    passed: bool
    figure: Figure | None
    """What it was measured at; None: it was not."""


@dataclass(frozen=True)
class Manifest:
    """See the module."""

    kind: str
    """Of the stage: rl, sft, evaluate, ..."""
    config: dict[str, Any]
    """All settings, as JSON values."""
    config_digest: str
    """Of those that count (rlsys/lineage/settings.py)."""
    versions: dict[str, Any]
    inputs: dict[str, Artifact]
    """By the words of the table of kinds: policy, teacher, rows, demonstrations, ..."""
    outputs: dict[str, Artifact]
    figures: dict[str, Figure]
    started: str
    """ISO 8601, UTC; of the command that wrote it, so of a resumed run the last one."""
    ended: str
    machine: dict[str, Any]
    gate: list[Verdict] = field(default_factory=list)


def artifact(path: str | Path) -> Artifact:
    """What stands at a path now, and which stage made it.

    Raises:
        LineageError: as digest_of.
    """
    where = Path(path).expanduser()
    if is_part(path) or is_served(str(path)):
        return Artifact(str(path), digest_of(path))
    if not where.exists() and is_hub_id(str(path)):
        return Artifact(str(path), cached_commit(str(path)))
    digest = digest_of(where)
    return Artifact(str(where.resolve()), digest, _producer(where, digest))


def write_manifest(
    folder: Path,
    kind: str,
    config: RunConfig,
    inputs: Mapping[str, str | Path | Artifact],
    outputs: Mapping[str, Path],
    figures: Mapping[str, Figure],
    started: float,
) -> Manifest:
    """Write the manifest of a stage, and its copies beside what leaves it.

    Args:
        inputs: those that were given; one whose `artifact` was taken at the start stands for what
            was read then.
        started: time.monotonic() of the command's start.
    """
    folder = folder.resolve()
    ended = datetime.now(UTC)
    settings = settings_of(config)
    taken = {
        name: one if isinstance(one, Artifact) and one.digest else artifact(_place(one))
        for name, one in inputs.items()
    }
    places = {name: _place(one) for name, one in inputs.items()}
    manifest = Manifest(
        kind=kind,
        config=settings,
        config_digest=settings_digest(settings, places),
        versions=versions(),
        inputs=taken,
        outputs={
            name: Artifact(str(path.resolve()), digest_of(path), str(folder))
            for name, path in outputs.items()
        },
        figures=dict(figures),
        started=_iso(ended - timedelta(seconds=time.monotonic() - started)),
        ended=_iso(ended),
        machine=machine(),
    )
    _write(folder, manifest)
    return manifest


def with_gate(folder: Path, manifest: Manifest, verdicts: Sequence[Verdict]) -> Manifest:
    """Put a gate's verdicts into a stage's manifest, and into its copies."""
    manifest = replace(manifest, gate=list(verdicts))
    _write(folder, manifest)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a stage's folder, or beside a policy or a data file.

    Raises:
        LineageError: there is none, or it is not one.
    """
    file = manifest_of(folder)
    if not file.is_file():
        raise LineageError(
            f"{folder}: no {file.name}, so nothing says what made it; stages of rlsys leave one "
            "when they have come to their end"
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        artifacts = {
            key: {name: Artifact(**one) for name, one in content[key].items()}
            for key in ("inputs", "outputs")
        }
        verdicts = [Verdict(**one) for one in content["gate"]]
        for figure in content["figures"].values():
            _require_number(figure)
        return Manifest(**{**content, **artifacts, "gate": verdicts})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LineageError(f"{file} is no manifest of rlsys: {error!r}") from error


def _require_number(figure: Figure) -> None:
    """Raise ValueError or KeyError unless it is a number, the three of an interval, or nothing."""
    parts = [figure[part] for part in _PARTS] if isinstance(figure, dict) else [figure]
    if not all(one is None or isinstance(one, (int, float)) for one in parts):
        raise ValueError(f"figure {figure!r}")


def manifest_of(path: Path) -> Path:
    """Where the manifest of a folder or a file is looked for."""
    return path / FILE if path.is_dir() else path.with_name(path.name + _BESIDE)


def _write(folder: Path, manifest: Manifest) -> None:
    """The copies first: where the folder's own is, all are."""
    text = json.dumps(asdict(manifest), indent=1) + "\n"
    copies = [manifest_of(Path(one.path)) for one in manifest.outputs.values()]
    for file in dict.fromkeys([*copies, folder / FILE]):
        replace_text(file, text)


def _place(one: str | Path | Artifact) -> str | Path:
    return one.path if isinstance(one, Artifact) else one


def _producer(path: Path, digest: str) -> str | None:
    """The stage that left exactly this at the path."""
    try:
        outputs = read_manifest(path).outputs.values()
    except LineageError:  # none, or another program's file of that name
        return None
    return next((one.producer for one in outputs if one.digest == digest), None)


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
