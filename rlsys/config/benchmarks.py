"""What `rlsys eval` asks of a model; training does not read it."""

from dataclasses import dataclass, field

from rlsys.config.ranges import KEY, Range, ranged
from rlsys.config.thinking import require_budget_in
from rlsys.errors import ConfigError


@dataclass
class BenchmarksConfig:
    """The plan of an evaluation. Each has an option on the command line, which wins."""

    policies: list[str] = field(default_factory=list)
    """Models to evaluate in turn, in the place of model.path; those that differ in their weights
    alone have one fleet. As arguments of `rlsys eval`, they win."""
    names: list[str] = field(default_factory=lambda: ["arithmetic"])
    """Of `rlsys benchmarks list`, or files. arithmetic needs no file."""
    data: str = "data"
    """Folder that holds the benchmarks' files."""
    samples: int = ranged(8, least=1)
    """Completions per problem."""
    temperatures: list[float] = field(default_factory=lambda: [0.6], metadata={KEY: Range(least=0)})
    """0 is greedy."""
    top_k: int = ranged(0, least=0)
    """Only the k likeliest tokens; 0: all. Those of training play no part here, nor does its bound:
    nobody trains on these completions."""
    top_p: float = ranged(1.0, above=0, most=1)
    """Only the likeliest tokens of this much probability together; 1: all."""
    min_p: float = ranged(0.0, least=0, below=1)
    """Only tokens that are at least this times as likely as the likeliest; 0: all."""
    budgets: list[int | None] = field(
        default_factory=lambda: [None], metadata={KEY: Range(least=0)}
    )
    """Thinking tokens at most; null: no limit."""
    instruction: str = ""
    """Says the budget in the prompt, as in 'Think for at most {budget} tokens.'; empty: unsaid."""
    max_tokens: int = ranged(0, least=0)
    """Completion tokens at most; 0: as each benchmark says."""
    max_context: int | None = ranged(None, least=1)
    """Tokens of prompt and completion together; null: as many as the model reads. model.max_context
    of a file is that of training, and plays no part."""
    limit: int = ranged(0, least=0)
    """First problems of each benchmark only; 0: all."""
    out: str = ""
    """Folder of the result, continued where it exists; empty: `eval-NAME` in run.directory, after
    the run or the model, numbered where one of that name has another plan."""
    prices: str = ""
    """Price table; empty: configs/eval/prices.yaml."""
    price_of: str = "local"
    """Whose prices of the table."""


def validate(config: BenchmarksConfig) -> None:
    """Raise ConfigError where there would be nothing to measure, or a budget would not be said."""
    for name in ("names", "temperatures", "budgets"):
        if not getattr(config, name):
            raise ConfigError(f"benchmarks.{name}=[]: must have at least one entry")
    if config.instruction:
        require_budget_in(config.instruction, "benchmarks.instruction")
