"""From what a user asks for to an evaluation that can start: model, prompts, settings, config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsys.config.schema import RunConfig
from rlsys.data.templates import Prompt, tokenize
from rlsys.errors import ConfigError, DataError
from rlsys.evaluation.benchmark import Benchmark
from rlsys.evaluation.model import fingerprint, settle
from rlsys.evaluation.plan import Exam, settings

_LEAST_ANSWER = 16
"""Answer tokens that a prompt must leave room for in the model's context."""


@dataclass(frozen=True)
class Request:
    """What the user asks for; see `rlsys eval --help`."""

    model: str
    benchmarks: tuple[Benchmark, ...]
    data: Path
    samples: int
    temperatures: tuple[float, ...]
    budgets: tuple[int | None, ...]
    max_tokens: int
    """0: as each benchmark says."""
    limit: int
    """First problems of each benchmark; 0: all."""


@dataclass(frozen=True)
class Job:
    """Everything that an evaluation needs to start."""

    model: str
    fingerprint: str
    context: int
    exams: tuple[Exam, ...]
    config: RunConfig

    @property
    def prompts(self) -> list[Prompt]:
        """Of all benchmarks."""
        return [prompt for exam in self.exams for prompt in exam.prompts]


def assemble(
    request: Request, config: Path | None, overrides: Sequence[str], tell: Callable[[str], None]
) -> Job:
    """Load the rows, find the model, make the prompts; no cluster is started.

    Raises:
        ConfigError, DataError: what is asked for does not exist or does not fit together.
    """
    from transformers import AutoTokenizer

    rows = {benchmark.name: benchmark.load(request.data) for benchmark in request.benchmarks}
    settled = settle(request.model, config, overrides, tell)
    model, context = settled.model.path, settled.model.max_context
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"MODEL {request.model}: no tokenizer can be loaded: {reason}") from error
    exams = []
    for benchmark in request.benchmarks:
        chosen = rows[benchmark.name][: request.limit or None]
        prompting = benchmark.prompting(bool(tokenizer.chat_template), context - _LEAST_ANSWER)
        tokenized = tokenize(chosen, prompting, tokenizer)
        if not tokenized.prompts:
            raise DataError(
                f"benchmark {benchmark.name}: no prompt fits the model's context of {context} "
                "tokens"
            )
        wanted = request.max_tokens or benchmark.max_tokens
        most = min(wanted, context - min(len(p.token_ids) for p in tokenized.prompts))
        if most < wanted:
            tell(
                f"{benchmark.name}: prompt and answer share the model's context of {context:,} "
                f"tokens; answers end there, before their {wanted:,} tokens"
            )
        exams.append(
            Exam(
                benchmark,
                tuple(tokenized.prompts),
                tokenized.num_too_long,
                settings(request.temperatures, request.budgets, request.samples, most),
            )
        )
    return Job(model, fingerprint(model), context, tuple(exams), _fit(settled, exams, request.data))


def _fit(config: RunConfig, exams: Sequence[Exam], data: Path) -> RunConfig:
    """The workers' settings for these benchmarks; no more context than the longest prompt and
    answer can take, since the engines reserve memory for it."""
    config.model.max_context = min(
        config.model.max_context,
        max(
            max(len(p.token_ids) for p in exam.prompts) + exam.settings[0].max_tokens
            for exam in exams
        ),
    )
    config.verifiers.rewards = [exam.benchmark.reward(data) for exam in exams]
    return config
