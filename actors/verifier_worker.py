"""The verifier worker: a Grader as a Ray actor."""

from contextlib import ExitStack

import numpy as np
import pyarrow as pa
import ray

from actors.member import Member
from rlsys.config.sandbox import SandboxConfig
from rlsys.config.verifiers import VerifiersConfig
from rlsys.grading.batches import Grader
from rlsys.loop.fleet import Graded
from rlsys.plugins import PluginFile
from rlsys.watch.accounting import Accounting
from verifiers.base import Status
from verifiers.faults import quoted


class VerifierWorker(Member):
    """Grades batches of rollouts, one at a time."""

    def __init__(
        self, config: VerifiersConfig, sandbox: SandboxConfig, plugins: list[PluginFile]
    ) -> None:
        self.config, self.sandbox, self.plugins = config, sandbox, plugins
        self.accounting = Accounting(idle="rollouts")
        self.held = ExitStack()
        """What is to be closed; nothing before the start."""

    def start(self) -> str:
        """The self-test has passed when this returns; says how programs are isolated."""
        self.grader = Grader(self.config, self.sandbox, self.plugins)
        self.held.callback(self.grader.close)
        self.accounting = Accounting(idle="rollouts")
        return self.grader.note

    @ray.method(num_returns=2)
    def grade(self, rollouts: pa.RecordBatch) -> tuple[pa.RecordBatch, Graded]:
        """Verdicts, and what the driver may know of them."""
        with self.accounting.busy():
            return _with_metadata(rollouts, self.grader.grade(rollouts))

    @ray.method(num_returns=2)
    def grade_again(
        self, rollouts: pa.RecordBatch, grades: pa.RecordBatch
    ) -> tuple[pa.RecordBatch, Graded]:
        """The same after another try at the rows that another worker had no verdict on."""
        with self.accounting.busy():
            return _with_metadata(rollouts, self.grader.grade_again(rollouts, grades))

    @ray.method(concurrency_group="control")
    def shutdown(self) -> None:
        """End the verifiers' own processes, where there are any yet."""
        self.held.close()


def _with_metadata(
    rollouts: pa.RecordBatch, grades: pa.RecordBatch
) -> tuple[pa.RecordBatch, Graded]:
    texts = rollouts.column("text")
    statuses = grades.column("status").to_pylist()
    reasons = grades.column("reason").to_pylist()
    rows = [dict(pairs) for pairs in grades.column("components").to_pylist()]
    names = sorted({name for row in rows for name in row})
    return grades, Graded(
        grades=None,
        rewards=grades.column("reward").to_numpy(zero_copy_only=False).astype(np.float64),
        correct=np.array([s == Status.CORRECT for s in statuses]),
        components={n: np.array([row.get(n, np.nan) for row in rows]) for n in names},
        infrastructure=[
            f"{reason}; the completion: {quoted(texts[row].as_py())}"
            for row, (status, reason) in enumerate(zip(statuses, reasons, strict=True))
            if status == Status.INFRASTRUCTURE
        ],
        statuses=tuple(statuses),
    )
