"""Why did it get worse? The steps before one against those from it on, figure by figure.

    reward/mean fell at step 20   <- the step, unless it is named
    20 steps' figures             <- figures.py
    which of them broke           <- breaks.py, all together at one level of error
    what that points to           <- what broke first, causes before effects

It finds what happened together, and in which order; that the one made the other it cannot show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsys.errors import ConfigError
from rlsys.inquiry.breaks import LEAST, Break, beyond_noise, break_of
from rlsys.inquiry.figures import Figures, Row
from rlsys.report.folder import read_record

OUTCOME = "reward/mean"
LEVEL = 0.01
"""Chance that any figure is said to have changed in a run in which none has."""
_EXAMPLES = 3
_NEW = (0.02, 0.1)
"""A reason with at most the one share before and at least the other after is a new one."""

_CAUSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("settings", ("policy/learning_rate", "policy/kl_coefficient")),
    ("data", ("source/", "prompt/")),
    (
        "verifiers",
        ("reward/missing", "status/infrastructure", "groups/dropped_infrastructure", "reason/"),
    ),
    ("workers", ("worker/", "weights/")),
    (
        "age of the data",
        ("staleness/", "policy/effective", "policy/chi", "policy/ratio", "policy/mismatch"),
    ),
    # Without what follows from the verdicts, such as the length of wrong completions.
    (
        "completions",
        (
            "completion/mean_tokens$",
            "completion/max_tokens",
            "completion/truncated",
            "ended/",
            "policy/entropy",
        ),
    ),
    ("learning", ("policy/", "log_ratio/", "heldout/")),
    ("outcome", ("",)),
)
"""Beginnings of figures' names, or whole names before a `$`, by what they say of a run."""


@dataclass(frozen=True)
class Change:
    """A figure that broke."""

    name: str
    cause: str
    """Of _CAUSES."""
    at: int
    """The step where it broke most clearly."""
    found: Break
    examples: list[tuple[int, Row]]
    """Completions that show it, each with its step; where it rose."""


@dataclass(frozen=True)
class Explanation:
    """Of one step."""

    step: int
    before: tuple[int, int]
    """First and last step of the window before; `after` from `step` on."""
    after: tuple[int, int]
    outcome: Break
    changes: list[Change]
    """Those that broke first, first; in one step causes before effects."""
    unchanged: int
    """Figures that did not change beyond their noise."""
    points_to: list[str]
    """What may be behind a reward that fell; empty where it did not."""


def explain(folder: Path, step: int | None, window: int) -> Explanation | None:
    """What changed at a step of a run beyond its noise.

    Args:
        step: the first one of the window after; None: where the reward fell most clearly.
        window: steps on each side, where there are as many.
    Returns: None where no step is named and the reward fell nowhere beyond its noise.
    Raises:
        ConfigError: the run has too few steps, or none like that, or is paid no reward.
    """
    record = read_record(folder)
    lines = {int(line["step"]): line for line in record.lines}
    steps = sorted(lines)
    if len(steps) < 2 * LEAST:
        raise ConfigError(
            f"{folder.name}: {len(steps)} steps are done; two windows need {2 * LEAST} at least"
            f"{record.run.end}"
        )
    if not any(OUTCOME in line for line in lines.values()):
        raise ConfigError(
            f"{folder.name}: its steps have no {OUTCOME}, whose fall is explained; nearest valid: "
            "a run of `rlsys train`"
        )
    last = len(steps) - LEAST
    if step is None:
        reward = [lines[one].get(OUTCOME, float("nan")) for one in steps]
        at = _worst(reward, window)
        if at is None:
            return None
    elif step in steps[LEAST : last + 1]:
        at = steps.index(step)
    else:
        near = min(steps[LEAST : last + 1], key=lambda one: abs(one - step))
        raise ConfigError(
            f"STEP {step}: {LEAST} steps before it and from it on are needed, and the run has "
            f"steps {steps[0]} to {steps[-1]}; nearest valid: {near}"
        )
    chosen = steps[max(0, at - window) : at + window]
    figures = Figures(chosen)
    figures.add_metrics(lines)
    figures.add_samples(folder)
    return _explained(figures, chosen.index(steps[at]))


