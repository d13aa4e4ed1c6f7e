"""An evaluation's figures by name, as a manifest holds them and a gate asks for them.

    pass_at_1, pass_at_16, cons_at_16          with their intervals
    mean_tokens, right_tokens, wrong_tokens    of completions, thinking included
    thinking_tokens, truncated, problems
    english, one_language, ...                 marks of the benchmark's own, with their intervals

Where there are several results, their key stands before: `gsm8k/t0.6/pass_at_1`; where there are
several policies, their number before that: `policy_2/pass_at_1`.
"""

from collections.abc import Iterator, Sequence

from rlsys.config.benchmarks import BenchmarksConfig
from rlsys.evaluation.catalog import find
from rlsys.evaluation.cut import Cut
from rlsys.evaluation.estimators import ladder_of
from rlsys.evaluation.plan import settings
from rlsys.evaluation.results import Result
from rlsys.lineage.manifest import Figure

PLAIN = (
    *("mean_tokens", "right_tokens", "wrong_tokens"),
    *("thinking_tokens", "truncated", "problems"),
)
"""One number each; all others have an interval."""


def figures_of(policies: Sequence[Sequence[Result]]) -> dict[str, Figure]:
    """Of the results of each policy."""
    return {
        f"{before}{name}": figure
        for before, results in zip(_before(len(policies)), policies, strict=True)
        for name, figure in figures(results).items()
    }


def figures(results: Sequence[Result]) -> dict[str, Figure]:
    """Of all results of a policy. What was not measured is absent: lengths of wrong answers without
    any."""
    found: dict[str, Figure] = {}
    for result in results:
        before = f"{result.key}/" if len(results) > 1 else ""
        found |= {f"{before}{name}": figure for name, figure in _of(result)}
    return found


def figure_names(plan: BenchmarksConfig) -> list[str]:
    """What an evaluation can measure.

    Raises:
        ConfigError: there is no such benchmark.
    """
    cut = Cut(plan.top_k, plan.top_p, plan.min_p)
    chosen = settings(plan.temperatures, plan.budgets, plan.samples, 1, cut)
    keys = [(f"{one.name}/{s.name}/", s, one) for one in find(plan.names) for s in chosen]
    if len(keys) == 1:
        keys = [("", *keys[0][1:])]
    return [
        f"{before}{key}{name}"
        for before in _before(len(plan.policies) or 1)
        for key, setting, benchmark in keys
        for name in (*_names(setting.samples), *benchmark.marks)
    ]


def _before(policies: int) -> list[str]:
    """What stands before the names of each policy's figures: as a manifest names what was read."""
    return [""] if policies == 1 else [f"policy_{n}/" for n in range(1, policies + 1)]


def _names(samples: int) -> list[str]:
    by_k = [f"{kind}_at_{k}" for kind in ("pass", "cons") for k in ladder_of(samples)]
    return [*by_k, *PLAIN]


def _of(result: Result) -> Iterator[tuple[str, Figure]]:
    for kind, values in (("pass", result.pass_at), ("cons", result.cons_at)):
        for k, one in values.items():
            yield f"{kind}_at_{k}", {"mean": one.mean, "low": one.low, "high": one.high}
    for name, one in result.marks.items():
        yield name, {"mean": one.mean, "low": one.low, "high": one.high}
    lengths, usage = result.lengths, result.usage
    for name, some in (("right_tokens", lengths.right), ("wrong_tokens", lengths.wrong)):
        if some.size:
            yield name, float(some.mean())
    completions = max(1, usage.requests)
    yield "mean_tokens", (usage.thinking_tokens + usage.answer_tokens) / completions
    yield "thinking_tokens", result.mean_thinking
    yield "truncated", result.truncated
    yield "problems", result.problems
