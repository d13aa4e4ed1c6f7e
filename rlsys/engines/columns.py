"""List columns of a batch as arrays."""

from itertools import pairwise

import numpy as np
import pyarrow as pa


def list_column(batch: pa.RecordBatch, name: str) -> list[np.ndarray]:
    """A list column as one array per row, views of the batch where Arrow allows."""
    column = batch.column(name)
    values = column.values.to_numpy(zero_copy_only=False)
    offsets = column.offsets.to_numpy()
    return [values[a:b] for a, b in pairwise(offsets)]