def _worst(values: Sequence[float], window: int) -> int | None:
    """Where a figure fell most clearly, beyond the noise of all places that are looked at."""
    places = range(LEAST, len(values) - LEAST + 1)
    falls = []
    for at in places:
        found = break_of(values[max(0, at - window) : at], values[at : at + window])
        if found and found.after < found.before:
            falls.append((found.p_value, at))
    p_value, at = min(falls, default=(1.0, 0))
    return at if p_value < LEVEL / len(places) else None


def _explained(figures: Figures, at: int) -> Explanation:
    steps = figures.steps
    breaks = {
        name: found
        for name, values in figures.values.items()
        if (found := break_of(values[:at], values[at:])) is not None
    }
    holds = beyond_noise([found.p_value for found in breaks.values()], LEVEL)
    changed = [name for name, held in zip(breaks, holds, strict=True) if held]
    changes = []
    for name in changed:
        found = breaks[name]
        rose = found.after > found.before
        examples = figures.examples(name, steps[at:], _EXAMPLES) if rose else []
        own = steps[_clearest(figures.values[name], at)]
        changes.append(Change(name, _cause_of(name), own, found, examples))
    order = [cause for cause, _ in _CAUSES]
    changes.sort(key=lambda one: (one.at, order.index(one.cause), one.found.p_value))
    outcome = breaks[OUTCOME]
    fell = outcome.after < outcome.before
    return Explanation(
        step=steps[at],
        before=(steps[0], steps[at - 1]),
        after=(steps[at], steps[-1]),
        outcome=outcome,
        changes=changes,
        unchanged=len(breaks) - len(changes),
        points_to=list(_points_to(changes, figures.workers)) if fell else [],
    )


def _clearest(values: Sequence[float], at: int) -> int:
    """Where within both windows a figure broke most clearly."""
    found = {
        place: one.p_value
        for place in range(LEAST, len(values) - LEAST + 1)
        if (one := break_of(values[:place], values[place:])) is not None
    }
    return min(found, key=lambda place: (found[place], abs(place - at)), default=at)


def _cause_of(name: str) -> str:
    return next(cause for cause, begins in _CAUSES if f"{name}$".startswith(begins))


def _points_to(changes: Sequence[Change], workers: int) -> Iterator[str]:
    """What may be behind the others, each in a sentence; nothing where only effects changed.

    Args:
        workers: that sampled; what all of them show is not theirs.
    """
    by_cause: dict[str, list[Change]] = {}
    for one in changes:
        by_cause.setdefault(one.cause, []).append(one)
    for one in by_cause.get("settings", ()):
        yield f"a setting: {one.name} is another from step {one.at} on"
    if data := by_cause.get("data"):
        names = ", ".join(repr(one.name) for one in data[:3])
        yield f"the data: other prompts from step {data[0].at} on ({names})"
    verdicts = by_cause.get("verifiers", [])
    if outages := [one for one in verdicts if not one.name.startswith("reason/")]:
        yield f"verifiers that gave no verdict, from step {outages[0].at} on ({outages[0].name})"
    fresh = [
        one
        for one in verdicts
        if one.name.startswith("reason/")
        and one.found.before <= _NEW[0]
        and one.found.after >= _NEW[1]
    ]
    moved = [one.at for one in by_cause.get("completions", ())]
    if fresh and not any(at <= fresh[0].at for at in moved):
        yield (
            f"a verifier: from step {fresh[0].at} on it says what it hardly said before "
            f"({fresh[0].name.removeprefix('reason/')!r}), while completions were as they had been"
        )
    fallen = [one for one in by_cause.get("workers", ()) if one.name.startswith("worker/")]
    for one in fallen if len(fallen) < workers else ():
        yield f"a worker: the reward of {one.name.removeprefix('worker/')} from step {one.at} on"
    for one in by_cause.get("workers", ()):
        if one.name.startswith("weights/"):
            yield f"the weights' way to the workers: {one.name} from step {one.at} on"
    for one in changes:
        if one.name == "completion/truncated" and one.found.after > one.found.before:
            yield f"sampling.max_tokens: more completions are cut off from step {one.at} on"
    if old := by_cause.get("age of the data"):
        yield f"old data: {old[0].name} from step {old[0].at} on"
