"""Which role limits a run, and how many workers of each role would be busy all the time.

A model of rates. In the run's wall time T, role r with n_r members was busy for busy_r member
seconds. The same work needs T_r = busy_r / n_r with that role alone, so no run of it can be shorter
than the largest T_r: that role is the bottleneck b. With as many members as n_r T_r / T_b, role r
would be busy as much as the bottleneck is: that is the balance.

A rollout worker is busy while it has any completion, full batch or not, so its share is an upper
bound.

Beside the roles, the bound of staleness may be what limits. A group that is admitted when version v
is pulled has max_staleness steps of time until a step must have it. When the learner waits for such
a group while enough others are ready, a larger bound makes the run faster, up to the one under
which sampling the longest completion takes no longer than that many steps of T_b. How long that
takes when the samplers are full follows from their speed: n completions that share R tokens/s get
R / n each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from rlsys.watch.accounting import TURN, Times

_FULLY_BUSY = 0.85
"""From this share of the wall time on, a role is what limits the run; below, roles wait for each
other."""


_LONG = 0.05
"""Share of the wall time from which on waiting for old groups is worth a word."""


@dataclass(frozen=True)
class Pace:
    """How the bound of staleness held a run up."""

    steps: int
    train_s: float
    """Of the training loop."""
    waited_for_old_s: float
    """For how long the learner waited for old groups, though enough others were ready."""
    longest_group_s: float
    """From a group's admission until it was scored; it may have waited for a sampler first."""
    longest_completion: int
    """Tokens."""
    consumed_tokens: int
    completions_at_once: int
    """The most that the samplers decode at the same time."""
    max_staleness: int
    """As it is now."""
    is_automatic: bool = False
    """Whether the run chooses that itself, so that no advice is needed."""

    @property
    def longest_completion_s(self) -> float:
        """In samplers that are full, and no longer than any group took in fact."""
        completion_tokens_per_s = self.consumed_tokens / self.train_s / self.completions_at_once
        return min(
            self.longest_group_s, self.longest_completion / max(completion_tokens_per_s, 1e-9)
        )


def covering_bound(pace: Pace, least_step_s: float) -> int:
    """The max_staleness under which the longest completion need not be waited for.

    The run's own bound when that is large enough, or held the run up for a short time only, or is
    chosen by the run itself, or is 0: that is another algorithm, and not for speed's sake to be
    changed.

    Args:
        least_step_s: of a step of the bottleneck that never waits.
    """
    shortly = pace.waited_for_old_s <= _LONG * pace.train_s
    is_given = pace.is_automatic or not pace.max_staleness
    if shortly or is_given or least_step_s <= 0:
        return pace.max_staleness
    return max(pace.max_staleness, ceil(pace.longest_completion_s / least_step_s))


@dataclass(frozen=True)
class Balance:
    """How a run's work divides among its roles."""

    busy: dict[str, float]
    """Share of the wall time, per member of a role."""
    bottleneck: str
    members: dict[str, int]
    needed: dict[str, float]
    """Members of each role that do the work of the bottleneck's members; not rounded."""
    gain: float
    """Largest factor of speed that one more member of the bottleneck can bring."""
    next_bottleneck: str
    """What limits then; the bottleneck itself, if it is that by far."""
    least_s: float
    """T_b: the same work when the bottleneck never waits."""


def balance(times: Mapping[str, Times], members: Mapping[str, int]) -> Balance:
    """The model above.

    Args:
        times: per role, summed over its members.
        members: per role that can have more or fewer members; others in `times` take no part.
    """
    busy = {role: times[role].busy_s / max(times[role].wall_s, 1e-9) for role in members}
    bottleneck = max(busy, key=lambda role: busy[role])
    needed = {role: members[role] * busy[role] / max(busy[bottleneck], 1e-9) for role in members}
    count = members[bottleneck]
    with_one_more = busy | {bottleneck: busy[bottleneck] * count / (count + 1)}
    following = max(with_one_more, key=lambda role: with_one_more[role])
    gain = busy[bottleneck] / max(with_one_more[following], 1e-9)
    least_s = times[bottleneck].busy_s / max(count, 1)
    return Balance(busy, bottleneck, dict(members), needed, gain, following, least_s)


def limits(found: Balance, longest_wait: str, may_overlap_more: bool = True) -> list[str]:
    """Which role limits the run, in two sentences for people.

    Args:
        longest_wait: what the bottleneck waited for longest.
        may_overlap_more: whether the bound of staleness is one that a person could raise.
    """
    name, count = found.bottleneck, found.members[found.bottleneck]
    share = found.busy[name]
    work = ", ".join(
        f"{needed:.2f} {role} (of {found.members[role]})"
        for role, needed in found.needed.items()
        if role != name
    )
    lines = [f"balance: {count} {name}, busy {share:.0%}, keeps up with {work or 'no other role'}"]
    if share < _FULLY_BUSY:
        remedy = "; a larger loop.max_staleness lets roles work at the same time"
        lines.append(
            f"no role is busy all the time: {name}, the busiest, waits for {longest_wait}"
            f"{remedy if may_overlap_more else ''}"
        )
    elif found.gain < 1.05:
        lines.append(
            f"bottlenecks: {name} and {found.next_bottleneck}; more of one without the other "
            "changes nothing"
        )
    else:
        then = "" if found.next_bottleneck == name else f", then {found.next_bottleneck} limits"
        lines.append(
            f"bottleneck: {name}; one more can make the run up to {found.gain:.2f} times as fast"
            f"{then}; more of any other role changes nothing"
        )
    return lines


def advice(found: Balance, longest_wait: str, pace: Pace) -> list[str]:
    """What limits the run, and which bound of staleness would help; see `limits`."""
    # By turns nothing could go on at the same time, whatever the bound.
    may_overlap_more = not pace.is_automatic and longest_wait != TURN
    lines = limits(found, longest_wait, may_overlap_more)
    least_step_s = found.least_s / max(pace.steps, 1)
    bound = covering_bound(pace, least_step_s)
    if bound > pace.max_staleness:
        lines.append(
            f"staleness: {pace.waited_for_old_s:.1f} s of waiting for old groups though enough "
            f"others were ready; the longest completion takes {pace.longest_completion_s:.1f} s, a "
            f"step without waiting {least_step_s:.1f} s: loop.max_staleness={bound} covers it"
        )
    return lines
