"""How long a completion may, and has to, think: limits as a request carries them.

max_reasoning_tokens  int, thinking tokens at most
min_reasoning_tokens  int, thinking tokens at least
thinking_opened       bool, whether the prompt ends inside a block; found in the prompt's
                      tokens where it is not said
"""

from dataclasses import dataclass
from typing import Any

MOST, LEAST, OPENED = "max_reasoning_tokens", "min_reasoning_tokens", "thinking_opened"


@dataclass(frozen=True)
class Limits:
    """How long to think, in tokens; the tags count."""

    most: int | None = None
    """At this many the block is closed; None: no upper limit."""
    least: int = 0
    """Before this many it cannot be closed, nor the completion end."""

    @property
    def free(self) -> bool:
        """Nothing is controlled."""
        return self.most is None and not self.least


def extra_args(limits: Limits, opened: bool) -> dict[str, Any] | None:
    """What to put into SamplingParams.extra_args; None where nothing is limited."""
    if limits.free:
        return None
    args: dict[str, Any] = {LEAST: limits.least, OPENED: opened}
    return args if limits.most is None else args | {MOST: limits.most}


def limits_of(args: dict[str, Any] | None) -> Limits:
    """The limits that a request asks for.

    Raises:
        ValueError: one is not a whole number of at least 0, or the lower is above the upper.
    """
    found = {}
    for name in (MOST, LEAST):
        value = (args or {}).get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"{name}={value!r}: must be a whole number of tokens, 0 or more")
        found[name] = value
    most, least = found.get(MOST), found.get(LEAST, 0)
    if most is not None and least > most:
        raise ValueError(f"{LEAST}={least} is above {MOST}={most}")
    return Limits(most, least)
