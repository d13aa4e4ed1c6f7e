"""Truncated sampling as an evaluation or a chat asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlsys.config.ranges import Range
from rlsys.errors import ConfigError


@dataclass(frozen=True)
class Cut:
    """Which tokens may be sampled; as it stands, all."""

    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    @property
    def name(self) -> str:
        """As it stands in the names of settings: `-k20-p0.95`; empty: nothing is cut off."""
        k = f"-k{self.top_k}" if self.top_k else ""
        p = f"-p{self.top_p:g}" if self.top_p != 1 else ""
        return k + p + (f"-m{self.min_p:g}" if self.min_p else "")

    def check(self) -> Cut:
        """The cut itself.

        Raises:
            ConfigError: a share is none, by the name of its option.
        """
        for option, value, limits, off in (
            ("--top-p", self.top_p, Range(above=0, most=1), 1),
            ("--min-p", self.min_p, Range(least=0, below=1), 0),
        ):
            if refusal := limits.refusal(value, off):
                raise ConfigError(f"{option} {value}: {refusal}")
        return self

    @classmethod
    def of_result(cls, result: dict[str, Any]) -> Cut:
        """Of one of results.json's entries; those of before there was a cut name none."""
        return cls(**result.get("cut", {}))


NO_CUT = Cut()
