"""What a request used and what it costs: prompt, thinking and answer tokens.

Thinking tokens are billed as output tokens, as commercial reasoning APIs do, and they occupy the
context window while the completion is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rlsys.config.ranges import Range
from rlsys.disk import parquet_errors
from rlsys.errors import ConfigError, DataError, instead

_PER = 1_000_000
_USD = Range(least=0)
_COLUMNS = ("prompt_token_ids", "reasoning_tokens", "answer_tokens", "source")


@dataclass(frozen=True)
class Usage:
    """Tokens of one request, or of many together."""

    prompt_tokens: int = 0
    thinking_tokens: int = 0
    answer_tokens: int = 0
    requests: int = 0

    @property
    def output_tokens(self) -> int:
        """What is billed as output: thinking and answer."""
        return self.thinking_tokens + self.answer_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.thinking_tokens + other.thinking_tokens,
            self.answer_tokens + other.answer_tokens,
            self.requests + other.requests,
        )

    def thinking_share(self, context: int) -> float:
        """Share of the context window that thinking took, the mean over requests."""
        return self.thinking_tokens / (max(1, self.requests) * context)


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float

    def cost(self, usage: Usage) -> float:
        """US dollars."""
        billed = usage.prompt_tokens * self.input + usage.output_tokens * self.output
        return billed / _PER


def total(usages: Iterable[Usage]) -> Usage:
    """The sum."""
    return sum(usages, Usage())


def used(samples: Path) -> dict[str, Usage]:
    """What the completions below a folder of samples used, by the source of their prompts: an
    evaluation's, or a training run's, with those that were dropped or held out.

    Raises:
        DataError: there are none, or one is not whole.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: dict[str, Usage] = {}
    for file in sorted(samples.rglob("*.parquet")):
        with parquet_errors(file):
            table = pq.read_table(file, columns=list(_COLUMNS))
        lengths = pc.list_value_length(table.column("prompt_token_ids"))
        table = table.set_column(0, "prompt_token_ids", lengths).group_by("source")
        sums = [(name, "sum") for name in _COLUMNS[:3]]
        for row in table.aggregate([*sums, ("source", "count")]).to_pylist():
            prompt, thinking, answer = (row[f"{name}_sum"] for name in _COLUMNS[:3])
            more = Usage(prompt, thinking, answer, row["source_count"])
            found[row["source"]] = found.get(row["source"], Usage()) + more
    if not found:
        raise DataError(
            f"{samples}: no samples (*.parquet); name a run's or an evaluation's folder"
        )
    return found


def read_price(table: Path, model: str) -> Price:
    """A model's price from a YAML table `{model: {input: 0.5, output: 2.0}}`.

    Raises:
        ConfigError: the file is missing or no YAML, the model is not in it, or a price is not a
            number of at least 0.
    """
    from omegaconf import OmegaConf

    from rlsys.config.yaml_files import read_yaml

    if not table.is_file():
        raise ConfigError(f"price table {table}: no such file")
    prices = cast(dict[str, Any], OmegaConf.to_container(read_yaml(table, "price table")))
    if model not in prices:
        raise ConfigError(
            f"price table {table}: no model {model!r}{instead(model, map(str, prices))}"
        )
    entry = prices[model]
    values = []
    for side in ("input", "output"):
        value = entry.get(side) if isinstance(entry, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or _USD.refusal(value):
            raise ConfigError(
                f"price table {table}: {model}.{side}={value!r} must be US dollars per million "
                "tokens, a finite number of 0 or more"
            )
        values.append(float(value))
    return Price(*values)
