"""Grading: a batch of rollouts in, a batch of verdicts out."""

import json
from collections.abc import Sequence

import pyarrow as pa

from rlsys import schema
from rlsys.config.sandbox import SandboxConfig
from rlsys.config.verifiers import VerifiersConfig
from rlsys.grading.process import VerifierProcess
from rlsys.plugins import PluginFile
from verifiers.base import Completion, Status, Verdict

_COLUMNS = (
    "prompt_text",
    "text",
    "expected",
    "info",
    "source",
    "finish_reason",
    "reasoning_tokens",
)


class Grader:
    """The configured rewards behind `grade`. Building it runs every verifier's self-test.

    Args:
        plugins: the plug-in files as read where the run was started; None: read them here.
    """

    def __init__(
        self,
        config: VerifiersConfig,
        sandbox: SandboxConfig,
        plugins: Sequence[PluginFile] | None = None,
    ) -> None:
        self.process = VerifierProcess(config, sandbox, plugins)

    @property
    def note(self) -> str:
        """How programs are isolated, in one line; empty where none will run."""
        return self.process.note

    def grade(self, rollouts: pa.RecordBatch) -> pa.RecordBatch:
        """A `grades` batch, the same rows in the same order as the `rollouts` batch."""
        schema.check(rollouts, schema.ROLLOUTS)
        return grades_batch(rollouts, self.process.grade(_completions(rollouts)))

    def grade_again(self, rollouts: pa.RecordBatch, grades: pa.RecordBatch) -> pa.RecordBatch:
        """The `grades` batch with the rows that have no verdict graded anew; only those."""
        verdicts = verdicts_of(grades)
        missing = [i for i, v in enumerate(verdicts) if v.status is Status.INFRASTRUCTURE]
        for i, verdict in zip(
            missing, self.process.grade(_completions(rollouts.take(missing))), strict=True
        ):
            verdicts[i] = verdict
        return grades_batch(rollouts, verdicts)

    def close(self) -> None:
        """End the verifiers' processes."""
        self.process.close()


def grades_batch(rollouts: pa.RecordBatch, verdicts: list[Verdict]) -> pa.RecordBatch:
    """Verdicts as a `grades` batch."""
    return schema.build(
        schema.GRADES,
        {
            "group_id": rollouts.column("group_id"),
            "sample_index": rollouts.column("sample_index"),
            "reward": [v.reward for v in verdicts],
            "components": [list(v.components.items()) for v in verdicts],
            "status": [str(v.status) for v in verdicts],
            "reason": [v.reason for v in verdicts],
            "seconds": [v.seconds for v in verdicts],
            "level": [v.level for v in verdicts],
        },
    )


def verdicts_of(grades: pa.RecordBatch) -> list[Verdict]:
    """A `grades` batch as verdicts."""
    return [
        Verdict(
            row["reward"],
            Status(row["status"]),
            row["reason"],
            dict(row["components"]),
            row["seconds"],
            row["level"],
        )
        for row in grades.to_pylist()
    ]


def _completions(rollouts: pa.RecordBatch) -> list[Completion]:
    rows = zip(*(rollouts.column(name).to_pylist() for name in _COLUMNS), strict=True)
    return [
        Completion(prompt, text, json.loads(expected), json.loads(info), source, finish, thinking)
        for prompt, text, expected, info, source, finish, thinking in rows
    ]
