"""Stretches of a packed row whose tokens attend to their context and to each other, causally."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """Tokens [start, start + size) of the row, whose context (none, or a shared prompt) is
    [context, context + context_size), which ends where the segment's positions begin."""

    start: int
    size: int
    context: int = 0
    context_size: int = 0
