"""What `rlsys explain` and `rlsys audit` say of a run, as sections of its report.

A report is made again and again while a run goes on, so the audit looks at fewer completions here.
"""

from collections.abc import Callable
from pathlib import Path

from rlsys.errors import ConfigError, DataError
from rlsys.inquiry.audit import Finding, audit
from rlsys.inquiry.explain import OUTCOME, Explanation, explain
from rlsys.inquiry.figures import Row
from rlsys.inquiry.last_number import LastNumber
from rlsys.observe.columns import figure
from rlsys.report.folder import read_record
from rlsys.report.sections import Point, Section, Shown

CHANGED = "What changed"
EARNED = "Is the reward earned"
MOST = 2_000
"""Completions that are audited, evenly over the steps; docs/report.md has what that costs."""
_WINDOW = 10
"""Steps on each side, as `rlsys explain` has without --window."""
_TEXT = 120
"""Characters of a completion."""


def ask(folder: Path) -> list[Section]:
    """Both questions of a run that is paid rewards; none of another.

    A run without enough steps, or whose files go or are damaged while they are read, has a line
    that says so.
    """
    if not any(OUTCOME in line for line in read_record(folder).lines):
        return []
    return [_asked(CHANGED, changed, folder), _asked(EARNED, earned, folder)]


def _asked(title: str, answer: Callable[[Path], Section], folder: Path) -> Section:
    try:
        return answer(folder)
    except (ConfigError, DataError, OSError) as error:
        return Section(title, f"{title}: not looked at: {error}", False, [], [])


def changed(folder: Path) -> Section:
    """Where the reward fell most clearly: what changed beyond its noise, first things first.

    Raises:
        ConfigError: the run has too few steps.
        DataError, OSError: samples cannot be read, or are gone.
    """
    told = explain(folder, None, _WINDOW)
    if told is None:
        line = f"{CHANGED}: {OUTCOME} fell at no step beyond its noise"
        return Section(CHANGED, line, False, [f"{_more('explain', folder)} STEP asks of any"], [])
    causes = [f"points to {cause}" for cause in told.points_to]
    first = causes[0] if causes else "what changed may all be effects"
    line = (
        f"{CHANGED}: {OUTCOME} fell at step {told.step}, from {figure(told.outcome.before)} to "
        f"{figure(told.outcome.after)}; {first}"
    )
    compared = (
        f"steps {told.after[0]} to {told.after[1]} against {told.before[0]} to {told.before[1]}; "
        f"{told.unchanged} other figures did not change beyond their noise"
    )
    return Section(CHANGED, line, True, [*causes[1:], compared], _changes(told))


def _changes(told: Explanation) -> list[Point]:
    points = []
    for one in told.changes:
        went = f"{figure(one.found.before)} \u2192 {figure(one.found.after)}"
        examples = [
            _shown(
                row, step, f"{row['status']}, {row['reason'] or 'no reason'}: {row['text'][:_TEXT]}"
            )
            for step, row in one.examples
        ]
        points.append(Point(f"step {one.at}: {one.name} {went} ({one.cause})", False, examples))
    return points


def earned(folder: Path) -> Section:
    """Every check of the audit, with completions of those that somebody should look at.

    Raises:
        ConfigError: the run has trained on nothing yet.
        DataError, OSError: samples cannot be read, or are gone.
    """
    found = audit(folder, LastNumber(), MOST)
    bad = [one for one in found if one.is_suspicious]
    looked = f"look at {', '.join(one.check for one in bad)}" if bad else "nothing to look at"
    about = (
        f"some {MOST:,} completions at most are looked at here, evenly over the steps; "
        f"{_more('audit', folder)} looks at more, and asks another verifier"
    )
    points = [Point(_check(one), one.is_suspicious, _examples(one)) for one in found]
    return Section(EARNED, f"{EARNED}: {looked}", bool(bad), [about], points)


def _check(one: Finding) -> str:
    share = f", {one.measure}" if one.of > 1 else ""
    return f"{one.check}: {one.told} ({one.count:,} of {one.of:,}{share})"


def _examples(one: Finding) -> list[Shown]:
    if not one.is_suspicious:
        return []
    return [
        _shown(row, row["step"], f"expected {row['expected']}: {row['text'][-_TEXT:]}")
        for row in one.examples
    ]


def _shown(row: Row, step: int, text: str) -> Shown:
    return Shown(step, row["group_id"], row["sample_index"], text)


def _more(command: str, folder: Path) -> str:
    return f"rlsys {command} {folder.name}"
