"""What has to hold of a loss or an estimator, and what became of it.

A property is a sentence and a trial; a trial raises Broken, with what was found, where the sentence
is not true. The tests of the built-in ones and `rlsys algorithms check` run the same:
loss_properties.py, estimator_properties.py.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rlsys.algorithms.contract import Bound, Spec
from rlsys.errors import AlgorithmError
from rlsys.faults import told_if_slow

CLOSE = 1e-9
"""Relative; sums in float64 in another order differ by less."""


class Broken(Exception):
    """A property does not hold; says what was found."""


@dataclass(frozen=True)
class Finding:
    """What became of one property."""

    sentence: str
    passed: bool
    outcome: str


Trials = Mapping[str, Callable[[Bound[Spec]], str]]
"""By sentence; a trial returns what else there is to say."""


def found(trials: Trials[Spec], bound: Bound[Spec]) -> Iterator[Finding]:
    """Each property in turn; a plug-in that fails in one fails that property."""
    for sentence, trial in trials.items():
        try:
            with told_if_slow(f"trying {bound.name!r}: {sentence}", bound.file):
                outcome = trial(bound)
        except (Broken, AlgorithmError) as error:
            yield Finding(sentence, False, str(error))
        else:
            yield Finding(sentence, True, outcome)


def require_close(wanted: ArrayLike, found: ArrayLike, what: str) -> None:
    """Raise Broken where two results that have to be one differ by more than rounding."""
    a, b = np.asarray(wanted, dtype=np.float64), np.asarray(found, dtype=np.float64)
    apart = float(np.abs(a - b).max(initial=0.0))
    if not apart <= CLOSE * max(1.0, float(np.abs(a).max(initial=0.0))):
        raise Broken(f"{what} differs by {apart:.2g}")
