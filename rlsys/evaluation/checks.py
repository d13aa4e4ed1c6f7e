"""When held-out checks are made: before training, every so many steps beside it, and after it."""

import asyncio
from collections.abc import Callable, Sequence

from rlsys.config.run import RunConfig
from rlsys.data.templates import Prompt
from rlsys.evaluation.curve import Curve
from rlsys.evaluation.heldout import HeldOut, evaluate
from rlsys.loop.fleet import Fleet
from rlsys.loop.retries import Retries
from rlsys.watch.remaining import Remaining


class Checks:
    """The held-out checks of a run, some of them perhaps made by a driver before this one.

    Args:
        curve: the checks that are made go there, and what is there is not made again.
        show: told of every check.
        stage: told what begins, where training waits for it.
        progress: told how far that is.
    """

    def __init__(
        self,
        fleet: Fleet,
        held_out: Sequence[Prompt],
        config: RunConfig,
        retries: Retries,
        curve: Curve,
        show: Callable[[HeldOut], None],
        stage: Callable[[str], None],
        progress: Callable[[str], None],
    ) -> None:
        self.fleet, self.config, self.retries = fleet, config, retries
        self.curve, self.show, self.stage, self.progress = curve, show, stage, progress
        self.final = held_out[: config.evaluation.final_prompts]
        self.between = held_out[: config.evaluation.prompts]
        self._beside: asyncio.Task[None] | None = None
        """The newest check beside training."""

    async def before_training(self, version: int) -> None:
        """The check of the untrained policy; in a resumed run, the one that was under way when its
        last driver ended, unless training has nothing left to do.

        Args:
            version: what the workers hold.
        """
        if version == 0 and self.final and not self.curve.at(0):
            await self._check_alone("held-out check before training", self.final, 0)
        due = self.curve.interrupted(version, self.config.loop.evaluate_every)
        if due and self.between and version < self.config.loop.steps:
            name = f"held-out check of step {due} again, for it was interrupted"
            await self._check_alone(name, self.between, version)

    async def after_step(
        self, step: int, published: "asyncio.Task[None] | None", tasks: asyncio.TaskGroup
    ) -> None:
        """The check of a step, where one is due: a task of its own, beside the next steps.

        Args:
            published: ends when the workers hold the step's weights; None: they do.
        """
        every = self.config.loop.evaluate_every
        if not (every and step % every == 0 and self.between) or step == self.config.loop.steps:
            return
        check = self._check_when(published, step)
        self._beside = tasks.create_task(check, name="held-out check")
        # Where the samplers have the GPU by turns, the learner could do nothing meanwhile.
        if self.config.run.deterministic or self.config.cluster.colocate:
            await self.ended()

    async def ended(self) -> None:
        """Wait until no check is under way beside training, however it ends: `tasks` of after_step
        see to a failure."""
        if self._beside is not None:
            await asyncio.wait([self._beside])

    def stop(self) -> None:
        """Let go of a check that is under way beside training; a resumed run makes it again."""
        if self._beside is not None:
            self._beside.cancel()

    async def after_training(self) -> None:
        """The check of the policy that comes out."""
        steps = self.config.loop.steps
        if self.final and not self.curve.at(steps):
            await self._check_alone("held-out check after training", self.final, steps)

    async def _check_when(self, published: "asyncio.Task[None] | None", step: int) -> None:
        if published is not None:
            await asyncio.wait([published])
        await self._check(self.between, step, lambda remaining: None)

    async def _check_alone(self, name: str, prompts: Sequence[Prompt], step: int) -> None:
        """While nothing else goes on."""
        self.stage(f"{name}: {len(prompts)} prompts")
        await self._check(prompts, step, lambda remaining: self.progress(f"{name}: {remaining}"))

    async def _check(
        self, prompts: Sequence[Prompt], step: int, show: Callable[[Remaining], None]
    ) -> None:
        check = await evaluate(self.fleet, prompts, self.config, self.retries, step, show)
        self.curve.add(check)
        self.show(check)
