"""A run's settings: each number in the range that stands with it, and all of them together.

Nothing heavy is imported and nothing is edited: an impossible setting is an error that names the
nearest possible one. Everything that is wrong is in that one error, since settings depend on each
other: who mends them one after the other breaks the next.
"""

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rlsys import hub
from rlsys.config import algorithm_checks, engine_options, gpu_checks, ranges
from rlsys.config import benchmarks as benchmarks_config
from rlsys.config import data as data_config
from rlsys.config import experts as experts_config
from rlsys.config import latents as latents_config
from rlsys.config import local_policy as local_policy_config
from rlsys.config import merge as merge_config
from rlsys.config import optimizer as optimizer_config
from rlsys.config import sample as sample_config
from rlsys.config import sandbox as sandbox_config
from rlsys.config import sequence_parallel as slices_config
from rlsys.config import served as served_config
from rlsys.config import thinking as thinking_config
from rlsys.config import verifiers as verifiers_config
from rlsys.config.adapter import reference_problems
from rlsys.config.loop import AUTO
from rlsys.config.model_names import find_model
from rlsys.config.model_room import cache_problems
from rlsys.config.run import MOST_KEPT, RunConfig, StageKind
from rlsys.config.sft import measures_answers
from rlsys.errors import ConfigError


def validate(config: RunConfig, *more: Callable[[RunConfig], None]) -> None:
    """Raise one ConfigError that names all settings, and sets of them, that cannot work.

    more: checks of rooms that a config knows nothing of; each raises ConfigError.
    """
    out_of_range = list(ranges.problems(config))
    broken = [problem.partition("=")[0].partition("[")[0] for problem in out_of_range]
    found = [problem for look in _looks(config) for problem in look(config)]
    for section, check in (
        ("thinking", lambda: thinking_config.validate(config.thinking, config.sampling.max_tokens)),
        ("benchmarks", lambda: benchmarks_config.validate(config.benchmarks)),
        ("data", lambda: data_config.validate(config.data)),
        ("model.local", lambda: local_policy_config.validate(config.model.local)),
        (
            "learner",
            lambda: experts_config.validate(config.learner.experts, config.learner.minibatches),
        ),
        ("algorithm", lambda: algorithm_checks.validate(config.algorithm)),
        ("verifiers", lambda: verifiers_config.validate(config.verifiers)),
        ("sandbox", lambda: sandbox_config.validate(config.sandbox)),
    ):
        if not any(path.startswith(f"{section}.") for path in broken):
            found += _raised(check)
    for check_more in more:
        found += [one for one in _raised(partial(check_more, config)) if one not in found]
    # What does not go with a setting that is out of range itself says nothing more.
    about = re.compile(rf"(?:{'|'.join(map(re.escape, broken)) or '(?!)'})(?![\w.])")
    problems = out_of_range + [one for one in found if not about.search(one)]
    if problems:
        raise ConfigError(said(problems))


