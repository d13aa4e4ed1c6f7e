"""An explanation as lines of text. Texts of others stand as Python writes them."""

from collections.abc import Iterator

from rlsys.inquiry.explain import OUTCOME, Change, Explanation
from rlsys.inquiry.figures import Row
from rlsys.observe.columns import figure

_TEXT = 100
"""Characters of a completion."""


def lines(name: str, told: Explanation) -> Iterator[str]:
    """Args:
    name: of the run, for the commands that show its completions.
    """
    went = "fell" if told.outcome.after < told.outcome.before else "rose"
    yield (
        f"{name}: steps {told.after[0]} to {told.after[1]} against {told.before[0]} to "
        f"{told.before[1]}; {OUTCOME} {went} from {figure(told.outcome.before)} to "
        f"{figure(told.outcome.after)}"
    )
    yield ""
    nothing = "nothing: " + (
        "what changed may all be effects" if went == "fell" else "the reward did not fall"
    )
    for sentence in told.points_to or [nothing]:
        yield f"points to  {sentence}"
    yield ""
    if not told.changes:
        yield f"none of {told.unchanged} figures changed beyond its noise"
        return
    yield (
        f"what changed beyond its noise ({told.unchanged} other figures did not), first things "
        "first:"
    )
    for change in told.changes:
        yield _change(change)
        for step, row in change.examples:
            yield f"      {_example(name, step, row)}"


def _change(change: Change) -> str:
    found = change.found
    return (
        f"  step {change.at:<5} {change.cause:<15} {change.name!r}: {figure(found.before)} -> "
        f"{figure(found.after)}"
    )


def _example(name: str, step: int, row: Row) -> str:
    reward = "no reward" if row["reward"] is None else f"reward {row['reward']:.3g}"
    return (
        f"rlsys trace {name} {step} {row['group_id']} {row['sample_index']}  {row['status']}, "
        f"{reward}, {row['reason']!r}: {row['text'][:_TEXT]!r}"
    )
