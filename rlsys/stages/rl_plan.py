"""The plan of reinforcement: prompts to train on, held-out ones, and how many steps there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlsys.config.run import RunConfig
from rlsys.config.verifiers import require_sources
from rlsys.data.templates import Prompt
from rlsys.grading.tryout import try_plugins
from rlsys.observe.learnable import last_words, problem_of
from rlsys.observe.run_summary import RunSummary
from rlsys.observe.summary import Summary
from rlsys.run.checkpointer import Checkpointer
from rlsys.stages.base import Stage, Surroundings
from rlsys.stages.inputs import held_out_notes, prepare, read_rows
from rlsys.stages.length import resolve_length
from rlsys.stages.plan import Plan
from rlsys.stages.rl import Inputs, Reinforcement


@dataclass
class ReinforcementPlan(Plan):
    """Of a run of `rlsys train`."""

    train: list[Prompt] = field(kw_only=True)
    held_out: list[Prompt] = field(kw_only=True)

    @property
    def longest(self) -> Sequence[int]:
        """Of the prompts."""
        return max((prompt.token_ids for prompt in self.prompts), key=len)

    def stage(
        self, name: str, model_path: str, checkpointer: Checkpointer, around: Surroundings
    ) -> Stage:
        """Reinforcement on these prompts."""
        inputs = Inputs(name, model_path, self.train, self.held_out)
        return Reinforcement(self.config, inputs, checkpointer, around)

    def closing_notes(self, summary: RunSummary, samples: Path) -> list[str]:
        """That nothing could be learned, with what the policy wrote last."""
        assert isinstance(summary, Summary)
        problem = problem_of(summary.signal, self.config.sampling.max_tokens)
        return [f"warning: {problem}{last_words(samples)}"] if problem else []


def sources(config: RunConfig) -> list[str]:
    """Which data files a run reads."""
    return [config.data.train, config.data.test, config.data.rates]


def read(config: RunConfig, resume: bool, progress: Callable[[str], None]) -> ReinforcementPlan:
    """The plan of a run; its plug-ins have graded a few completions.

    Raises:
        DataError, ConfigError, VerifierError: as rlsys.stages.inputs, rlsys.stages.length and
            rlsys.grading.tryout.
    """
    rows = read_rows(config)
    require_sources(config.verifiers, {row.source for row in (*rows.train, *rows.held_out)})
    prepared = prepare(config, rows, progress)
    config, length = resolve_length(config, len(prepared.train), resume)
    every_prompt = [*prepared.train, *prepared.held_out]
    every_row = [*rows.train, *rows.held_out]
    try_plugins(config.verifiers, config.sandbox, every_row, every_prompt, progress)
    return ReinforcementPlan(
        config,
        length,
        every_prompt,
        [*prepared.notes, *held_out_notes(config, len(prepared.held_out))],
        train=prepared.train,
        held_out=prepared.held_out,
    )