def _raised(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except ConfigError as error:
        return [str(error)]
    return []


def said(problems: list[str]) -> str:
    """A problem as it is; several as a list."""
    if len(problems) == 1:
        return problems[0]
    return f"{len(problems)} settings cannot work:" + "".join(f"\n  - {one}" for one in problems)


def _run(config: RunConfig) -> Iterator[str]:
    name = config.run.name
    if name and (Path(name).name != name or name == ".."):
        nearest = Path(name).name.strip(".") or "mine"
        yield (
            f"run.name={name!r}: the name of a folder in run.directory={config.run.directory}, not "
            f"a path; nearest valid: {nearest!r}"
        )


def _staleness(config: RunConfig) -> Iterator[str]:
    bound = config.loop.max_staleness
    if isinstance(bound, str) and bound != AUTO:
        yield f"loop.max_staleness={bound}: a number of steps, or {AUTO}; nearest valid: {AUTO}"


def _batch(config: RunConfig) -> Iterator[str]:
    loop, learner = config.loop, config.learner
    sizes = (loop.groups_per_step, loop.group_size, learner.minibatches, learner.ranks)
    if not all(1 <= size < math.inf for size in sizes):
        return  # out of range: nothing can be divided
    if loop.groups_per_step % learner.minibatches:
        yield (
            f"learner.minibatches={learner.minibatches} does not divide loop.groups_per_step="
            f"{loop.groups_per_step}; nearest valid: "
            f"{_nearest_divisor(loop.groups_per_step, learner.minibatches)}"
        )
    per_update = loop.groups_per_step * loop.group_size // learner.minibatches
    # Ranks that hold rows together count as one.
    size = max(1, learner.sequence_parallel)
    rows = learner.ranks // size
    if rows and learner.ranks % size == 0 and per_update % rows:
        yield (
            f"learner.ranks={learner.ranks}{f' / learner.sequence_parallel={size}' * (size > 1)} "
            f"does not divide the {per_update} completions of an "
            f"update (loop.groups_per_step {loop.groups_per_step} x loop.group_size "
            f"{loop.group_size} / learner.minibatches {learner.minibatches}); nearest valid: "
            f"{size * _nearest_divisor(per_update, rows)}"
        )
    advantage = config.algorithm.advantage
    if advantage.estimator == "pass_at_k" and advantage.k > loop.group_size:
        yield (
            f"algorithm.advantage.k={advantage.k} exceeds loop.group_size={loop.group_size}; "
            f"nearest valid: {loop.group_size}"
        )


def _schedule(config: RunConfig) -> Iterator[str]:
    loop, learner = config.loop, config.learner
    sizes = (loop.steps, learner.minibatches)
    # Epochs become steps once the prompts are counted; see stages/length.py.
    known = not loop.epochs and all(1 <= size < math.inf for size in sizes)
    updates = math.prod(sizes) if known else None
    yield from optimizer_config.problems(learner.optimizer, updates, "learner.optimizer")


def _rewards(config: RunConfig) -> Iterator[str]:
    for index, reward in enumerate(config.verifiers.rewards):
        penalizes = bool(reward.range) and reward.range[0] < 0 and reward.weight > 0
        if penalizes and config.algorithm.advantage.estimator == "max_rl":
            yield (
                f"verifiers.rewards[{index}].range={reward.range}: "
                "algorithm.advantage.estimator=max_rl divides by the mean reward, which penalties "
                "may take below 0; nearest valid: algorithm.advantage.estimator=group_zscore"
            )


def _observe(config: RunConfig) -> Iterator[str]:
    window = config.observe.length_alarm_window
    if window == 1:
        yield (
            f"observe.length_alarm_window={window}: one step has no spread to compare with; "
            "nearest valid: 2, or 0 for no alarm"
        )


def _context(config: RunConfig) -> Iterator[str]:
    """Prompt and completion fit the context."""
    completion, prompt = config.sampling.max_tokens, config.data.max_prompt_tokens
    context, positions = config.model.max_context, config.model.local.max_positions
    of_local = not config.model.path
    room = min(context, positions) if of_local else context
    both = completion + prompt
    if both > context:
        nearest = f"model.max_context={both}"
        if prompt < room:
            nearest = f"sampling.max_tokens={room - prompt}"
        elif of_local and both > positions:
            nearest += f" model.local.max_positions={both}"
        yield (
            f"sampling.max_tokens={completion} and data.max_prompt_tokens={prompt} exceed "
            f"model.max_context={context}; nearest valid: {nearest}"
        )


def _positions(config: RunConfig) -> Iterator[str]:
    """The context fits the positions of the local policy."""
    context, positions = config.model.max_context, config.model.local.max_positions
    if not config.model.path and context > positions:
        yield (
            f"model.max_context={context}: the local policy has model.local.max_positions="
            f"{positions}; nearest valid: {positions}, or model.local.max_positions={context}"
        )


def _greedy(config: RunConfig) -> Iterator[str]:
    if config.sampling.top_k == 1:
        yield (
            "sampling.top_k=1: greedy completions of one prompt are all equal and carry no signal; "
            "nearest valid: 2, or 0 for all tokens"
        )


def _truncation(config: RunConfig) -> Iterator[str]:
    """What is kept at each position goes to the learner: there is a bound on it."""
    sampling = config.sampling
    if sampling.top_k:
        return
    for name, value, off in (("top_p", sampling.top_p, 1), ("min_p", sampling.min_p, 0)):
        if value != off:
            yield (
                f"sampling.{name}={value}: without a sampling.top_k there is no bound on the "
                "tokens that are kept at a position, all of which are sent to the learner; nearest "
                f"valid: sampling.{name}={off}, or sampling.top_k={MOST_KEPT} beside it"
            )


def _thinking(config: RunConfig) -> Iterator[str]:
    sampling = config.sampling
    most, least = sampling.max_reasoning_tokens, sampling.min_reasoning_tokens
    if most is not None and most >= sampling.max_tokens:
        yield (
            f"sampling.max_reasoning_tokens={most} must leave room for the answer in "
            f"sampling.max_tokens={sampling.max_tokens}; nearest valid: {sampling.max_tokens - 1}"
        )
    largest = sampling.max_tokens - 1 if most is None else most
    limit = f"max_tokens={sampling.max_tokens}" if most is None else f"max_reasoning_tokens={most}"
    if least > largest:
        yield (
            f"sampling.min_reasoning_tokens={least} must be at most {largest} "
            f"(sampling.{limit}); nearest valid: {largest}"
        )


def _model(config: RunConfig) -> Iterator[str]:
    path = config.model.path
    named = f"model.path={path!r}"
    unknown = _raised(lambda: find_model(path, named, config.run.directory))
    if unknown:
        yield from unknown
        return
    looks_local = path.startswith((".", "/", "~")) or path.count("/") > 1
    folder = Path(path).expanduser()
    # A name beside models that are there is one of them, mistyped, and nobody's on the hub.
    beside = "/" in path and bool(_models_beside(folder))
    is_local = looks_local or folder.is_dir() or beside
    if path and is_local and not (folder / "config.json").is_file():
        if folder.is_file():
            yield f"model.path={path!r}: is a file; nearest valid: a directory with a config.json"
            return
        state = "has no config.json" if folder.is_dir() else "does not exist"
        yield (f"model.path={path!r}: the directory {state}{_nearest_folder(folder)}")
    if path and not is_local and hub.is_switched_off() and not hub.has_config(path):
        yield f"model.path={path!r}: no such directory, and {hub.silence()}"


def _deterministic(config: RunConfig) -> Iterator[str]:
    """What would let timing into the numbers is refused where they must repeat."""
    if not config.run.deterministic:
        return
    needed: dict[str, tuple[float | str, float]] = {
        "rollout.threads": (config.rollout.threads, 1),
        "learner.threads": (config.learner.threads, 1),
        "rollout.gpus": (config.rollout.gpus, 0),
        "learner.gpus": (config.learner.gpus, 0),
    }
    if config.run.stage is StageKind.rl:
        needed |= {
            "loop.max_staleness": (config.loop.max_staleness, 0),
            "loop.groups_per_call": (config.loop.groups_per_call, 1),
            "reference.threads": (config.reference.threads, 1),
            "reference.gpus": (config.reference.gpus, 0),
        }
    for path, (value, wanted) in needed.items():
        if value != wanted:
            yield (f"{path}={value}: run.deterministic=true needs {path}={wanted}")


_ALWAYS = (
    *(_positions, _run, _schedule, _model, gpu_checks.problems, _deterministic),
    *(engine_options.problems, latents_config.problems, slices_config.problems),
    *(cache_problems, served_config.problems),
)
_WHERE_SAMPLED = (_context, _greedy, _truncation, _thinking, gpu_checks.graders)
_WHERE_ONLY_SAMPLED = (
    *(_context, _greedy, _thinking, _positions, _run, _model, gpu_checks.shares, _deterministic),
    *(gpu_checks.graders, engine_options.problems, sample_config.problems, served_config.problems),
    *(latents_config.problems, cache_problems),
)
_WHERE_REINFORCED = (_staleness, _batch, _rewards, _observe, reference_problems)


def _merge(config: RunConfig) -> Iterator[str]:
    yield from merge_config.problems(config.merge)


def _looks(config: RunConfig) -> tuple[Callable[[RunConfig], Iterator[str]], ...]:
    """At settings that the run has a use for."""
    if config.run.stage is StageKind.merge:
        return (_run, _merge)
    if config.run.stage is StageKind.rl:
        return _WHERE_SAMPLED + _ALWAYS + _WHERE_REINFORCED
    if config.run.stage is StageKind.sample:
        return _WHERE_ONLY_SAMPLED
    asks = config.run.stage is StageKind.sft and measures_answers(config)
    return _WHERE_SAMPLED + _ALWAYS if asks else _ALWAYS


def _nearest_divisor(number: int, wanted: int) -> int:
    divisors = [d for d in range(1, number + 1) if number % d == 0]
    return min(divisors, key=lambda d: (abs(d - wanted), d))


def _nearest_folder(folder: Path) -> str:
    if not folder.parent.is_dir():
        return f"; {folder.parent} does not exist either"
    models = _models_beside(folder)
    return f"; models beside it: {', '.join(models)}" if models else ""


def _models_beside(folder: Path) -> list[str]:
    return sorted(file.parent.name for file in folder.parent.glob("*/config.json"))
