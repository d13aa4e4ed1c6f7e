"""What became of one completion, token by token, from its admission to the update it went into.

samples/step-000012.parquet     tokens, versions, worker, verdict, what training made of them
ledger.jsonl                    when its group was admitted, and how it ended
config.yaml                     which verifier a part of the reward is of, and its weight
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from omegaconf import OmegaConf

from rlsys.config.model_names import FILE as CONFIG
from rlsys.config.yaml_files import read_yaml
from rlsys.disk import parquet_errors
from rlsys.errors import ConfigError
from rlsys.evaluation import heldout
from rlsys.run import history
from rlsys.run.folder import SAMPLES
from rlsys.schema import Clip

_SHOWN = 5
"""Groups that an error names."""


@dataclass(frozen=True)
class TokenFate:
    """One token of a completion; None: not recorded, or it took no part."""

    id: int
    version: int
    """Of the policy whose weights sampled it."""
    logprob: float
    """Under that policy, nats."""
    forced: bool
    """A thinking limit wrote it."""
    log_ratio: float | None
    """Of the policy as it was trained to the one that sampled, nats."""
    clip: Clip | None
    advantage: float | None


@dataclass(frozen=True)
class Part:
    """Of a reward, as a verifier said it."""

    name: str
    verifier: str
    weight: float | None
    """None: the settings name no such part (it is one of a part's own)."""
    value: float


@dataclass(frozen=True)
class Trace:
    """One completion."""

    row: dict[str, Any]
    """Of the samples."""
    rewards: list[float | None]
    """Of its whole group."""
    tokens: list[TokenFate]
    parts: list[Part]
    admitted: int | None
    """The step before whose end its group was admitted; None: no ledger has it, as of checks."""
    is_recorded: bool
    """Whether the run's version kept ratios and clips."""

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """First token, last token, and the version that sampled from the one to the other."""
        first = 0
        for version, same in groupby(token.version for token in self.tokens):
            count = len(list(same))
            yield first, first + count - 1, version
            first += count


def trace(folder: Path, step: int, group: int, sample: int) -> Trace:
    """What a run's folder says of a completion.

    Args:
        step: that it was trained in, dropped before, or checked at.
        group: its id; negative in held-out checks.
        sample: its index in the group, from 0.
    Raises:
        ConfigError: there is no such step, group or sample; names the nearest.
    """
    rows = read_group(folder, step, group)
    found = next((row for row in rows if row["sample_index"] == sample), None)
    if found is None:
        indices = sorted(row["sample_index"] for row in rows)
        raise ConfigError(
            f"SAMPLE {sample}: group {group} of step {step} has the samples {indices[0]} to "
            f"{indices[-1]}; nearest valid: {min(indices, key=lambda i: abs(i - sample))}"
        )
    return Trace(
        row=found,
        rewards=[row["reward"] for row in rows],
        tokens=list(_tokens(found)),
        parts=_parts(folder, found),
        admitted=_admitted(folder, group),
        is_recorded="log_ratio" in found,
    )


def read_group(folder: Path, step: int, group: int) -> list[dict[str, Any]]:
    """All rows of a group's samples, whatever became of it.

    Raises:
        ConfigError: as `trace`.
        DataError: a file of the step's samples is not whole.
    """
    samples = folder / SAMPLES
    files = [
        samples / f"step-{step:06d}.parquet",
        samples / heldout.FOLDER / f"step-{step:06d}.parquet",
        *sorted((samples / "dropped").glob(f"step-{step:06d}-*.parquet")),
    ]
    groups: set[int] = set()
    for file in (file for file in files if file.exists()):
        with parquet_errors(file):
            rows = pq.read_table(file, filters=[("group_id", "=", group)]).to_pylist()
            if rows:
                return rows
            groups |= set(pq.read_table(file, columns=["group_id"]).column("group_id").to_pylist())
    if not groups:
        raise ConfigError(f"STEP {step}: {_nearest_step(samples, step)}")
    near = sorted(groups, key=lambda one: abs(one - group))[:_SHOWN]
    raise ConfigError(
        f"GROUP {group}: {_elsewhere(folder, group) or f'step {step} has no such group'}; nearest "
        f"valid of step {step}: {', '.join(map(str, near))} (held-out checks' are negative)"
    )


def _elsewhere(folder: Path, group: int) -> str:
    """Where the ledger has the group; empty: nowhere."""
    path = folder / history.FILE
    if not path.exists():
        return ""
    known = history.account(history.read(path))
    if group in known.trained:
        return f"it was trained in step {known.trained[group]}"
    if group in known.dropped:
        return f"it was dropped: {known.dropped[group]}"
    return "it was admitted and has not ended" if group in known.admitted else ""


def _nearest_step(samples: Path, step: int) -> str:
    names = (file.stem.split("-") for file in samples.rglob("step-*.parquet"))
    steps = sorted({int(parts[1]) for parts in names})
    if not steps:
        return f"{samples} has no completions yet"
    nearest = min(steps, key=lambda one: abs(one - step))
    return f"{samples} has none of that step; nearest valid: {nearest}"


def _tokens(row: dict[str, Any]) -> Iterator[TokenFate]:
    count = len(row["token_ids"])
    nothing = [None] * count
    ratios, clips = (row.get(name) or nothing for name in ("log_ratio", "clip"))
    advantages = row.get("advantages") or [row["advantage"]] * count
    for at in range(count):
        clip = clips[at]
        yield TokenFate(
            id=row["token_ids"][at],
            version=row["policy_versions"][at],
            logprob=row["rollout_logprobs"][at],
            forced=bool(row["forced"][at]),
            log_ratio=ratios[at],
            clip=None if clip is None else Clip(clip),
            # A run that kept no clips does not say which tokens were left out.
            advantage=advantages[at] if clip is not None or "clip" not in row else None,
        )


def _parts(folder: Path, row: dict[str, Any]) -> list[Part]:
    """In the order in which the verifier said them."""
    config = read_yaml(folder / CONFIG)
    rewards = OmegaConf.select(config, "verifiers.rewards") or []
    by_name = {one.get("name") or one.get("verifier"): one for one in rewards}
    parts = []
    for name, value in row["components"] or ():
        settings = by_name.get(name.partition(".")[0])
        verifier = (settings.get("verifier") or settings.get("name")) if settings else ""
        weight = float(settings.weight) if settings and name in by_name else None
        parts.append(Part(name, verifier, weight, value))
    return parts


def _admitted(folder: Path, group: int) -> int | None:
    path = folder / history.FILE
    if not path.exists():
        return None
    lines = history.standing_lines(history.read(path))
    found = (line["step"] for line in lines if any(one == group for one, _ in line["admitted"]))
    return next(found, None)
