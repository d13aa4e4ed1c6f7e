"""The rollout worker: a Sampler as an async Ray actor."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from actors.member import AsyncMember
from rlsys.config.run import (
    ModelConfig,
    RolloutConfig,
    SamplingConfig,
    WeightsConfig,
)
from rlsys.config.served import ServedConfig
from rlsys.config.thinking import ThinkingConfig
from rlsys.data.templates import with_budgets
from rlsys.determinism import sampler_seed
from rlsys.loop.fleet import PublishReport, Sampled
from rlsys.sampling.rollout_rows import may_limit
from rlsys.sampling.sampler import Sampler
from rlsys.sampling.served_sampler import ServedSampler
from rlsys.schema import list_column
from rlsys.watch.accounting import TURN, Accounting
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary

_LOOK_S = 0.5
_COUNTED = ("reasoning_tokens", "answer_tokens")


@dataclass(frozen=True)
class RolloutSettings:
    """What a worker needs of a run's settings."""

    model: ModelConfig
    rollout: RolloutConfig
    weights: WeightsConfig
    sampling: SamplingConfig
    thinking: ThinkingConfig
    seed: int
    deterministic: bool
    colocated: bool
    served: ServedConfig


def oldest_versions(rollouts: pa.RecordBatch) -> np.ndarray:
    """[N] the oldest policy version that had a part in each completion: in a token of it, or in the
    latents that all of them stand behind. An update between the two makes the latents older than
    every token, and they are as much of what was sampled from. 0 where no token was seen, as of a
    served model."""
    tokens = [v.min() if len(v) else 0 for v in list_column(rollouts, "policy_versions")]
    latents = rollouts.column("latent_version").to_pylist()
    return np.array([t if z is None else min(t, z) for t, z in zip(tokens, latents, strict=True)])


