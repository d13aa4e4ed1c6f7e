"""The plan of rejection sampling: prompts of a split, as a run of `rlsys train` would ask them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rlsys.config.precision import cpu_has_bfloat16, decided
from rlsys.config.run import RunConfig
from rlsys.config.sample import Split
from rlsys.config.verifiers import require_sources
from rlsys.data.rates import FILE as RATES
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt, conversation_of
from rlsys.errors import ConfigError, DataError, instead
from rlsys.evaluation.demonstrations import DEMONSTRATIONS, Asked
from rlsys.evaluation.repeats import caveat
from rlsys.evaluation.samples import Samples
from rlsys.evaluation.sampling_task import SamplingTask, distinct, left_out, missing
from rlsys.grading.tryout import try_plugins
from rlsys.local_policy.resolve import tokenizer_of
from rlsys.observe.next_steps import sample_commands
from rlsys.run.checkpointer import Checkpointer, Origin
from rlsys.run.folder import SAMPLES, SUMMARY
from rlsys.sampling.served_sampler import MESSAGES, require_answer
from rlsys.stages.base import Stage, Surroundings
from rlsys.stages.inputs import prepare, read_rows
from rlsys.stages.plan import Plan
from rlsys.stages.sample import Sampling
from rlsys.thinking.budgets import with_instruction


@dataclass
class SamplePlan(Plan):
    """Of a run of `rlsys sample`. A step of it is a prompt, with all of its completions."""

    asked: Sequence[Asked] = field(kw_only=True)

    @property
    def longest(self) -> Sequence[int]:
        """Of the prompts."""
        return max((prompt.token_ids for prompt in self.prompts), key=len)

    @property
    def canary_ids(self) -> list[int]:
        """No weights change, so nothing is proved."""
        return []

    @property
    def task(self) -> SamplingTask:
        """What is sampled."""
        config = self.config
        name = config.sample.split.value
        return SamplingTask(name, tuple(self.prompts), config.sample.n, config.sampling)

    def policy(self, progress: Callable[[str], None]) -> str:
        """As of any stage; a served model's place."""
        return self.config.served.place or super().policy(progress)

    def needs_fleet(self, folder: Path) -> bool:
        """Not to choose anew in a run that has come to its end."""
        is_sampled = next(missing([self.task], Samples(folder / SAMPLES), 1), None) is None
        return not (is_sampled and (folder / SUMMARY).exists())

    def outputs(self, folder: Path) -> dict[str, Path]:
        """Both files."""
        return {"demonstrations": folder / DEMONSTRATIONS, "rates": folder / RATES}

    def origin(self, folder: Path) -> Origin:
        """A resumed run goes on behind the prompts whose completions are on disk."""
        done = Samples(folder / SAMPLES).done(self.task.name)
        return Origin(resumed=True, version=len(done))

    def stage(
        self, name: str, model_path: str, checkpointer: Checkpointer, around: Surroundings
    ) -> Stage:
        """Sampling, and the choice among what was sampled."""
        folder = checkpointer.folder
        return Sampling(self.config, name, model_path, self.asked, self.task, folder, around)

    def next_commands(self, folder: Path, steps: int, resume_by: str) -> list[str]:
        """What to do with demonstrations and rates."""
        return sample_commands(folder, self.config, resume_by)


def sources(config: RunConfig) -> list[str]:
    """Which data files a run reads."""
    return [config.data.train, config.data.test, config.data.rates]


