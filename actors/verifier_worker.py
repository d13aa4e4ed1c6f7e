"""The verifier worker: a VerifierEngine as a Ray actor."""

import numpy as np
import pyarrow as pa
import ray

from actors.member import Member
from rlsys.config.sandbox import SandboxConfig
from rlsys.config.verifiers import VerifiersConfig
from rlsys.grading.batches import VerifierEngine
from rlsys.loop.fleet import Graded
from rlsys.plugins import PluginFile
from rlsys.watch.clock import Clock
from verifiers.base import Status
from verifiers.faults import quoted


class VerifierWorker(Member):
    """Grades batches of rollouts, one at a time."""

    def __init__(
        self, config: VerifiersConfig, sandbox: SandboxConfig, plugins: list[PluginFile]
    ) -> None:
        self.config, self.sandbox, self.plugins = config, sandbox, plugins
        self.clock = Clock(idle="rollouts")

    def start(self) -> str:
        """The self-test has passed when this returns; says how programs are isolated."""
        self.engine = VerifierEngine(self.config, self.sandbox, self.plugins)
        self.clock = Clock(idle="rollouts")
        return self.engine.note

    @ray.method(num_returns=2)
    def grade(self, rollouts: pa.RecordBatch) -> tuple[pa.RecordBatch, Graded]:
        """Verdicts, and what the driver may know of them."""
        with self.clock.busy():
            return _with_metadata(rollouts, self.engine.grade(rollouts))

    @ray.method(num_returns=2)
    def grade_again(
        self, rollouts: pa.RecordBatch, scores: pa.RecordBatch
    ) -> tuple[pa.RecordBatch, Graded]:
        """The same after another try at the rows that another worker had no verdict on."""
        with self.clock.busy():
            return _with_metadata(rollouts, self.engine.grade_again(rollouts, scores))

    @ray.method(concurrency_group="control")
    def shutdown(self) -> None:
        """End the verifiers' own processes."""
        self.engine.close()


def _with_metadata(
    rollouts: pa.RecordBatch, scores: pa.RecordBatch
) -> tuple[pa.RecordBatch, Graded]:
    texts = rollouts.column("text")
    statuses = scores.column("status").to_pylist()
    reasons = scores.column("reason").to_pylist()
    rows = [dict(pairs) for pairs in scores.column("components").to_pylist()]
    names = sorted({name for row in rows for name in row})
    return scores, Graded(
        grades=None,
        rewards=scores.column("reward").to_numpy(zero_copy_only=False).astype(np.float64),
        correct=np.array([s == Status.CORRECT for s in statuses]),
        components={n: np.array([row.get(n, np.nan) for row in rows]) for n in names},
        infrastructure=[
            f"{reason}; the answer: {quoted(texts[row].as_py())}"
            for row, (status, reason) in enumerate(zip(statuses, reasons, strict=True))
            if status == Status.INFRASTRUCTURE
        ],
        statuses=tuple(statuses),
    )
