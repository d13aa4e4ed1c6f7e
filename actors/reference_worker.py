"""The reference worker: a ReferenceEngine as a Ray actor."""

import numpy as np
import pyarrow as pa
import ray

from actors.member import Member
from rlsys.config.run import RunConfig
from rlsys.determinism import make_deterministic
from rlsys.imports import imports
from rlsys.loop.fleet import Scored
from rlsys.schema import list_column
from rlsys.watch.clock import Clock


class ReferenceWorker(Member):
    """Scores batches of rollouts under the frozen initial policy, one at a time."""

    def __init__(self, model_path: str, config: RunConfig) -> None:
        self.model_path, self.config = model_path, config
        self.clock = Clock(idle="rollouts")

    def start(self) -> None:
        """The model is loaded when this returns."""
        # Not at the top: the driver, which makes this class an actor, computes nothing.
        with imports():
            from rlsys.learning.reference import ReferenceEngine
        config = self.config
        if config.run.deterministic:
            make_deterministic()
        self.engine = ReferenceEngine(
            self.model_path, config.reference, config.learner, config.sampling.temperature
        )
        self.clock = Clock(idle="rollouts")

    @ray.method(num_returns=2)
    def score(self, rollouts: pa.RecordBatch) -> tuple[pa.RecordBatch, Scored]:
        """A `reference` batch, and what the driver may know of it."""
        with self.clock.busy():
            batch = self.engine.score(rollouts)
            sampler = list_column(rollouts, "rollout_logprobs")
            frozen = list_column(batch, "reference_logprobs")
            ratios = [float(np.sum(s - f)) for s, f in zip(sampler, frozen, strict=True)]
        return batch, Scored(logprobs=None, log_ratio=np.array(ratios))

    @ray.method(concurrency_group="control")
    def shutdown(self) -> None:
        """Nothing is held outside this process."""
