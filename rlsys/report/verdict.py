"""A run in words: did it get better, by how much, how sure is that, and what limits it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsys.config.loop import AUTO
from rlsys.config.run import StageKind
from rlsys.evaluation import curve
from rlsys.observe.balance import balance, limits
from rlsys.observe.columns import duration, figure
from rlsys.observe.runs import State
from rlsys.report.folder import RunRecord, alarms

_NO_ROLE = "driver"
"""It waits for the others all the time; nobody adds another."""


@dataclass(frozen=True)
class Verdict:
    """One sentence, and what stands below it."""

    tone: str
    """better, worse, same, or unknown."""
    headline: str
    lines: list[str]


def verdict(record: RunRecord) -> Verdict:
    """Of a run that is finished, was stopped, or goes on."""
    tone, headline = _headline(record)
    lines = [_state(record), *_losses(record), *_limits(record), *_signal(record)]
    lines += _distances(record)
    lines += [
        f"alarm {name}: on in {_steps(steps)}"
        for name, steps in sorted(alarms(record.lines).items())
    ]
    return Verdict(tone, headline, [*lines, *record.summary.get("notes", [])])


def _headline(record: RunRecord) -> tuple[str, str]:
    checks, run = record.checks, record.run
    if run.state is State.FAILED and len(checks) < 2:
        measured = f"; held-out pass@1 was {checks[0]} at step {checks[0].step}" if checks else ""
        return "worse", f"Failed after step {run.step} of {run.steps}{measured}"
    if record.settings.get("run.stage") == StageKind.merge.value:
        return "unknown", "Not measured: a merge asks nothing; `rlsys eval` measures what it made"
    if not checks:
        return "unknown", "Not measured: there is no held-out check yet"
    first, last = checks[0], checks[-1]
    if len(checks) == 1:
        return "unknown", f"Held-out pass@1 is {first} at step {first.step}; no later check yet"
    told = f"held-out pass@1 {first} at step {first.step}, {last} at step {last.step}"
    gain = curve.gain(first, last)
    if gain is None:
        return "unknown", f"Not comparable: {told}, of other prompts"
    measured = f"gain {gain} on {gain.problems} prompts, paired, 95 % intervals"
    if gain.low > 0:
        return "better", f"Better: {told}; {measured}"
    if gain.high < 0:
        return "worse", f"Worse: {told}; {measured}"
    return "same", f"No change beyond noise: {told}; {measured}"


def _state(record: RunRecord) -> str:
    run = record.run
    took = sum(line.get("throughput/step_s", 0.0) for line in record.lines)
    tokens = sum(line.get("throughput/consumed_tokens", 0.0) for line in record.lines)
    told = f"{run.state.value}: {run.step} of {run.steps} steps in {duration(took)}"
    if took:
        told += f", {tokens / took:,.0f} tokens/s trained on"
    return f"{told}; {run.remark}" if run.state is State.FAILED else told


def _losses(record: RunRecord) -> list[str]:
    """Of held-out rows; steps without a check have no held-out loss."""
    by_step = {
        int(line["step"]): line["heldout/loss"] for line in record.lines if "heldout/loss" in line
    }
    by_step |= {int(x["step"]): x["loss"] for x in record.summary.get("heldout_loss", [])}
    if not by_step:
        return []
    first, last = min(by_step), max(by_step)
    is_of_pairs = record.settings.get("run.stage") == StageKind.reward_model.value
    unit = "pair" if is_of_pairs else "completion token"
    return [
        f"held-out loss: {figure(by_step[first])} at step {first}, {figure(by_step[last])} "
        f"at step {last}, nats per {unit}"
    ]


def _limits(record: RunRecord) -> list[str]:
    """Which role limits the run; how many members would do is known when the run has ended."""
    times = {role: t for role, t in record.times().items() if role != _NO_ROLE and t.wall_s}
    if not times:
        return []
    members = record.summary.get("balance", {}).get("members", {})
    counted = {role: n for role, n in members.items() if role in times}
    if counted:
        found = balance(times, counted)
        waits = times[found.bottleneck].waits
        longest_wait = max(waits, key=lambda name: waits[name], default="nothing")
        is_given = record.settings["loop.max_staleness"] != AUTO
        lines = limits(found, longest_wait, may_overlap_more=is_given)
        staleness = record.summary["staleness"]
        # A run of an earlier version says none.
        if "bound" in staleness and staleness["covering_bound"] > staleness["bound"]:
            bound = staleness["covering_bound"]
            lines.append(f"staleness: loop.max_staleness={bound} covers the longest completion")
        return lines
    busiest = max(times, key=lambda role: times[role].busy_s / times[role].wall_s)
    role = times[busiest]
    told = f"busiest role: {busiest}, busy {role.busy_s / role.wall_s:.0%}"
    if role.waits:
        longest = max(role.waits, key=lambda name: role.waits[name])
        told += f"; it waits for {longest} {role.waits[longest] / role.wall_s:.0%} of the time"
    return [told]


def _signal(record: RunRecord) -> list[str]:
    seen = record.summary.get("signal")
    if not seen:
        return []
    groups = seen["groups"]
    return [
        f"signal: {groups - seen['without_signal']:,} of {groups:,} groups had one; "
        f"{seen['cut_off']:,} completions were cut off"
    ]


def _distances(record: RunRecord) -> list[str]:
    """Of a merge, from what was merged."""
    inputs = record.summary.get("inputs", {})
    return [
        f"{name}: the result is {far:.3%} of its norm away ({inputs.get(name)})"
        for name, far in record.summary.get("distances", {}).items()
    ]


def _steps(steps: Sequence[int]) -> str:
    """`step 4`, `12 steps, 3 to 40`."""
    if len(steps) == 1:
        return f"step {steps[0]}"
    return f"{len(steps)} steps, {steps[0]} to {steps[-1]}"
