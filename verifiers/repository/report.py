"""What the runner inside the sandbox reported: which of the listed tests passed."""

import json
from collections import defaultdict
from dataclasses import dataclass

from rlsys.errors import VerifierError
from verifiers.base import Status
from verifiers.sandbox.interface import Ending
from verifiers.sandbox.repositories.interface import RepositoryRun

_PHASES = ("setup", "call", "teardown")


@dataclass(frozen=True)
class Finding:
    """One run of the tests."""

    passed: frozenset[str]
    """Listed tests of which every case passed, or failed where its mark expects that."""
    expected_to_fail: frozenset[str]
    """Those with a case that failed as its mark expects."""
    fault: Status | None = None
    """Why nothing counts: TIMEOUT, CRASH, or REJECTED for a forged report."""
    reason: str = ""


def read_report(run: RepositoryRun, token: str, wall_s: float) -> Finding:
    """Judge a report.

    A line without the run's token can only come from the code under test. A report without an end
    says that the process did not come to its own: nothing in it counts, since what is missing may
    be the failures.

    Raises:
        VerifierError: the tests were never begun: pytest is missing, or the tree too large.
    """
    ended = False
    nodes_of: dict[str, set[str]] = defaultdict(set)
    outcomes: dict[str, set[tuple[str, str]]] = defaultdict(set)
    events = []
    for line in run.report.split(b"\n")[:-1]:
        event = _event(line, token)
        if event is None or ended:
            return _without(Status.REJECTED, "something else wrote into the report")
        events.append(event["event"])
        if event["event"] == "fault":
            raise VerifierError(f"repository: {event['reason']}")
        if event["event"] == "test":
            nodes_of[event["name"]].add(event["node"])
        if event["event"] == "phase":
            outcomes[event["node"]].add((event["phase"], event["outcome"]))
        ended = event["event"] == "end"
    if "ready" not in events:
        raise VerifierError(f"repository: the sandbox did not start: {run.output.strip()[-300:]}")
    if run.ending is Ending.TIMEOUT:
        return _without(Status.TIMEOUT, f"the tests took more than {wall_s:g} s")
    if not ended:
        said = run.output.strip()[-200:]
        return _without(
            Status.CRASH, f"the tests ended early ({run.ending}, status {run.exit_code}): {said}"
        )
    passed = {n for n, nodes in nodes_of.items() if all(_passed(outcomes[x]) for x in nodes)}
    expected = {
        n for n, nodes in nodes_of.items() if any(_has(outcomes[x], "xfailed") for x in nodes)
    }
    return Finding(frozenset(passed), frozenset(expected))


def _without(status: Status, reason: str) -> Finding:
    return Finding(frozenset(), frozenset(), status, reason)


def _event(line: bytes, token: str) -> dict[str, str] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("token") != token:
        return None
    return event


def _has(outcomes: set[tuple[str, str]], outcome: str) -> bool:
    return any(found == outcome for _, found in outcomes)


def _passed(outcomes: set[tuple[str, str]]) -> bool:
    """All three phases passed, or one failed as the test's mark expects; none did otherwise."""
    if any(outcome not in ("passed", "xfailed") for _, outcome in outcomes):
        return False
    return _has(outcomes, "xfailed") or {phase for phase, _ in outcomes} == set(_PHASES)
