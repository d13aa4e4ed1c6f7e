"""When held-out checks are made: before training, every so many steps beside it, and after it."""

import asyncio
from collections.abc import Callable, Sequence

from rlsys.config.run import RunConfig
from rlsys.data.templates import Prompt
from rlsys.evaluation.curve import Curve
from rlsys.evaluation.heldout import HeldOut, evaluate
from rlsys.loop.fleet import Fleet
from rlsys.loop.retries import Retries


class Checks:
    """The held-out checks of a run, some of them perhaps made by a driver before this one.

    Args:
        curve: the checks that are made go there, and what is there is not made again.
        show: told of every check.
        stage: told what begins.
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
    ) -> None:
        self.fleet, self.config, self.retries = fleet, config, retries
        self.curve, self.show, self.stage = curve, show, stage
        self.final = held_out[: config.evaluation.final_prompts]
        self.between = held_out[: config.evaluation.prompts]

    async def before_training(self, version: int) -> None:
        """The check of the untrained policy; in a resumed run, the one that was under way when its
        last driver ended, unless training has nothing left to do.

        Args:
            version: what the workers hold.
        """
        if version == 0 and self.final and not self.curve.at(0):
            self.stage(f"held-out check before training: {len(self.final)} prompts")
            await self._check(self.final, 0)
        due = self.curve.interrupted(version, self.config.loop.evaluate_every)
        if due and self.between and version < self.config.loop.steps:
            self.stage(f"held-out check of step {due} again, for it was interrupted")
            await self._check(self.between, version)

    async def after_step(
        self, step: int, published: "asyncio.Task[None] | None", tasks: asyncio.TaskGroup
    ) -> "asyncio.Task[None] | None":
        """The check of a step, where one is due: a task of its own, beside the next steps.

        Args:
            published: ends when the workers hold the step's weights; None: they do.
        """
        every = self.config.loop.evaluate_every
        if not (every and step % every == 0 and self.between) or step == self.config.loop.steps:
            return None
        checking = tasks.create_task(self._check_when(published, step), name="held-out check")
        if self.config.run.deterministic:
            await checking
        return checking

    async def after_training(self) -> None:
        """The check of the policy that comes out."""
        steps = self.config.loop.steps
        if self.final and not self.curve.at(steps):
            self.stage(f"held-out check after training: {len(self.final)} prompts")
            await self._check(self.final, steps)

    async def _check_when(self, published: "asyncio.Task[None] | None", step: int) -> None:
        if published is not None:
            await asyncio.wait([published])
        await self._check(self.between, step)

    async def _check(self, prompts: Sequence[Prompt], step: int) -> None:
        check = await evaluate(self.fleet, prompts, self.config, self.retries, step)
        self.curve.add(check)
        self.show(check)
