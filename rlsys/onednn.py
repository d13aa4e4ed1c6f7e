"""How many kernels oneDNN keeps in a process on CPUs."""

import os

_CAPACITIES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
"""Of torch's cache, and of oneDNN's own below it."""
_KEPT = 128
"""A row's products, forward and backward, of layers that are alike: they are some 15, and more of
experts, each of which has its own number of tokens."""


def few_kernels() -> dict[str, str]:
    """Environment variables for a process whose rows have ever other lengths, unless the
    environment says otherwise.

    In bfloat16 oneDNN makes a kernel for each shape, half a megabyte each, and 1,024 are kept in
    either cache: a learner of rows up to 2,000 tokens grew by 1 GB, for kernels that are not met
    again (docs/performance.md).
    """
    return {name: os.environ.get(name, str(_KEPT)) for name in _CAPACITIES}
