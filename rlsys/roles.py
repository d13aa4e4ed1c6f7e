"""The members of a fleet by name, and what each of them says about a completion.

A group batch's completions are annotated: every role adds an Arrow batch of its own contract, a
row for each.

    rollout    -> rollouts    tokens, their logprobs and versions, text
    verifier   -> grades      reward, components, status
    reference  -> reference   reference_logprobs, per token
    teacher    -> teacher     teacher_logprobs, per token

What a learner's objective needs is named by its column; the role that brings it follows. With an
adapter (learner.lora), or the reference on its ranks (learner.holds_reference), the learner says
what the reference would, in a batch of the same contract.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from rlsys import schema
from rlsys.errors import ConfigError

LEARNER, ROLLOUT, VERIFIER, REFERENCE = "learner", "rollout", "verifier", "reference"
TEACHER = "teacher"
DRIVER = "driver"
"""No member: it leads them, and works on a core of its machine."""

CONTRACTS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        ROLLOUT: schema.ROLLOUTS,
        VERIFIER: schema.GRADES,
        REFERENCE: schema.REFERENCE,
        TEACHER: schema.logprobs_of(TEACHER),
    }
)
"""By role, what its batches hold."""

SCORERS = (REFERENCE, TEACHER)
"""Those that score completions under a frozen policy: they bring a logprob of each token."""

Annotations = Mapping[str, Any]
"""By role, the ref of its batch: a Ray ObjectRef or, in a test, the batch itself."""
Annotated = Mapping[str, pa.RecordBatch]
"""By role, the batch itself. A role that said nothing is not there."""


def role_of(column: str) -> str:
    """Who brings a column of the `training` batch.

    Raises:
        ConfigError: nobody does; lists what there is.
    """
    for role, contract in CONTRACTS.items():
        if column in contract.names:
            return role
    there = sorted({name for contract in CONTRACTS.values() for name in contract.names})
    raise ConfigError(f"no role brings the column {column!r}; there are: {', '.join(there)}")
