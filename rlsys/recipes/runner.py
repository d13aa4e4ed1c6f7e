"""Runs a recipe: each stage as a command of its own, skipped where nothing has changed, gone on
with where it was killed, and stopped at a gate that fails."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rlsys.config.model_names import FILE as CONFIG
from rlsys.errors import RecipeError, RlsysError
from rlsys.lineage.kinds import EVALUATE
from rlsys.lineage.manifest import Manifest, Verdict, with_gate
from rlsys.recipes.check import Checked
from rlsys.recipes.child import Child, Command, how_ended, last_lines
from rlsys.recipes.folder import NOBODY, Begun, RecipeFolder
from rlsys.recipes.freshness import differences, inputs_now, path_of
from rlsys.recipes.gates import judge, said
from rlsys.recipes.pace import left
from rlsys.recipes.recipe import Reference, StageSpec, before
from rlsys.run.folder import SUMMARY
from rlsys.watch.signals import SAVES, STOPS

_LAST_LINES = 6
_ORPHAN_LOOK_S = 0.5
_OF_THE_MACHINE = ("cluster.", "observe.")
"""Settings that a stage which goes on is told anew."""


class Runner:
    """Takes a recipe through its stages.

    Args:
        branches: how many stages may run at a time.
        tell: gets each line for people.
        start: starts a stage's command, of its arguments and its log.
    """

    def __init__(
        self,
        checked: Checked,
        folder: RecipeFolder,
        branches: int,
        tell: Callable[[str], None],
        start: Callable[[Sequence[str], Path], Awaitable[Command]] = Child.start,
    ) -> None:
        self.checked, self.folder, self.tell, self.start = checked, folder, tell, start
        self.branches = branches
        self.stopped_by: signal.Signals | None = None
        """The signal that ended the recipe before its end."""
        self._children: dict[str, Command] = {}

    async def run(self) -> None:
        """Every stage, each after those that it takes something from.

        Raises:
            RecipeError: a stage or a gate failed; those that ran beside it have come to their end.
        """
        loop = asyncio.get_running_loop()
        for number in (*STOPS, SAVES):
            loop.add_signal_handler(number, self._hear, signal.Signals(number))
        waiting = list(self.checked.recipe.stages)
        running: dict[asyncio.Task[bool], StageSpec] = {}
        done: set[str] = set()
        failed: list[RlsysError] = []
        while True:
            ready = [stage for stage in waiting if done.issuperset(before(stage))]
            if failed or self.stopped_by:
                ready = []
            for stage in ready[: self.branches - len(running)]:
                waiting.remove(stage)
                running[asyncio.create_task(self._through(stage), name=stage.name)] = stage
            if not running:
                break
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                stage = running.pop(task)
                try:
                    if task.result():
                        done.add(stage.name)
                    self._tell_how_far(done)
                except RlsysError as error:  # told at the end; those beside it go on to theirs
                    failed.append(error)
                    self.tell(f"{stage.name}: failed")
        if failed and not self.stopped_by:
            raise failed[0]

    def _tell_how_far(self, done: set[str]) -> None:
        names = [stage.name for stage in self.checked.recipe.stages]
        said = left(self.folder, [name for name in names if name not in done])
        self.tell(f"{len(done)} of {len(names)} stages are done{said and '; ' + said}")

    async def _through(self, stage: StageSpec) -> bool:
        """One stage, from what is there of it to its gate; False where a stop ended it before."""
        await self._await_orphan(stage)
        made = self.folder.manifest(stage.name)
        begun = self.folder.begun(stage.name)
        is_there = begun or self.folder.stage(stage.name).exists()
        changed = differences(stage, self.checked, self.folder) if is_there else []
        if made and not changed:
            self.tell(f"{stage.name}: done before, and nothing has changed")
        else:
            for line in changed:
                self.tell(f"{stage.name}: out of date: {line}")
            if changed or not self._goes_on(stage):
                self._put_aside(stage)
            await self._command(stage)
            if self.stopped_by:
                return False
            made = self.folder.manifest(stage.name)
        if made is None:
            raise RecipeError(
                f"stage {stage.name} ended well and left no manifest in "
                f"{self.folder.stage(stage.name)}; its log: {self.folder.log(stage.name)}"
            )
        self._keep_digests(stage, made)
        self._judge(stage, made)
        return True

    async def _await_orphan(self, stage: StageSpec) -> None:
        """A command of a recipe that was killed ends with it, but not in the same moment."""
        begun = self.folder.begun(stage.name)
        if begun is None or not begun.runs:
            return
        self.tell(f"{stage.name}: process {begun.process[0]:.0f} of before is still ending")
        while begun.runs:
            await asyncio.sleep(_ORPHAN_LOOK_S)

    def _goes_on(self, stage: StageSpec) -> bool:
        """Whether there is something of it to go on with, where it is not out of date."""
        folder = self.folder.stage(stage.name)
        if stage.kind == EVALUATE:
            return folder.is_dir()
        return (folder / CONFIG).is_file() and not (folder / SUMMARY).is_file()

    def _put_aside(self, stage: StageSpec) -> None:
        if aside := self.folder.supersede(stage.name):
            self.tell(f"{stage.name}: what it left before is now {aside}")

    async def _command(self, stage: StageSpec) -> None:
        """Run its command to the end."""
        resumes = self._goes_on(stage)
        arguments = self.arguments(stage, resumes)
        self.tell(f"{stage.name}: {'goes on' if resumes else 'begins'}: rlsys {arguments[0]}")
        asked, inputs = self.checked.asked(stage), inputs_now(stage, self.checked, self.folder)
        begun = Begun(asked, {name: digest or "" for name, digest in inputs.items()}, NOBODY)
        self.folder.note(stage.name, begun)  # first: a folder without it would be put aside
        child = await self.start(arguments, self.folder.log(stage.name))
        begun.process = [child.pid, child.created]
        self.folder.note(stage.name, begun)
        self._children[stage.name] = child
        if self.stopped_by:  # the signal came while it was being started
            child.hear(self.stopped_by)
        try:
            begun.status = await child.wait(lambda line: self.tell(f"{stage.name} | {line}"))
        finally:
            del self._children[stage.name]
        if self.stopped_by:
            return
        self.folder.note(stage.name, begun)
        if begun.status:
            raise RecipeError(self._failure(stage, begun.status))

    def arguments(self, stage: StageSpec, resumes: bool) -> list[str]:
        """Of its command."""

        def path(reference: Reference) -> str:
            found = path_of(reference, self.folder)
            assert found is not None  # its stage is done
            return found

        folder = self.folder.stage(stage.name)
        settings = stage.arguments(path)
        if stage.kind == EVALUATE:
            own = [f"benchmarks.out={json.dumps(str(folder))}"]
        elif resumes:
            again = [text for text in settings if text.startswith(_OF_THE_MACHINE)]
            return [stage.row.command, "--resume", str(folder), *again]
        else:
            own = [f"run.directory={json.dumps(str(folder.parent))}", f"run.name={stage.name}"]
        # A run's name is sought in run.directory, which is another one here.
        rows = stage.row.inputs
        outside = self.checked.outside(stage)
        own += [f"{rows[n]}={json.dumps(one)}" for n, one in outside.items() if n in rows]
        return [stage.row.command, "--config", str(stage.config), *settings, *own]

    def _keep_digests(self, stage: StageSpec, made: Manifest) -> None:
        """Of the inputs as the stage itself read them: one of the hub is known only then."""
        begun = self.folder.begun(stage.name)
        assert begun is not None
        read = {name: one.digest for name, one in made.inputs.items() if name in begun.inputs}
        begun.inputs |= read
        self.folder.note(stage.name, begun)

    def _judge(self, stage: StageSpec, made: Manifest) -> None:
        """Raise RecipeError where the gate fails; its verdict is in the manifest."""
        verdicts = verdicts_of(stage, made, self.folder)
        folder = self.folder.stage(stage.name)
        if verdicts != made.gate:
            with_gate(folder, made, verdicts)
        for verdict in verdicts:
            if verdict.passed:
                self.tell(f"{stage.name}: gate passed: {said(verdict)}")
        missed = [said(verdict) for verdict in verdicts if not verdict.passed]
        if missed:
            raise RecipeError(
                f"the gate of stage {stage.name} failed: {'; '.join(missed)}. Look at "
                f"{_look(stage)} {folder}, and at what it printed, {self.folder.log(stage.name)}"
            )

    def _failure(self, stage: StageSpec, status: int) -> str:
        """What became of a command, with its last lines."""
        log = self.folder.log(stage.name)
        lines = "".join(f"\n  {line}" for line in last_lines(log, _LAST_LINES))
        return f"stage {stage.name} ended by {how_ended(status)}; its log: {log}{lines}"

    def _hear(self, number: signal.Signals) -> None:
        """A stop ends the stages that run, and begins no other; once more, and they end at once."""
        if number in STOPS:
            self.stopped_by = self.stopped_by or number
            self.tell(f"{number.name}: no other stage begins")
        for child in self._children.values():
            child.hear(number)


def verdicts_of(stage: StageSpec, made: Manifest, folder: RecipeFolder) -> list[Verdict]:
    """What a gate says of the figures that are there."""

    def figures(name: str) -> dict[str, float | dict[str, float]]:
        of = folder.manifest(name) if name else made
        return of.figures if of else {}

    return [judge(condition, figures) for condition in stage.gate]


def own_cluster(branches: int, address: str) -> bool:
    """Whether each stage starts a Ray of its own: where several run at a time and none is named,
    one would join that of another, which ends with it."""
    return branches > 1 and not address and not os.environ.get("RAY_ADDRESS")


def _look(stage: StageSpec) -> str:
    """What shows what a stage came to."""
    if stage.kind == EVALUATE:
        return "results.md and samples/ in"
    return "`rlsys report` of, and samples/ and metrics.jsonl in,"


def folder_of(directory: str, name: str) -> Path:
    """Where a recipe leaves its stages: --directory, else runs/NAME."""
    return Path(directory or Path("runs") / name).expanduser().resolve()
