"""What an evaluation samples: benchmarks x settings x problems, and whose folder that is."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlsys.config.run import SamplingConfig
from rlsys.data.templates import Prompt
from rlsys.disk import replace_text
from rlsys.errors import ConfigError
from rlsys.evaluation.benchmark import Benchmark
from rlsys.evaluation.cut import NO_CUT, Cut
from rlsys.evaluation.sampling_task import SamplingTask


@dataclass(frozen=True)
class Setting:
    """One way to sample."""

    temperature: float
    max_tokens: int
    budget: int | None = None
    """Thinking tokens at most; None: as many as fit."""
    samples: int = 1
    """Completions per problem."""
    cut: Cut = NO_CUT

    @property
    def name(self) -> str:
        """As folders and tables have it: `t0.6`, `t0.6-k20-p0.95`, `t0.6-b512`."""
        budget = "" if self.budget is None else f"-b{self.budget}"
        return f"t{self.temperature:g}{self.cut.name}{budget}"


@dataclass(frozen=True)
class EvalTask:
    """One benchmark for one model: prompts in its file's order, with what was left out."""

    benchmark: Benchmark
    prompts: tuple[Prompt, ...]
    left_out: int
    """Problems whose prompt leaves no room for a completion in the model's context."""
    settings: tuple[Setting, ...]

    def sampled(self, setting: Setting) -> SamplingTask:
        """What is sampled of it under one of its settings."""
        sampling = SamplingConfig(
            max_tokens=setting.max_tokens,
            temperature=setting.temperature,
            **asdict(setting.cut),
            stop=list(self.benchmark.stop) if self._continues else [],
            max_reasoning_tokens=setting.budget,
        )
        name = f"{self.benchmark.name}/{setting.name}"
        return SamplingTask(name, self.prompts, setting.samples, sampling)

    @property
    def _continues(self) -> bool:
        """Whether a prompt is a text that the model merely continues."""
        head = json.loads(self.prompts[0].info).get("prompt")
        return head is not None and self.prompts[0].text == head


def sampling_tasks(eval_tasks: Sequence[EvalTask]) -> list[SamplingTask]:
    """Every benchmark under each of its settings."""
    return [task.sampled(setting) for task in eval_tasks for setting in task.settings]


def prompt_name(problem: str, said: int) -> str:
    """Id of the prompt that says a budget: another text, so another prompt of the same problem."""
    return f"{problem}-b{said}"


def problem_of(prompt_id: str, setting: Setting) -> str:
    """The problem behind a prompt, whether it says the setting's budget or not."""
    return prompt_id if setting.budget is None else prompt_id.removesuffix(f"-b{setting.budget}")


def settings(
    temperatures: Sequence[float],
    budgets: Sequence[int | None],
    samples: int,
    max_tokens: int,
    cut: Cut,
) -> tuple[Setting, ...]:
    """Every temperature with every budget. Greedy completions of one prompt are all equal and of
    the likeliest tokens, so at temperature 0 there is one sample, and nothing to cut off.

    Raises:
        ConfigError: a temperature is negative, a budget leaves nothing for the answer, or two
            settings have one name, and so one folder.
    """
    found = []
    for temperature in temperatures:
        if not temperature >= 0:
            raise ConfigError(f"--temperatures: {temperature} must be 0 or more")
        for budget in budgets:
            if budget is not None and not 0 <= budget < max_tokens:
                raise ConfigError(
                    f"--budgets: {budget} thinking tokens must be at least 0 and leave room for "
                    f"the answer in max_tokens={max_tokens}"
                )
            if temperature:
                found.append(Setting(temperature, max_tokens, budget, samples, cut))
            else:
                found.append(Setting(temperature, max_tokens, budget))
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(
            f"--temperatures, --budgets: two settings are called {twice}, as six digits tell them "
            "apart; each must be named once"
        )
    return tuple(found)


def describe(
    model: str, digest: str, seed: int, eval_tasks: Sequence[EvalTask], latents: int = 0
) -> dict[str, Any]:
    """The plan as JSON values: what has to be the same for a killed evaluation to continue.

    Args:
        latents: of each prompt.
    """
    return ({"latents": latents} if latents else {}) | {
        "model": model,
        "digest": digest,
        "seed": seed,
        "eval_tasks": {
            f"{eval_task.benchmark.name}/{setting.name}": {
                "verifier": eval_task.benchmark.verifier,
                "options": _json(dict(eval_task.benchmark.options)),
                "problems": len(eval_task.prompts),
                "first_prompt": eval_task.prompts[0].text,
                "content": _content(eval_task.prompts),
                "left_out": eval_task.left_out,
            }
            | asdict(setting)
            for eval_task in eval_tasks
            for setting in eval_task.settings
        },
    }


def _content(prompts: Sequence[Prompt]) -> str:
    """A hash of what is asked and of what it is graded against: after a gold answer was corrected,
    verdicts on the disk are of the old one."""
    found = hashlib.blake2b(digest_size=16)
    for one in prompts:
        found.update(_json([one.prompt_id, one.token_ids, one.expected, one.info]).encode())
    return found.hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def free_folder(folder: Path, plan: dict[str, Any]) -> Path:
    """The folder itself, or the first of `NAME-2`, `NAME-3`, ... that is not there yet or holds
    this very plan, to be continued."""
    for number in itertools.count(1):
        numbered = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        if not numbered.exists() or _holds(numbered, plan):
            return numbered
    raise AssertionError("unreachable")


def _holds(folder: Path, plan: dict[str, Any]) -> bool:
    try:
        earlier = json.loads((folder / "plan.json").read_text())
    except (OSError, ValueError):
        return False  # another kind of folder, or a damaged one: left alone
    return not _difference(earlier, plan)


def claim(folder: Path, plan: dict[str, Any]) -> bool:
    """Write the plan into the result's folder, or check that it is the one that lies there.

    Returns: whether an earlier run's samples are continued.
    Raises:
        ConfigError: the folder holds another plan, or a damaged one; names the first difference.
    """
    path = folder / "plan.json"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(plan, indent=2) + "\n")
        return False
    try:
        earlier = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigError(
            f"--out {folder}: its plan.json is damaged ({error}); name another folder, or remove "
            "this one"
        ) from error
    difference = _difference(earlier, plan)
    if difference:
        raise ConfigError(
            f"--out {folder}: holds an evaluation with another plan ({difference}); name another "
            "folder, or remove this one"
        )
    return True


def _difference(earlier: Any, now: Any, where: str = "") -> str:
    if isinstance(earlier, dict) and isinstance(now, dict):
        for key in [*earlier, *(k for k in now if k not in earlier)]:
            found = _difference(earlier.get(key), now.get(key), f"{where}.{key}" if where else key)
            if found:
                return found
        return ""
    return "" if earlier == now else f"{where}: {earlier!r} then, {now!r} now"
