"""A loop's state at one moment, as JSON values and rows to keep; and a loop that goes on from it.

Taken between two awaits, so all of it is of one moment. Finished samples are kept: ready groups
whole, and batches that were sampled but not graded as rollouts. Batches that were still being
sampled are known by their groups and prompts, and are sampled again by the weights of the resume.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsys.loop.fleet import GroupBatch, Rows, Sampled
from rlsys.loop.ledger import Ledger, State
from rlsys.loop.loop import InFlight, Loop, LoopState
from rlsys.loop.ready import ReadyGroup
from rlsys.roles import ROLLOUT, Annotations


@dataclass(frozen=True)
class Snapshot:
    """What a checkpoint holds of the loop."""

    state: dict[str, Any]
    """JSON values."""
    kept: list[Rows]
    """What the fleet must keep, in the order in which `restore` wants the refs."""


def take(loop: Loop) -> Snapshot:
    """The loop as it is now; call it in one go with what must be of the same moment."""
    state = loop.state
    ready = loop.ready.groups()
    in_flight = list(loop.in_flight.values())
    sampled = [flight for flight in in_flight if flight.sampled]
    content = {
        "version": state.version,
        "next_group": state.next_group,
        "failures_in_a_row": state.failures_in_a_row,
        "ledger": state.ledger.to_dict(),
        "prompts": loop.prompts.state_dict(),
        "ahead": loop.ahead.state_dict(),
        "solve_rates": loop.rates.state_dict(),
        "ready": [
            _group_out(group)
            | {
                "admitted": loop.ready.admitted_version(group.group_id),
                "deadline": loop.ready.deadline(group.group_id),
            }
            for group in ready
        ],
        "sampled": [_flight_out(loop, flight) for flight in sampled],
        "unfinished": [_flight_out(loop, flight) for flight in in_flight if not flight.sampled],
    }
    rows = [Rows(group.annotations, group.row, len(group.rewards)) for group in ready]
    for flight in sampled:
        assert flight.sampled is not None
        annotations = {ROLLOUT: flight.sampled.rollouts}
        rows.append(Rows(annotations, 0, len(flight.sampled.num_tokens)))
    return Snapshot(content, rows)


def restore(loop: Loop, state: dict[str, Any], kept: Sequence[Annotations]) -> None:
    """Bring a new loop to where `take` was called; its fleet holds the checkpoint's version.

    Args:
        kept: of the kept rows, in their order, each the whole of its batches.
    Raises:
        ConfigError, DataError: the prompts are not those of the checkpoint.
        LedgerError: the state does not close.
    """
    loop.prompts.load_state_dict(state["prompts"])
    loop.ahead.load_state_dict(state["ahead"])
    loop.rates.load_state_dict(state["solve_rates"])
    living: dict[int, State] = {}
    for entry, own in zip(state["ready"], kept, strict=False):
        group = _group_in(entry, own)
        living[group.group_id] = State.READY
        loop.ready.admit(group.group_id, entry["admitted"], entry["deadline"])
        loop.ready.put(group)
    for entry, own in zip(state["sampled"], kept[len(state["ready"]) :], strict=True):
        _restore_flight(loop, entry, _sampled_in(entry, own[ROLLOUT]), living)
    for entry in state["unfinished"]:
        # Sampled anew, so as young as what the workers hold now. Each has as long as it had: by a
        # bound that has shrunk since, more may be due than there are steps left to train them in.
        ages = [d - a for a, d in zip(entry["admitted"], entry["deadline"], strict=True)]
        versions = [state["version"]] * len(ages)
        entry |= {"admitted": versions, "deadline": [state["version"] + age for age in ages]}
        _restore_flight(loop, entry, None, living)
    loop.state = LoopState(
        version=state["version"],
        published=state["version"],
        ledger=Ledger.restored(state["ledger"], living),
        next_group=state["next_group"],
        failures_in_a_row=state["failures_in_a_row"],
    )
    loop.drops.step = state["version"] + 1
    loop.slots.taken = len(living)


def _restore_flight(
    loop: Loop, entry: dict[str, Any], sampled: Sampled | None, living: dict[int, State]
) -> None:
    ids = tuple(entry["group_ids"])
    prompts = tuple(map(loop.budgeted, loop.prompts.named(entry["prompt_ids"])))
    for group_id, version, deadline in zip(ids, entry["admitted"], entry["deadline"], strict=True):
        living[group_id] = State.SAMPLED if sampled else State.ADMITTED
        loop.ready.admit(group_id, version, deadline)
    loop.in_flight[ids[0]] = InFlight(
        GroupBatch(ids, prompts, loop.config.loop.group_size), sampled
    )


def _flight_out(loop: Loop, flight: InFlight) -> dict[str, Any]:
    batch, sampled = flight.batch, flight.sampled
    content: dict[str, Any] = {
        "group_ids": list(batch.group_ids),
        "prompt_ids": [prompt.prompt_id for prompt in batch.prompts],
        "admitted": [loop.ready.admitted_version(g) for g in batch.group_ids],
        "deadline": [loop.ready.deadline(g) for g in batch.group_ids],
    }
    if sampled:
        content |= {name: getattr(sampled, name).tolist() for name in _SAMPLED}
    return content


_SAMPLED = ("oldest_version", "newest_version", "num_tokens", "truncated")


def _sampled_in(entry: dict[str, Any], rollouts: Any) -> Sampled:
    return Sampled(rollouts, *(np.array(entry[name]) for name in _SAMPLED))


def _group_out(group: ReadyGroup) -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "prompt_id": group.prompt_id,
        "oldest_version": group.oldest_version,
        "rewards": _numbers_out(group.rewards),
        "correct": group.correct.tolist(),
        "num_tokens": group.num_tokens.tolist(),
        "truncated": group.truncated.tolist(),
        "log_ratios": {role: _numbers_out(ratio) for role, ratio in group.log_ratios.items()},
        "components": {name: _numbers_out(c) for name, c in group.components.items()},
        "difficulty": _numbers_out(np.array([group.difficulty])),
        "source": group.source,
        "statuses": list(group.statuses),
    }


def _group_in(entry: dict[str, Any], annotations: Annotations) -> ReadyGroup:
    return ReadyGroup(
        group_id=entry["group_id"],
        prompt_id=entry["prompt_id"],
        oldest_version=entry["oldest_version"],
        annotations=annotations,
        row=0,
        rewards=_numbers_in(entry["rewards"]),
        correct=np.array(entry["correct"], dtype=bool),
        num_tokens=np.array(entry["num_tokens"]),
        truncated=np.array(entry["truncated"], dtype=bool),
        log_ratios={role: _numbers_in(ratio) for role, ratio in entry["log_ratios"].items()},
        components={name: _numbers_in(c) for name, c in entry["components"].items()},
        difficulty=float(_numbers_in(entry["difficulty"])[0]),
        source=entry["source"],
        statuses=tuple(entry["statuses"]),
    )


def _numbers_out(values: np.ndarray) -> list[float | None]:
    """JSON has no NaN; every other float64 comes back bit for bit."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def _numbers_in(values: list[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
