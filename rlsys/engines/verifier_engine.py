"""Grading: a batch of rollouts in, a batch of verdicts out."""

import json

import pyarrow as pa

from rlsys import schema
from rlsys.config.verifiers import VerifiersConfig
from verifiers.base import Completion, Verdict
from verifiers.compose import Composite, run_self_test


class VerifierEngine:
    """The configured rewards behind `grade`. Building it runs every verifier's self-test."""

    def __init__(self, config: VerifiersConfig) -> None:
        self.composite = Composite(config)
        run_self_test(self.composite)

    def grade(self, rollouts: pa.RecordBatch) -> pa.RecordBatch:
        """A `scores` batch, the same rows in the same order as the `rollouts` batch."""
        schema.check(rollouts, schema.ROLLOUTS)
        columns = ("prompt_text", "text", "answer", "info", "source", "finish_reason")
        rows = zip(*(rollouts.column(name).to_pylist() for name in columns), strict=True)
        verdicts = self.composite.grade(
            [
                Completion(prompt, text, json.loads(answer), json.loads(info), source, finish)
                for prompt, text, answer, info, source, finish in rows
            ]
        )
        return scores_batch(rollouts, verdicts)

    def close(self) -> None:
        """End the verifiers' own processes."""
        self.composite.close()


def scores_batch(rollouts: pa.RecordBatch, verdicts: list[Verdict]) -> pa.RecordBatch:
    """Verdicts as a `scores` batch."""
    return schema.build(
        schema.SCORES,
        {
            "group_id": rollouts.column("group_id"),
            "sample_index": rollouts.column("sample_index"),
            "reward": [v.reward for v in verdicts],
            "components": [list(v.components.items()) for v in verdicts],
            "status": [str(v.status) for v in verdicts],
            "reason": [v.reason for v in verdicts],
            "seconds": [v.seconds for v in verdicts],
        },
    )