class RolloutWorker(AsyncMember):
    """Samples groups; pulls and proves new weights while it does."""

    def __init__(
        self,
        name: str,
        model_path: str,
        settings: RolloutSettings,
        index: int,
        incarnation: int,
        seeded: bool,
    ) -> None:
        # A worker on a dead one's seat must not draw the same numbers again; completions with
        # random numbers of their own draw them again wherever they are sampled.
        own = sampler_seed(settings.seed, index, incarnation)
        self.sampler: Sampler | ServedSampler
        if settings.served.url:
            self.sampler = ServedSampler(name, settings.served, settings.seed)
        else:
            self.sampler = Sampler(
                name,
                model_path,
                settings.model,
                settings.rollout,
                settings.weights,
                seed=settings.seed if seeded or settings.deterministic else own,
                seeded=seeded,
                deterministic=settings.deterministic,
                sleeps=settings.colocated,
                latents=settings.thinking.fed_back,
            )
        self.turn = ExitStack()
        """Open while the learner has the GPU."""
        self.settings = settings
        # An evaluation's benchmarks have limits of their own.
        self.always_limits = seeded
        self.moved_at = time.monotonic()
        self.accounting = Accounting(idle="slots")
        self.watch: asyncio.Task[None] | None = None

    async def start(self, prompts: pa.RecordBatch) -> None:
        """Load the model; `prompts` is the table that later calls name rows of."""
        self.prompts = prompts
        settings = self.settings
        limits = may_limit(settings.sampling, settings.thinking, prompts)
        await self.sampler.start(self.always_limits or limits)
        self.watch = asyncio.create_task(self._watch_sampler(), name="watch sampler")
        self.accounting = Accounting(idle="slots")

    @property
    def engine(self) -> Sampler:
        """The sampler, where it is an engine of ours: others take no weights."""
        assert isinstance(self.sampler, Sampler)
        return self.sampler

    async def expect_weights(self, names: list[str], canary: Canary) -> None:
        """The tensors that every update must bring, and the learner's logprobs under the weights
        from disk, by which the model is proved."""
        self.engine.update.names = names
        with self._ending_with_sampler():
            await self.engine.prove_model(canary)

    async def load_policy(self, path: str) -> None:
        """Sample another policy of the same shapes from now on."""
        with self._ending_with_sampler():
            await self.engine.load_policy(path)

    @ray.method(num_returns=2)
    async def sample(
        self,
        group_ids: list[int],
        rows: list[tuple[int, int | None]],
        size: int,
        sampling: SamplingConfig,
    ) -> tuple[pa.RecordBatch, Sampled]:
        """Completions for rows of the prompt table, each with the thinking budget of this moment,
        and what the driver may know of them."""
        numbers, budgets = zip(*rows, strict=True)
        prompts = with_budgets(self.prompts.take(list(numbers)), budgets)
        with self.accounting.busy(), self._ending_with_sampler():
            batch = await self.sampler.sample(prompts, group_ids, size, sampling)
        versions = list_column(batch, "policy_versions")
        return batch, Sampled(
            rollouts=None,
            oldest_version=oldest_versions(batch),
            # A served model's tokens are counted and not seen.
            newest_version=np.array([v.max() if len(v) else 0 for v in versions]),
            num_tokens=sum(batch.column(name).to_numpy() for name in _COUNTED),
            truncated=np.array([r == "length" for r in batch.column("finish_reason").to_pylist()]),
        )

    async def connect_weights(self, init_info: dict[str, Any]) -> None:
        """Meet the learner; for the transports in which it drives the update."""
        await self.engine.update.connect(init_info)

    async def begin_update(self) -> None:
        """Hold sampling up; the learner sends next."""
        await self.engine.update.begin()

    async def receive_weights(self, update_info: dict[str, Any]) -> None:
        """Take in what the learner sends."""
        await self.engine.update.receive(update_info)

    async def update_weights(
        self, manifest: Manifest, canary: Canary, buckets: list[ray.ObjectRef]
    ) -> PublishReport:
        """Hold a published version and prove it; requests in flight go on with it.

        buckets: refs of the bytes; none where the learner has sent them to the sampler itself.
        """
        started = time.monotonic()
        with self.accounting.busy(), self._ending_with_sampler():
            # Views of this node's store: one copy per node, whoever reads it.
            pulled = await asyncio.gather(*buckets)
            self.turn.close()
            with self.accounting.waiting("weights"):
                pause = await self.engine.load(manifest, pulled)
            error = await self.engine.prove_weights(manifest, canary, pulled)
        return PublishReport(
            version=manifest.version,
            pause_s=pause,
            total_s=time.monotonic() - started,
            canary_error=error,
            num_bytes=manifest.total_bytes,
            engine=self.engine.log.take(),
        )

    async def sleep(self) -> None:
        """Give the GPU to the learner; the next update takes it back."""
        self.turn.enter_context(self.accounting.waiting(TURN))
        with self._ending_with_sampler():
            await self.engine.update.sleep()

    @ray.method(concurrency_group="control")
    async def still_s(self) -> float:
        """For how long the sampler has sampled nothing."""
        return time.monotonic() - self.moved_at

    async def _watch_sampler(self) -> None:
        """See when it samples; and end with it, for a call to a sampler that has just died may
        never be answered."""
        seen = self.sampler.sampled_so_far
        while not self.sampler.is_dead:
            await asyncio.sleep(_LOOK_S)
            if self.sampler.sampled_so_far != seen:
                seen, self.moved_at = self.sampler.sampled_so_far, time.monotonic()
        os._exit(1)

    @contextmanager
    def _ending_with_sampler(self) -> Iterator[None]:
        """A worker without a sampler ends, too, so that both kinds of death look the same."""
        try:
            yield
        except Exception:  # whatever vLLM raises when its process is gone
            if self.sampler.is_dead:
                os._exit(1)
            raise

    async def shutdown(self) -> None:
        """End the sampler's process, where one has started."""
        if self.watch is not None:
            self.watch.cancel()
        self.sampler.shutdown()
