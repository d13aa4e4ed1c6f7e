"""The Arrow contracts: one schema per message that travels between fleet members.

A batch holds whole groups. Its schema's metadata carries the contract's name and version, so a
reader can refuse a batch of another kind instead of misreading it. The same batches are what is
written to disk as samples.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from rlsys.errors import SchemaError

VERSION = 1

_i32_list = pa.list_(pa.int32())
_f32_list = pa.list_(pa.float32())
_bool_list = pa.list_(pa.bool_())
_i32_lists = pa.list_(_i32_list)


def _schema(name: str, fields: list[tuple[str, pa.DataType]]) -> pa.Schema:
    return pa.schema(fields, metadata={"rlsys.contract": name, "rlsys.version": str(VERSION)})


PROMPTS = _schema(
    "prompts",
    [
        ("prompt_id", pa.string()),
        ("source", pa.string()),
        ("text", pa.string()),
        ("token_ids", _i32_list),
        ("expected", pa.string()),  # JSON: the value that a verifier compares with
        ("info", pa.string()),  # JSON object: what a verifier needs beside it
        ("difficulty", pa.float32()),
        ("token_budget", pa.int32()),
    ],
)

ROLLOUTS = _schema(
    "rollouts",
    [
        ("prompt_id", pa.string()),
        ("group_id", pa.int64()),
        ("sample_index", pa.int32()),
        ("source", pa.string()),
        ("prompt_text", pa.string()),
        ("expected", pa.string()),
        ("info", pa.string()),
        ("difficulty", pa.float32()),
        ("prompt_token_ids", _i32_list),
        ("token_ids", _i32_list),
        ("rollout_logprobs", _f32_list),  # per token, nats, under the sampling transform
        ("kept_token_ids", _i32_lists),  # per token: what top-k, top-p, min-p left; null: not asked
        ("policy_versions", _i32_list),  # per token
        ("latent_version", pa.int32()),  # that made the prompt's latents; null: there are none
        ("forced", _bool_list),  # per token, true where a thinking limit wrote it, not the policy
        ("finish_reason", pa.string()),  # stop | length
        ("text", pa.string()),
        ("reasoning_tokens", pa.int32()),
        ("answer_tokens", pa.int32()),
        ("worker", pa.string()),
        ("sampled_s", pa.float64()),  # from admission to the last token
    ],
)

GRADES = _schema(
    "grades",
    [
        ("group_id", pa.int64()),
        ("sample_index", pa.int32()),
        ("reward", pa.float32()),  # null where status is infrastructure
        ("components", pa.map_(pa.string(), pa.float32())),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("seconds", pa.float32()),
        ("level", pa.string()),  # isolation of the graded program; empty where none ran
    ],
)


def logprobs_of(role: str) -> pa.Schema:
    """What a frozen policy says of completions: logprobs of each token, nats, named by its role."""
    return _schema(
        role,
        [
            ("group_id", pa.int64()),
            ("sample_index", pa.int32()),
            (f"{role}_logprobs", _f32_list),
        ],
    )


REFERENCE = logprobs_of("reference")

_TRAINING = [
    ("group_id", pa.int64()),
    ("sample_index", pa.int32()),
    ("prompt_token_ids", _i32_list),
    ("token_ids", _i32_list),
    ("rollout_logprobs", _f32_list),
    ("kept_token_ids", _i32_lists),
    ("policy_versions", _i32_list),
    ("forced", _bool_list),  # true: masked out of the loss
    ("advantages", _f32_list),  # per token; null: the row is masked out of the loss
    ("reward", pa.float32()),
]


def training(columns: Sequence[str] = ()) -> pa.Schema:
    """What a learner trains on: the columns that every objective may read, and those that one asks
    of other roles by name, numbers per token."""
    return _schema("training", [*_TRAINING, *((name, _f32_list) for name in columns)])


TRAINED: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "log_ratio": _f32_list,  # per token: log pi_theta - log pi_rollout as it was trained, nats
        "clip": pa.list_(pa.int8()),  # per token: a Clip; null in both: the token was not trained
        "advantages": _f32_list,  # per token; null: `advantage` is that of all tokens
        "minibatch": pa.int32(),  # which of the step's updates, from 0
        "rank": pa.int32(),  # of the learner
        "microbatch": pa.int32(),  # of that rank in that minibatch, from 0
    }
)
"""Columns of the samples that say what training made of a completion; null: it took no part."""


class Clip(IntEnum):
    """What the trust region and the off-policy correction did with a token."""

    none = 0
    low = 1
    """Clipped: the policy has gone far enough away from what is punished."""
    high = 2
    """Clipped: the policy has gone far enough towards what is rewarded."""
    dual = 3
    """The loss was limited by algorithm.clip.dual."""
    truncated = 4
    """Its importance weight was."""
    left_out = 5
    """Its importance weight was out of range."""


DEMONSTRATIONS = _schema(
    "demonstrations",
    [
        ("prompt_token_ids", _i32_list),
        ("token_ids", _i32_list),
        ("loss_weights", _f32_list),  # per token, 0: masked out of the loss; null: 1 everywhere
    ],
)


PAIRS = _schema(
    "pairs",
    [
        ("prompt_token_ids", _i32_list),  # what both sides begin with
        ("chosen_token_ids", _i32_list),
        ("rejected_token_ids", _i32_list),
    ],
)


def build(schema: pa.Schema, columns: Mapping[str, Sequence[Any]]) -> pa.RecordBatch:
    """Make a record batch of a contract from one sequence per column.

    Raises:
        SchemaError: a column is missing, unknown or of another type.
    """
    name = contract_name(schema)
    missing = [f for f in schema.names if f not in columns]
    unknown = [c for c in columns if c not in schema.names]
    if missing or unknown:
        raise SchemaError(f"{name}: missing columns {missing}, unknown columns {unknown}")
    try:
        arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)
    except (ValueError, pa.ArrowTypeError) as error:  # ArrowInvalid is a ValueError
        raise SchemaError(f"{name}: {error}") from error


def check(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch if it is of this contract and version, else raise SchemaError."""
    if not batch.schema.equals(schema, check_metadata=True):
        raise SchemaError(
            f"expected a {contract_name(schema)} batch (version {VERSION}), "
            f"got {contract_name(batch.schema)} with columns {batch.schema.names}"
        )
    return batch


def contract_name(schema: pa.Schema) -> str:
    """The contract that a schema declares in its metadata."""
    return (schema.metadata or {}).get(b"rlsys.contract", b"unnamed").decode()


def list_column(batch: pa.RecordBatch, name: str) -> list[np.ndarray]:
    """A list column as one array per row, views of the batch where Arrow allows."""
    column = batch.column(name)
    values = column.values.to_numpy(zero_copy_only=False)
    offsets = column.offsets.to_numpy()
    return [values[a:b] for a, b in pairwise(offsets)]
