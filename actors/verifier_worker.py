"""The verifier worker: a VerifierEngine as a Ray actor."""

import numpy as np
import pyarrow as pa
import ray

from rlsys.config.verifiers import VerifiersConfig
from rlsys.engines.verifier_engine import VerifierEngine
from rlsys.loop.clock import Clock, Times
from rlsys.loop.fleet import Scored
from verifiers.base import Status


class VerifierWorker:
    """Grades batches of rollouts, one at a time."""

    def __init__(self, config: VerifiersConfig) -> None:
        self.engine = VerifierEngine(config)
        self.clock = Clock(idle="rollouts")

    def start(self) -> None:
        """The self-test has passed when this returns."""
        self.clock = Clock(idle="rollouts")

    @ray.method(num_returns=2)
    def grade(self, rollouts: pa.RecordBatch) -> tuple[pa.RecordBatch, Scored]:
        """Verdicts, and what the driver may know of them."""
        with self.clock.busy():
            batch = self.engine.grade(rollouts)
        statuses = batch.column("status").to_pylist()
        reasons = batch.column("reason").to_pylist()
        rows = [dict(pairs) for pairs in batch.column("components").to_pylist()]
        names = sorted({name for row in rows for name in row})
        return batch, Scored(
            scores=None,
            rewards=batch.column("reward").to_numpy(zero_copy_only=False).astype(np.float64),
            correct=np.array([s == Status.CORRECT for s in statuses]),
            components={n: np.array([row.get(n, np.nan) for row in rows]) for n in names},
            infrastructure=[
                r for s, r in zip(statuses, reasons, strict=True) if s == Status.INFRASTRUCTURE
            ],
        )

    def times(self) -> Times:
        """Busy and waits since the start."""
        return self.clock.times()

    def shutdown(self) -> None:
        """End the verifiers' own processes."""
        self.engine.close()
