"""Importing large libraries without Python's garbage collector.

vLLM, transformers and DeepSpeed bring a million objects that live as long as the process. Left to
itself the collector looks at them again and again while they are imported, a third of the time that
vLLM takes, and once more in each full collection from then on: 0.7 s in which an event loop stands
still.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports() -> Iterator[None]:
    """Nothing is collected in the block, and what lives at its end is never looked at again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
