"""Batches to train a tiny policy on, with answers of unequal length; the same for every call."""

import numpy as np
import pyarrow as pa

from rlsys import schema

VOCABULARY, GROUPS, SIZE = 41, 4, 3


def training() -> pa.RecordBatch:
    """A `training` batch with a reference, of two minibatches' groups."""
    rng = np.random.default_rng(0)
    rows = GROUPS * SIZE
    prompts = [rng.integers(0, VOCABULARY, 5) for _ in range(GROUPS)]
    answers = [rng.integers(0, VOCABULARY, n) for n in rng.integers(1, 12, rows)]
    columns = {
        "group_id": [i // SIZE for i in range(rows)],
        "sample_index": [i % SIZE for i in range(rows)],
        "prompt_token_ids": [prompts[i // SIZE] for i in range(rows)],
        "token_ids": answers,
        "rollout_logprobs": [rng.uniform(-4.2, -3.2, len(one)) for one in answers],
        "kept_token_ids": [None] * rows,
        "reference_logprobs": [rng.uniform(-4.2, -3.2, len(one)) for one in answers],
        "policy_versions": [np.zeros(len(one)) for one in answers],
        "forced": [np.zeros(len(one), bool) for one in answers],
        "advantages": [np.full(len(a), (-1) ** i, np.float32) for i, a in enumerate(answers)],
        "reward": np.zeros(rows),
    }
    return schema.build(schema.training(("reference_logprobs",)), columns)


def demonstrations() -> pa.RecordBatch:
    """A `demonstrations` batch, each token of it in the loss."""
    rng = np.random.default_rng(5)
    rows = 7
    columns = {
        "prompt_token_ids": [rng.integers(0, VOCABULARY, n) for n in rng.integers(1, 9, rows)],
        "token_ids": [rng.integers(0, VOCABULARY, n) for n in rng.integers(2, 12, rows)],
        "loss_weights": [None] * rows,
    }
    return schema.build(schema.DEMONSTRATIONS, columns)
