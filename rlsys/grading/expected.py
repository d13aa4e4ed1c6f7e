"""Which rows have an expected answer or tests that their verifiers cannot read.

The verifiers themselves are asked, before anything is started; only those that read the expected
answer before all else and need no sandbox, model or network for it. Of the verifiers of programs,
the part that reads a row's tests is asked; of reward functions, which columns they need.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rlsys.config.run import RunConfig
from rlsys.config.verifiers import VerifiersConfig
from rlsys.data.load import RunRows
from rlsys.data.rows import Row
from rlsys.errors import DataError, VerifierError
from verifiers.base import Completion, Verifier, verify_all
from verifiers.code.programs import OUTPUT_MB, read_tests
from verifiers.code.tests_plan import plan_of
from verifiers.compose import Closable
from verifiers.registry import Registry
from verifiers.reward_functions import RewardFunction

_ASKED = ("choice", "countdown", "math")
_TESTS = ("code_functions", "code_programs")


def require_gradable(rows: RunRows, config: RunConfig) -> RunRows:
    """The rows that can be graded; those that cannot are left out where the config says so.

    Raises:
        DataError: a verifier cannot read a row's expected answer, and data.skip_unreadable_rows is
            not set, or no row would be left.
    """
    packages = config.sandbox.packages
    train = ungradable(rows.train, config.verifiers, packages)
    held_out = ungradable(rows.held_out, config.verifiers, packages)
    refused = train | held_out
    if not refused:
        return rows
    first = next(row for row in (*rows.train, *rows.held_out) if id(row) in refused)
    message = f"{first.where}: {refused[id(first)]}"
    some_are_left = len(train) < len(rows.train) or not rows.train
    if not config.data.skip_unreadable_rows or not some_are_left:
        others = len(refused) - 1
        them = f"this row and {others} more" if others else "this row"
        way_on = f"; data.skip_unreadable_rows=true leaves out {them}"
        raise DataError(message + (way_on if some_are_left else ""))
    count = "1 row" if len(refused) == 1 else f"{len(refused)} rows"
    note = f"{count} that cannot be graded left out, the first: {message}"
    return replace(
        rows,
        train=[row for row in rows.train if id(row) not in refused],
        held_out=[row for row in rows.held_out if id(row) not in refused],
        notes=(*rows.notes, note),
    )


def ungradable(
    rows: Sequence[Row], config: VerifiersConfig, packages: Sequence[str]
) -> dict[int, str]:
    """By the identity of a row, why a verifier of its source cannot grade it.

    Args:
        packages: those that programs may import.
    """
    registry = Registry(config.plugins)
    refused: dict[int, str] = {}
    for reward in config.rewards:
        kind = reward.verifier or reward.name
        concerned = [row for row in rows if not reward.sources or row.source in reward.sources]
        if kind in _TESTS:
            reasons = [_flaw_of_tests(kind, row, reward.options, packages) for row in concerned]
        elif registry.is_reward_function(kind):
            reasons = _lacking(registry.create(kind, reward.options), concerned)
        elif kind in _ASKED:
            verifier = registry.create(kind, reward.options)
            reasons = _reasons(verifier, concerned)
            if isinstance(verifier, Closable):
                verifier.close()
        else:
            continue
        for row, reason in zip(concerned, reasons, strict=True):
            if reason:
                refused.setdefault(id(row), reason)
    return refused


def _lacking(function: Verifier, rows: Sequence[Row]) -> list[str]:
    """What a function of another trainer needs of each row that is not there; empty: nothing."""
    assert isinstance(function, RewardFunction)
    # As rlsys.data.templates hands a prompt's info on.
    lacks = (
        function.lacks(Completion("", "", row.expected, {"question": ""} | row.info, row.source))
        for row in rows
    )
    return [f"{function.name} {what}" if what else "" for what in lacks]


def _flaw_of_tests(kind: str, row: Row, options: dict[str, Any], packages: Sequence[str]) -> str:
    """Why a verifier of programs cannot grade a row's tests; empty when it can."""
    try:
        if kind == "code_functions":
            plan_of(row.info, packages)
        else:
            read_tests(row.info.get("tests"), float(options.get("output_mb", OUTPUT_MB)))
    except VerifierError as error:
        return f"the verifier {kind} cannot grade its tests: {error}"
    return ""


def _reasons(verifier: Verifier, rows: Sequence[Row]) -> list[str]:
    """Empty for rows that can be graded. No answer at all is enough to ask."""
    verdicts = verify_all(
        verifier, [Completion("", "", row.expected, row.info, row.source) for row in rows]
    )
    return [
        ""
        if verdict.reward is not None
        else f"it has no expected answer, which the verifier {verifier.name} needs"
        if row.expected is None
        else f"the verifier {verifier.name} cannot read its expected answer: "
        + verdict.reason.removeprefix(f"{verifier.name}: ")
        for row, verdict in zip(rows, verdicts, strict=True)
    ]
