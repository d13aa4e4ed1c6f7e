"""What a recipe leaves on the disk: a folder of its own, with one for each stage.

recipe.json          which recipe, at which scale
lock                 held by the process that runs it
NAME/                a stage's own evidence, its manifest.json last
asked/NAME.json      what the stage was asked to do when it began, and with which inputs
logs/NAME.log        all that its command printed
superseded/          folders of stages that were out of date
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from rlsys.disk import replace_text
from rlsys.errors import ConfigError, LineageError
from rlsys.lineage import manifest
from rlsys.lineage.manifest import Manifest, read_manifest

ABOUT = "recipe.json"


NOBODY = [0.0, 0.0]
"""In the place of a process that is yet to start."""


@dataclass(frozen=True)
class About:
    """How `rlsys recipe run` was called."""

    file: str
    scale: str
    overrides: list[str]


@dataclass
class Begun:
    """A stage that has begun."""

    asked: dict[str, Any]
    """As rlsys.recipes.check.Checked.asked."""
    inputs: dict[str, str]
    """Digests of what it was given, by the names of inputs."""
    process: list[float]
    """Process id and time of creation of its command."""
    status: int | None = None
    """With which its command ended; None: it runs, or nobody lived to see its end."""

    @property
    def runs(self) -> bool:
        """Whether the command is still there."""
        try:
            there = psutil.Process(int(self.process[0]))
            return there.create_time() == self.process[1] and there.status() != "zombie"
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class RecipeFolder:
    """See the module."""

    root: Path

    def stage(self, name: str) -> Path:
        """Where a stage's evidence stays."""
        return self.root / name

    def log(self, name: str) -> Path:
        """What its command printed."""
        return self.root / "logs" / f"{name}.log"

    def describe(self, about: About) -> None:
        """Say which recipe is run here.

        Raises:
            ConfigError: another one is.
        """
        (self.root / "logs").mkdir(parents=True, exist_ok=True)
        (self.root / "asked").mkdir(exist_ok=True)
        if (self.root / ABOUT).is_file():
            there = self.about()
            if (Path(there.file).name, there.scale) != (Path(about.file).name, about.scale):
                raise ConfigError(
                    f"--directory {self.root}: holds {there.file} at scale {there.scale or 'none'};"
                    " name another folder"
                )
        replace_text(self.root / ABOUT, json.dumps(asdict(about), indent=1) + "\n")

    def about(self) -> About:
        """Which recipe is run here.

        Raises:
            ConfigError: none is.
        """
        try:
            return About(**json.loads((self.root / ABOUT).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{self.root}: no {ABOUT} that can be read, so no recipe was run here; "
                "`rlsys recipe run` makes such a folder (--directory)"
            ) from error

    def begun(self, name: str) -> Begun | None:
        """What a stage was asked when it began; None: it has not, or what is there is damaged."""
        try:
            return Begun(**json.loads(self._asked(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def note(self, name: str, begun: Begun) -> None:
        """Note that a stage has begun, or how it has ended."""
        replace_text(self._asked(name), json.dumps(asdict(begun), indent=1) + "\n")

    def manifest(self, name: str) -> Manifest | None:
        """Of a stage that has come to its end; None: it has not."""
        if not (self.stage(name) / manifest.FILE).is_file():
            return None
        try:
            return read_manifest(self.stage(name))
        except LineageError:  # damaged: the stage is done again
            return None

    def supersede(self, name: str) -> Path | None:
        """Put a stage's folder, which is out of date, aside; None: there is none."""
        self._asked(name).unlink(missing_ok=True)
        if not self.stage(name).exists():
            return None
        aside = self.root / "superseded"
        aside.mkdir(exist_ok=True)
        number = 1
        while (aside / f"{name}-{number}").exists():
            number += 1
        return Path(shutil.move(self.stage(name), aside / f"{name}-{number}"))

    def put_aside(self, name: str) -> list[Path]:
        """Folders of the stage that were, the newest first."""
        found = (self.root / "superseded").glob(f"{name}-*")
        numbers = {path: path.name.removeprefix(f"{name}-") for path in found}
        own = [path for path, number in numbers.items() if number.isdigit()]
        return sorted(own, key=lambda path: int(numbers[path]), reverse=True)

    def _asked(self, name: str) -> Path:
        return self.root / "asked" / f"{name}.json"
