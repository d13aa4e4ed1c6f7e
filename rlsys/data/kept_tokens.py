"""What truncated sampling kept: from vLLM's logprobs to the learner's softmax.

With top-k, top-p or min-p an answer is drawn from a policy that gives the whole probability to a
few tokens of each position, and vLLM's processed logprobs are that policy's. Which tokens these are
depends on the weights that sampled, which nobody has when the answer is trained on. So the sampler
lists them, and learner and reference take their softmax over the same tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rlsys.config.run import MOST_KEPT, SamplingConfig
from rlsys.errors import SchemaError

if TYPE_CHECKING:
    from vllm.logprobs import FlatLogprobs

_TIES = 16
"""More than top_k tokens are kept where some are exactly as likely as the last of them: seldom
many, though bfloat16 logits have few values."""
MOST_LISTED = MOST_KEPT + _TIES
"""Logprobs that are asked of a sampler for one position, at most."""


@dataclass(frozen=True)
class KeptTokens:
    """What one answer of T tokens was sampled from."""

    token_ids: np.ndarray
    """Of all positions, end to end."""
    counts: np.ndarray
    """[T] how many of them are of each position: at least the one that was sampled."""


def num_kept(sampling: SamplingConfig, vocabulary: int) -> int:
    """Logprobs to ask for beside the sampled token's own; none for what is not trained on: greedy
    answers, and evaluations that keep more."""
    if not 0 < sampling.top_k <= MOST_KEPT or not sampling.temperature:
        return 0
    return min(sampling.top_k + _TIES, vocabulary)


def sampled_from(listed: FlatLogprobs) -> tuple[np.ndarray, list[np.ndarray] | None]:
    """An answer's logprobs [T], and the tokens kept at each position; None where no more than the
    sampled token's logprob was asked for.

    vLLM lists the sampled token, then the likeliest ones, itself mostly among them again. Tokens
    that were not kept have probability 0.
    """
    starts = np.asarray(listed.start_indices, dtype=np.int64)
    logprobs = np.asarray(listed.logprobs, dtype=np.float32)
    if len(logprobs) == len(starts):
        return logprobs, None
    token_ids = np.asarray(listed.token_ids, dtype=np.int32)
    positions = zip(starts, listed.end_indices, strict=True)
    kept = [np.unique(token_ids[a:b][np.isfinite(logprobs[a:b])]) for a, b in positions]
    return logprobs[starts], kept


def kept_column(batch: pa.RecordBatch) -> list[KeptTokens] | None:
    """The kept tokens of a `rollouts` or `training` batch, a row each; None: nothing was cut off.

    Raises:
        SchemaError: only some rows have them, so the logprobs would be of two kinds.
    """
    column = batch.column("kept_token_ids")
    if column.null_count == batch.num_rows:
        return None
    if column.null_count:
        raise SchemaError(f"{column.null_count} of {batch.num_rows} rows have no kept_token_ids")
    positions = column.values
    starts = positions.offsets.to_numpy()
    token_ids = positions.values.to_numpy()
    of_rows = (starts[first : last + 1] for first, last in pairwise(column.offsets.to_numpy()))
    return [KeptTokens(token_ids[row[0] : row[-1]], np.diff(row)) for row in of_rows]


def padded(answers: Sequence[KeptTokens]) -> np.ndarray:
    """[N, K] int64: the kept tokens of all positions of all answers, -1 beyond a position's own."""
    counts = np.concatenate([kept.counts for kept in answers])
    table = np.full((len(counts), max(1, counts.max(initial=0))), -1, dtype=np.int64)
    table[np.arange(table.shape[1]) < counts[:, None]] = np.concatenate(
        [kept.token_ids for kept in answers]
    )
    return table
