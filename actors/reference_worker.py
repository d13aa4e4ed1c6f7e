"""The reference worker: a ReferenceEngine as a Ray actor."""

import numpy as np
import pyarrow as pa
import ray

from actors.member import Member
from rlsys.config.schema import RunConfig
from rlsys.engines.columns import list_column
from rlsys.engines.determinism import make_deterministic
from rlsys.imports import imports
from rlsys.loop.clock import Clock
from rlsys.loop.fleet import Referenced


class ReferenceWorker(Member):
    """Scores batches of rollouts under the frozen initial policy, one at a time."""

    def __init__(self, model_path: str, config: RunConfig) -> None:
        self.model_path, self.config = model_path, config
        self.clock = Clock(idle="rollouts")

    def start(self) -> None:
        """The model is loaded when this returns."""
        # Not at the top: the driver, which makes this class an actor, computes nothing.
        with imports():
            from rlsys.engines.reference_engine import ReferenceEngine
        config = self.config
        if config.run.deterministic:
            make_deterministic()
        self.engine = ReferenceEngine(
            self.model_path, config.reference, config.learner, config.sampling.temperature
        )
        self.clock = Clock(idle="rollouts")

    @ray.method(num_returns=2)
    def score(self, rollouts: pa.RecordBatch) -> tuple[pa.RecordBatch, Referenced]:
        """A `reference` batch, and what the driver may know of it."""
        with self.clock.busy():
            batch = self.engine.score(rollouts)
            sampler = list_column(rollouts, "rollout_logprobs")
            frozen = list_column(batch, "reference_logprobs")
            kl = [float(np.sum(s - f)) for s, f in zip(sampler, frozen, strict=True)]
        return batch, Referenced(reference=None, kl=np.array(kl))

    @ray.method(concurrency_group="control")
    def shutdown(self) -> None:
        """Nothing is held outside this process."""
