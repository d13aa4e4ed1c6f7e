"""Which role limits a run, and how many workers of each role would be busy all the time.

A model of rates. In the run's wall time T, role r with n_r members was busy for busy_r member
seconds. The same work needs T_r = busy_r / n_r with that role alone, so no run of it can be shorter
than the largest T_r: that role is the bottleneck b. With as many members as n_r T_r / T_b, role r
would be busy as much as the bottleneck is: that is the balance.

A rollout worker is busy while it has any answer, full batch or not, so its share is an upper bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rlsys.loop.clock import Times

_FULLY_BUSY = 0.85
"""From this share of the wall time on, a role is what limits the run; below, roles wait for each
other."""


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
    return Balance(busy, bottleneck, dict(members), needed, gain, following)


def advice(found: Balance, longest_wait: str) -> list[str]:
    """What to do about it, in two sentences for people.

    Args:
        longest_wait: what the bottleneck waited for longest.
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
        lines.append(
            f"no role is busy all the time: {name}, the busiest, waits for {longest_wait}; "
            "a larger loop.max_staleness lets roles work at the same time"
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
