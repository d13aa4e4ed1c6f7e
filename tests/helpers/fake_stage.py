"""A stage's command without the stage: it reads its settings, and leaves what the real one would.

Its policy is a text of what it was made of, so that other inputs make other bytes.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlsys.config.model_names import FILE as CONFIG
from rlsys.config.run import RunConfig, RunSection, StageKind
from rlsys.lineage.kinds import EVALUATE, given, kind_of
from rlsys.lineage.manifest import Figure, artifact, write_manifest
from rlsys.recipes.child import Command


@dataclass
class FakeStages:
    """Starts stages in this process, and remembers what it started."""

    figures: dict[str, dict[str, Figure]] = field(default_factory=dict)
    """What each measures, by its name."""
    fails: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    """These are killed once they have begun: they leave a folder and no manifest."""
    hangs: dict[str, Callable[[], None]] = field(default_factory=dict)
    """These go on until they hear a signal; called once they have begun."""
    ran: list[str] = field(default_factory=list)
    """`begin rl`, `resume rl`, in this order."""
    heard: list[tuple[str, int]] = field(default_factory=list)
    at_once: int = 0
    """How many ran beside each other at most."""
    _running: int = 0

    async def start(self, arguments: Sequence[str], log: Path) -> Command:
        """As Child.start."""
        log.parent.mkdir(exist_ok=True)
        log.write_text("a line of the log\nthe last line\n")
        return FakeCommand(self, list(arguments), log.stem)

    async def run(self, command: "FakeCommand") -> int:
        """What the command does."""
        arguments, name = command.arguments, command.name
        self.ran.append(f"{'resume' if '--resume' in arguments else 'begin'} {name}")
        if name in self.fails:
            return 2
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        try:
            return await self._work(command)
        finally:
            self._running -= 1

    async def _work(self, command: "FakeCommand") -> int:
        folder, kind, config = _settings(command.arguments)
        folder.mkdir(parents=True, exist_ok=True)
        if command.name in self.killed:
            self.killed.discard(command.name)
            return -9
        if command.name in self.hangs:
            self.hangs.pop(command.name)()
            return 128 + await command.signal
        await asyncio.sleep(0.01)
        inputs = {name: artifact(path) for name, path in given(kind, config).items()}
        made = {name: one.digest for name, one in inputs.items()}
        content = json.dumps([kind, config.loop.steps, config.run.seed, made])
        if kind == EVALUATE:
            (folder / "results.json").write_text(content)
            outputs = {"table": folder / "results.json"}
        else:
            outputs = {"policy": folder / "policy"}
            outputs["policy"].mkdir(exist_ok=True)
            (outputs["policy"] / "config.json").write_text(content)
        figures = self.figures.get(command.name, {})
        write_manifest(folder, kind, config, inputs, outputs, figures, time.monotonic())
        return 0


class FakeCommand(Command):
    """One of them."""

    def __init__(self, stages: FakeStages, arguments: list[str], name: str) -> None:
        self.stages, self.arguments, self.name = stages, arguments, name
        self.pid, self.created = 2**22 + 1, 0.0  # above every process id
        self.signal: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def wait(self, tell: Callable[[str], None]) -> Awaitable[int]:
        """See Command."""
        tell(f"stage {self.name} says so")
        return self.stages.run(self)

    def hear(self, number: int) -> None:
        """See Command."""
        self.stages.heard.append((self.name, number))
        if not self.signal.done():
            self.signal.set_result(number)


def _settings(arguments: list[str]) -> tuple[Path, str, RunConfig]:
    """Folder, kind and settings; nothing is checked, which the recipe has done."""
    command, option, value, *overrides = arguments
    if option == "--resume":
        command, *overrides = json.loads((Path(value) / CONFIG).read_text())
    config = RunConfig(run=RunSection(stage=StageKind.sft if command == "sft" else StageKind.rl))
    for key, one in _read(overrides):
        *sections, name = key.split(".")
        section: Any = config
        for part in sections:
            section = getattr(section, part)
        setattr(section, name, one)
    if command == "eval":
        return Path(config.benchmarks.out), EVALUATE, config
    folder = Path(config.run.directory) / config.run.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps([command, *overrides]))
    return folder, kind_of(config), config


def _read(overrides: list[str]) -> Iterator[tuple[str, Any]]:
    for text in overrides:
        key, _, value = text.partition("=")
        try:
            yield key, json.loads(value)
        except ValueError:
            yield key, value
