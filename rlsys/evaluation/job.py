"""From what a user asks for to an evaluation that can start: model, prompts, settings, config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlsys.config.model_files import read_config
from rlsys.config.model_names import name_of
from rlsys.config.model_room import cache_problem
from rlsys.config.run import RunConfig
from rlsys.config.tensor_parallel import spread_problems
from rlsys.config.thinking import ThinkingConfig
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt, tokenize, unheard_warning
from rlsys.data.vocabulary import check_vocabulary
from rlsys.errors import ConfigError, DataError
from rlsys.evaluation.benchmark import Benchmark
from rlsys.evaluation.cut import Cut
from rlsys.evaluation.plan import EvalTask, prompt_name, settings
from rlsys.evaluation.sampling_task import distinct, left_out
from rlsys.local_policy.resolve import digest, settings_for
from rlsys.pretrained import load_tokenizer
from rlsys.thinking.budgets import with_instruction

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LEAST_COMPLETION = 16
"""Completion tokens that a prompt must leave room for in the model's context."""


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
    cut: Cut
    instruction: str = ""
    """How the prompt says the budget, with {budget} in it; empty: it does not."""


@dataclass(frozen=True)
class Job:
    """Everything that an evaluation needs to start."""

    name: str
    """Of the run or of the model, short."""
    model: str
    """A folder or a hub id."""
    digest: str
    context: int
    eval_tasks: tuple[EvalTask, ...]
    config: RunConfig

    @property
    def prompts(self) -> list[Prompt]:
        """Of all benchmarks."""
        return [prompt for eval_task in self.eval_tasks for prompt in eval_task.prompts]


def assemble(
    request: Request, config: Path | None, overrides: Sequence[str], notice: Callable[[str], None]
) -> Job:
    """Load the rows, find the model, make the prompts; no cluster is started.

    Raises:
        ConfigError, DataError: what is asked for does not exist or does not fit together.
    """
    rows = {benchmark.name: benchmark.load(request.data) for benchmark in request.benchmarks}
    resolved = settings_for(request.model, config, overrides, notice)
    model = resolved.model.path
    context = resolved.model.max_context - resolved.thinking.fed_back
    tokenizer = load_tokenizer(model, f"MODEL {request.model}")
    eval_tasks = [
        eval_task
        for benchmark in request.benchmarks
        for eval_task in _eval_tasks(
            request,
            benchmark,
            rows[benchmark.name][: request.limit or None],
            tokenizer,
            context,
            notice,
        )
    ]
    prompts = [prompt for eval_task in eval_tasks for prompt in eval_task.prompts]
    check_vocabulary("MODEL", model, tokenizer, prompts)
    return Job(
        name_of(request.model, model),
        model,
        digest(model),
        context,
        tuple(eval_tasks),
        _fit(resolved, eval_tasks, request.data),
    )


def _eval_tasks(
    request: Request,
    benchmark: Benchmark,
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    context: int,
    notice: Callable[[str], None],
) -> Iterator[EvalTask]:
    """One eval_task for all settings; one for each budget where the prompts say it."""
    asked: Sequence[tuple[int | None, ...]] = [request.budgets]
    if request.instruction:
        asked = [(budget,) for budget in request.budgets]
    wanted = request.max_tokens or benchmark.max_tokens
    for budgets in asked:
        said = budgets[0] if request.instruction else None
        prompts, left_out = _prompts(request, benchmark, rows, tokenizer, context, said, notice)
        most = min(wanted, context - min(len(p.token_ids) for p in prompts))
        if most < wanted:
            notice(
                f"{benchmark.name}: prompt and completion share the model's context of {context:,} "
                f"tokens; completions end there, before their {wanted:,} tokens"
            )
        chosen = settings(request.temperatures, budgets, request.samples, most, request.cut)
        yield EvalTask(benchmark, prompts, left_out, chosen)


def _prompts(
    request: Request,
    benchmark: Benchmark,
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    context: int,
    said: int | None,
    notice: Callable[[str], None],
) -> tuple[tuple[Prompt, ...], int]:
    """The prompts that fit the context, each once, and how many do not. A prompt that says its
    budget has a name of its own."""
    prompting = benchmark.prompting(bool(tokenizer.chat_template), context - _LEAST_COMPLETION)
    thinking = ThinkingConfig(in_prompt=True, instruction=request.instruction)
    told = [with_instruction(row, said, thinking) for row in rows]
    try:
        tokenized = tokenize(told, prompting, tokenizer)
    except DataError as error:
        raise DataError(
            f"benchmark {benchmark.name}, model context {context:,} tokens of which "
            f"{_LEAST_COMPLETION} are for the completion: {error}"
        ) from error
    if warning := unheard_warning([tokenized], prompting, tokenizer):
        notice(f"{benchmark.name}: {warning}")
    prompts = distinct(tokenized.prompts)
    if repeated := len(tokenized.prompts) - len(prompts):
        notice(f"{benchmark.name}: {left_out(repeated)}")
    if said is not None:
        prompts = [replace(p, prompt_id=prompt_name(p.prompt_id, said)) for p in prompts]
    return tuple(prompts), tokenized.num_too_long


def _fit(config: RunConfig, eval_tasks: Sequence[EvalTask], data: Path) -> RunConfig:
    """The workers' settings for these benchmarks; no more context than the longest prompt and
    completion can take, since the samplers reserve memory for it.

    Raises:
        ConfigError: the samplers' cache does not hold that, or their GPUs cannot share the model
            out.
    """
    longest = max(
        max(len(p.token_ids) for p in eval_task.prompts) + eval_task.settings[0].max_tokens
        for eval_task in eval_tasks
    )
    context = min(config.model.max_context, longest + config.thinking.fed_back)
    rewards = [one for task in eval_tasks for one in task.benchmark.rewards(data)]
    fitted = replace(
        config,
        model=replace(config.model, max_context=context),
        verifiers=replace(config.verifiers, rewards=rewards),
    )
    path = fitted.model.path
    model = read_config(path, f"MODEL {path}")
    if problems := cache_problem(fitted, model) + spread_problems(fitted, model):
        raise ConfigError("\n".join(problems))
    return fitted