def read(config: RunConfig, resume: bool, progress: Callable[[str], None]) -> SamplePlan:
    """The plan of a run; its plug-ins have graded a few completions.

    Raises:
        DataError, ConfigError, VerifierError: as rlsys.stages.inputs and rlsys.grading.tryout;
            DataError where the split has no rows, ConfigError where a rule names none of their
            sources.
    """
    rows = read_rows(config)
    require_sources(config.verifiers, {row.source for row in (*rows.train, *rows.held_out)})
    prepared = prepare(config, rows, progress)
    is_train = config.sample.split is Split.train
    of_split = prepared.train if is_train else prepared.held_out
    once = distinct(of_split)
    prompts = _first(once, config.sample.prompts)
    if not prompts:
        raise DataError(
            f"sample.split={config.sample.split.value}: there are no such rows; data.test names "
            f"them, or data.holdout={config.data.holdout} of data.train={config.data.train!r}"
        )
    _require_known(config.sample.shares, {prompt.source for prompt in prompts})
    every_row = [*rows.train, *rows.held_out]
    try_plugins(config.verifiers, config.sandbox, every_row, prompts, progress)
    row_of = {row.prompt_id: row for row in reversed(every_row)}  # the first of those alike
    asked = _asked(prompts, row_of, config)
    if config.served.url:
        asked = _as_conversations(asked, config)
        prompts = [one.prompt for one in asked]
        if not resume:
            progress(f"asking {config.served.place}")
            require_answer(config.served)
    notes = [*prepared.notes]
    if repeated := len(of_split) - len(once):
        notes.append(left_out(repeated))
    # The cluster is asked later; until then its CPUs are taken to be as this one is.
    doubt = caveat(decided(config, cpu_has_bfloat16()))
    if doubt and not config.served.url:
        notes.append(doubt)
    size = config.sample.n
    length = f"{len(prompts):,} prompts of the split {config.sample.split.value} x {size}: "
    # Of a run, so that `rlsys runs` says how far it is.
    loop = replace(config.loop, steps=len(prompts), epochs=0.0)
    return SamplePlan(
        replace(config, loop=loop),
        f"{length}{len(prompts) * size:,} completions",
        prompts,
        notes,
        asked=asked,
    )


def _first(prompts: Iterable[Prompt], count: int) -> list[Prompt]:
    """The first `count` of each source; 0: all."""
    seen: Counter[str] = Counter()
    chosen = []
    for prompt in prompts:
        seen[prompt.source] += 1
        if not count or seen[prompt.source] <= count:
            chosen.append(prompt)
    return chosen


def _asked(prompts: Sequence[Prompt], row_of: Mapping[str, Row], config: RunConfig) -> list[Asked]:
    """The prompts with their rows, and the conversations that the policy will hear."""
    tokenizer = tokenizer_of(config.model)
    asked = []
    for prompt in prompts:
        row = row_of[prompt.prompt_id]
        budget = json.loads(prompt.info).get("thinking_budget")
        told = with_instruction(row, budget, config.thinking)
        messages = conversation_of(told, prompt.text, config.data, tokenizer)
        asked.append(Asked(prompt, row, messages))
    return asked


def _as_conversations(asked: Sequence[Asked], config: RunConfig) -> list[Asked]:
    """The prompts as a served model is asked them: the conversation goes with each, and its text is
    what a person reads of it.

    Raises:
        ConfigError: one of them is a text to be continued.
    """
    found = []
    for one in asked:
        if one.messages is None:
            raise ConfigError(
                f"served.url={config.served.url!r} is asked conversations, and prompt "
                f"{one.prompt.prompt_id} is a text that the model goes on from "
                f"(data.template={config.data.template.value}); nearest valid: data.template=chat"
            )
        info = json.loads(one.prompt.info) | {MESSAGES: list(one.messages)}
        said = "\n\n".join(turn["content"] for turn in one.messages)
        prompt = replace(one.prompt, text=said, info=json.dumps(info, ensure_ascii=False))
        found.append(replace(one, prompt=prompt))
    return found


def _require_known(shares: Mapping[str, int], sources: Collection[str]) -> None:
    """Raise ConfigError where a share is of a source that no row has."""
    for source in shares:
        if source not in sources:
            raise ConfigError(
                f"sample.per_source.{source}: no row is of that source{instead(source, sources)}"
            )
