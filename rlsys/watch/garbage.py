"""Python's garbage collector in a driver, which has many objects that live long.

A full collection looks at every living object: with 30,000 groups alive it holds the event loop up
for a quarter of a second, and left to itself it runs once per few thousand groups, a fifth of the
driver's time. What the driver makes per group has no reference cycles, so it is freed without the
collector; cycles come with exceptions, which are few. So young objects are collected as ever, a
little less often, and all of them at the end of every tenth step only.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG, _MIDDLE, _NEVER = 10_000, 10, 1_000_000
_STEPS = 10


@contextmanager
def seldom_collected() -> Iterator[None]:
    """What lives now is not looked at any more, and old objects only by `after_step`."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def after_step(step: int) -> None:
    """Collect everything, at every tenth step."""
    if step % _STEPS == 0:
        gc.collect()
