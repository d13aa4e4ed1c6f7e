"""What an attention plan says, written out."""

import torch

from rlsys.learning.attention import AttentionPlan


def who_sees_whom(plan: AttentionPlan) -> torch.Tensor:
    """[S, S] bool: row by row, the tokens that each token attends to."""
    size = len(plan.place)
    rows = []
    for bucket in plan.buckets:
        n, queries = bucket.queries.shape
        keys = bucket.keys.shape[1]
        mask = bucket.mask
        if mask is None:
            mask = torch.ones(n, 1, queries, keys, dtype=torch.bool).tril()
        seen = torch.zeros(n, queries, size, dtype=torch.long)
        index = bucket.keys[:, None, :].expand(n, queries, keys)
        rows.append(seen.scatter_add(2, index, mask[:, 0].long()).flatten(0, 1))
    table = torch.cat(rows)[plan.place]
    assert int(table.max()) == 1, "a key is counted twice"
    return table.bool()
