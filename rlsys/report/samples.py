"""Which completions are in a report: whole groups, evenly over the steps, up to a size.

    samples/step-000012.parquet             trained on
    samples/heldout/step-000010.parquet     held-out checks
    samples/dropped/step-000012-7.parquet   groups that were dropped, with their reason

The first groups of each file are taken, as many as its share of the size allows. Those of held-out
checks are in the order of the prompts, so one prompt's completions are there at many steps.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rlsys.learning.join import TRAIN
from rlsys.run.folder import SAMPLES

_OF_GROUP = {
    "prompt_id": "prompt_id",
    "source": "source",
    "prompt_text": "prompt",
    "expected": "expected",
    "difficulty": "difficulty",
    "step": "step",
    "dropped": "dropped",
}
_OF_ROW = {
    "sample_index": "index",
    "text": "text",
    "reward": "reward",
    "status": "status",
    "reason": "reason",
    "finish_reason": "finish",
    "reasoning_tokens": "reasoning_tokens",
    "worker": "worker",
    "advantage": "advantage",
    "kl": "kl",
    "token_ids": "tokens",
    "rollout_logprobs": "logprobs",
}
_READ = [*_OF_GROUP, *_OF_ROW, "split", "group_id", "components", "policy_versions", "forced"]


@dataclass
class Chosen:
    """The completions of a run's samples that are in its report."""

    groups: list[dict[str, Any]] = field(default_factory=list)
    completions: int = 0
    """That are in it."""
    total: int = 0
    """That lie in the folder."""
    unreadable: list[str] = field(default_factory=list)
    """Files that are damaged, or went while they were read: a resume takes later ones away."""


def choose(folder: Path, most_bytes: int) -> Chosen:
    """Groups of a run's folder whose JSON is about `most_bytes` long, one group at least."""
    chosen = Chosen()
    files = []
    for path in sorted((folder / SAMPLES).rglob("*.parquet"), key=lambda path: path.name):
        try:
            rows = pq.read_metadata(path).num_rows
        except (pa.ArrowException, OSError):
            chosen.unreadable.append(path.name)
            continue
        if rows:
            chosen.total += rows
            files.append(path)
    if not files:
        return chosen
    middle = _size(next(_readable(files[len(files) // 2], chosen), {}))
    taken = _evenly(files, max(1, most_bytes // (2 * middle)))
    left = most_bytes
    for number, path in enumerate(taken):
        share = left // (len(taken) - number)
        spent = 0
        for group in _readable(path, chosen):
            size = _size(group)
            # The first of a file may take more than its share: others take less.
            if chosen.groups and spent + size > (share if spent else left):
                break
            spent += size
            chosen.groups.append(group)
            chosen.completions += len(group["rows"])
        left -= spent
    return chosen


def vocabulary(folder: Path, groups: Sequence[dict[str, Any]]) -> dict[int, str]:
    """The text of each token that these groups have; see texts_of."""
    return texts_of(folder, sorted({t for g in groups for row in g["rows"] for t in row["tokens"]}))


def texts_of(folder: Path, ids: Sequence[int]) -> dict[int, str]:
    """The text of each token, by the tokenizer of a run's newest checkpoint; empty before there is
    one."""
    found = sorted(folder.glob("checkpoints/step-*/policy/tokenizer.json"))
    if not found:
        return {}
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(found[-1]))
    texts = {}
    for token in ids:
        text = tokenizer.decode([token], skip_special_tokens=False)
        raw = tokenizer.id_to_token(token) or ""
        # A decoder of pieces drops the space before a text's first one.
        texts[token] = f" {text}" if raw.startswith("▁") and text[:1] != " " else text
    return texts


def _evenly(files: Sequence[Path], count: int) -> list[Path]:
    """So many of the files, at most all: the first, the last, and others in equal distances."""
    if count >= len(files):
        return list(files)
    if count == 1:
        return [files[-1]]
    return [files[round(i * (len(files) - 1) / (count - 1))] for i in range(count)]


def _readable(path: Path, chosen: Chosen) -> Iterator[dict[str, Any]]:
    """The file's groups, up to where it cannot be read: that is noted, and costs no other file."""
    try:
        yield from _groups(path)
    except (pa.ArrowException, OSError):
        if path.name not in chosen.unreadable:
            chosen.unreadable.append(path.name)


def _groups(path: Path) -> Iterator[dict[str, Any]]:
    """Each group of a file, made when it is asked for."""
    file = pq.ParquetFile(path)
    names = [name for name in _READ if name in file.schema_arrow.names]
    table = file.read(columns=names)
    ids = table.column("group_id").to_pylist()
    first = 0
    for group_id, same in groupby(ids):
        count = len(list(same))
        rows = table.slice(first, count).to_pylist()
        first += count
        group = {name: _value(rows[0].get(column)) for column, name in _OF_GROUP.items()}
        group["kind"] = "dropped" if group["dropped"] else rows[0].get("split", TRAIN)
        yield group | {"group": group_id, "rows": [_row(row) for row in rows]}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    versions, forced = row.get("policy_versions") or [], row.get("forced") or []
    return {
        **{name: _value(row.get(column)) for column, name in _OF_ROW.items()},
        "components": {name: _value(value) for name, value in row.get("components") or ()},
        "versions": _runs(versions),
        "forced": _runs(forced) if any(forced) else [],
    }


def _runs(values: Sequence[Any]) -> list[list[Any]]:
    """`[5, 5, 6]` as `[[5, 2], [6, 1]]`."""
    return [[value, len(list(same))] for value, same in groupby(values)]


def _value(value: Any) -> Any:
    """Four digits of a float are all that is shown."""
    if isinstance(value, list):
        return [_value(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _size(group: dict[str, Any]) -> int:
    """Bytes in the page."""
    return len(json.dumps(group, separators=(",", ":")))
