"""The worker of a frozen policy: the reference, or another that scores completions."""

import numpy as np
import pyarrow as pa
import ray

from actors.member import Member
from rlsys.config.run import LearnerConfig, ReferenceConfig
from rlsys.determinism import make_deterministic
from rlsys.imports import imports
from rlsys.loop.fleet import Scored
from rlsys.schema import list_column
from rlsys.watch.accounting import Accounting


class ReferenceWorker(Member):
    """Scores batches of rollouts under a frozen policy, one at a time.

    Args:
        config: of its role.
        learner: as the policy's own logprobs are computed.
        temperature: of the completions.
        latents: that the policy makes of each prompt.
    """

    def __init__(
        self,
        role: str,
        model_path: str,
        config: ReferenceConfig,
        learner: LearnerConfig,
        temperature: float,
        deterministic: bool,
        latents: int = 0,
    ) -> None:
        self.role, self.model_path = role, model_path
        self.config, self.learner = config, learner
        self.temperature, self.deterministic = temperature, deterministic
        self.latents = latents
        self.accounting = Accounting(idle="rollouts")

    def start(self) -> None:
        """The model is loaded when this returns."""
        # Not at the top: the driver, which makes this class an actor, computes nothing.
        with imports():
            from rlsys.learning.reference import FrozenPolicy
        if self.deterministic:
            make_deterministic()
        self.policy = FrozenPolicy(
            self.role,
            self.model_path,
            self.config,
            self.learner,
            self.temperature,
            self.latents,
        )
        self.accounting = Accounting(idle="rollouts")

    @ray.method(num_returns=2)
    def score(self, rollouts: pa.RecordBatch) -> tuple[pa.RecordBatch, Scored]:
        """A batch of the role's contract, and what the driver may know of it."""
        with self.accounting.busy():
            batch = self.policy.score(rollouts)
            sampler = list_column(rollouts, "rollout_logprobs")
            frozen = list_column(batch, batch.schema.names[-1])
            ratios = [float(np.sum(s - f)) for s, f in zip(sampler, frozen, strict=True)]
        return batch, Scored(logprobs=None, log_ratio=np.array(ratios))

    @ray.method(concurrency_group="control")
    def shutdown(self) -> None:
        """Nothing is held outside this process."""
