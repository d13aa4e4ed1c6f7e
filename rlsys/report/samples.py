"""Which completions are in a report: whole groups, evenly over the steps, up to a size.

    samples/step-000012.parquet             trained on
    samples/heldout/step-000010.parquet     held-out checks
    samples/dropped/step-000012-7.parquet   groups that were dropped, with their reason

The first groups of each file are taken, as many as its share of the size allows. Those of held-out
checks are in the order of the prompts, so one prompt's completions are there at many steps.

They lie in the page as chunks, each the groups of one file, compressed; what completions are found
by is beside them in an index of columns, so the page opens without unpacking any. Their texts are
packed once more without the rest, those of many chunks together: what a text is sought in.
"""

import base64
import gzip
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from types import MappingProxyType
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
    "level": "level",
    "finish_reason": "finish",
    "reasoning_tokens": "reasoning_tokens",
    "worker": "worker",
    "advantage": "advantage",
    "kl": "kl",
    "minibatch": "minibatch",
    "rank": "rank",
    "microbatch": "microbatch",
    "token_ids": "tokens",
    "rollout_logprobs": "logprobs",
    "log_ratio": "log_ratio",
    "advantages": "advantages",
}
_RUNS = {"policy_versions": "versions", "forced": "forced", "clip": "clip"}
"""Columns of few values, kept as runs of equal ones."""
_READ = [*_OF_GROUP, *_OF_ROW, *_RUNS, "split", "group_id", "components"]
_CHUNK_BYTES = 512 * 1024
"""Of a chunk's JSON: unpacked in a hundredth of a second."""
_INDEX_GROUP = ("step", "group", "kind", "source", "prompt_id", "dropped")
_INDEX_ROW = ("index", "status", "reward", "finish")


@dataclass
class Chosen:
    """The completions of a run's samples that are in its report."""

    chunks: list[str] = field(default_factory=list)
    """base64 of gzip of a JSON list of groups."""
    texts: list[str] = field(default_factory=list)
    """As packed as chunks, a list of groups `[prompt, [[text, reason], ...]]`."""
    index: dict[str, list[Any]] = field(default_factory=lambda: {n: [] for n in _index_names()})
    """A column per name: `size` and `chunk` and those of groups a value per group; `length`,
    completion tokens, and those of rows a value per completion."""
    token_ids: set[int] = field(default_factory=set)
    bytes: int = 0
    """Of the chunks and their texts."""
    packing: float = 0.3
    """Bytes of the newest chunk for one of its JSON."""
    total: int = 0
    """Completions that lie in the folder."""
    _sought: list[Any] = field(default_factory=list)
    _sought_size: int = 0
    _sought_bytes: int = 0
    """Of those that are to be packed, their JSON and what it may come to."""
    unreadable: list[str] = field(default_factory=list)
    """Files that are damaged, or went while they were read: a resume takes later ones away."""

    @property
    def completions(self) -> int:
        """That are in it."""
        return len(self.index["length"])

    def add(self, groups: Sequence[dict[str, Any]]) -> None:
        """One more chunk."""
        size, packed = _packed(groups)
        before = self._sought_size
        for group in groups:
            for name in _INDEX_GROUP:
                self.index[name].append(group[name])
            self.index["chunk"].append(len(self.chunks))
            self.index["texts"].append(len(self.texts))
            texts = [[row["text"], row["reason"]] for row in group["rows"]]
            self._sought.append([group["prompt"], texts])
            self._sought_size += _size([group["prompt"], texts])
            self.index["size"].append(len(group["rows"]))
            for row in group["rows"]:
                for name in _INDEX_ROW:
                    self.index[name].append(row[name])
                self.index["length"].append(len(row["tokens"]))
                self.token_ids.update(row["tokens"])
        self.chunks.append(packed)
        texts_bytes = len(packed) * (self._sought_size - before) // size  # until they are packed
        self._sought_bytes += texts_bytes
        self.bytes += len(packed) + texts_bytes
        self.packing = (len(packed) + texts_bytes) / size
        if self._sought_size > _CHUNK_BYTES:
            self.close_texts()

    def close_texts(self) -> None:
        """Pack the texts that were added; once more at the end."""
        if self._sought:
            _, packed = _packed(self._sought)
            self.texts.append(packed)
            self.bytes += len(packed) - self._sought_bytes
            self._sought, self._sought_size, self._sought_bytes = [], 0, 0


def _packed(value: Any) -> tuple[int, str]:
    """Bytes of a value's JSON, and base64 of it compressed."""
    text = json.dumps(value, separators=(",", ":")).encode()
    return len(text), base64.b64encode(gzip.compress(text, compresslevel=6, mtime=0)).decode()


def choose(
    folder: Path, most_bytes: int, named: Mapping[int, Collection[int]] = MappingProxyType({})
) -> Chosen:
    """Groups of a run's folder whose chunks are about `most_bytes` long, one group at least.

    Args:
        named: groups that were trained on, by step; they are taken wherever they stand in their
            file, as long as there is room.
    """
    chosen = Chosen()
    files = _files(folder, chosen)
    if not files:
        return chosen
    sample = Chosen()
    sample.add(list(islice(_readable(files[len(files) // 2], chosen), 1)))
    chosen.packing = sample.packing
    # A file's share that does not hold a group is no share: some files are left out.
    evenly = set(_evenly(files, max(1, most_bytes // (2 * sample.bytes))))
    wanted = {folder / SAMPLES / f"step-{step:06d}.parquet": set(named[step]) for step in named}
    taken = [path for path in files if path in wanted or path in evenly]
    for number, path in enumerate(taken):
        left = most_bytes - chosen.bytes
        # The first of a file may take more than its share: others take less.
        _take(path, chosen, left / (len(taken) - number), left, wanted.get(path, set()))
    chosen.close_texts()
    return chosen


def _take(path: Path, chosen: Chosen, share: float, left: float, wanted: set[int]) -> None:
    """A file's first groups, as many as fit into its share; one at least, and those that are
    wanted, where that is left."""
    begin, groups, raw, is_full = chosen.bytes, list[dict[str, Any]](), 0, False
    for group in _readable(path, chosen):
        is_wanted = group["group"] in wanted
        wanted.discard(group["group"])
        if is_full and not is_wanted:
            continue
        size = _size(group)
        is_first = not groups and chosen.bytes == begin
        spent = chosen.bytes - begin + (raw + size) * chosen.packing
        room = left if is_first or is_wanted else share
        if not (groups or chosen.chunks) or spent <= room:
            groups.append(group)
            raw += size
        else:
            is_full = True
        if raw > _CHUNK_BYTES:
            chosen.add(groups)
            groups, raw = [], 0
        if is_full and not wanted:
            break
    if groups:
        chosen.add(groups)


def vocabulary(folder: Path, token_ids: set[int]) -> dict[int, str]:
    """The text of each of these tokens; see texts_of."""
    return texts_of(folder, sorted(token_ids))


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


def as_group(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A group of a report, of the rows of samples that it has."""
    group = {name: _value(rows[0].get(column)) for column, name in _OF_GROUP.items()}
    group["kind"] = "dropped" if group["dropped"] else rows[0].get("split", TRAIN)
    return group | {"group": rows[0]["group_id"], "rows": [_row(row) for row in rows]}


def _index_names() -> list[str]:
    return [*_INDEX_GROUP, "chunk", "texts", "size", *_INDEX_ROW, "length"]


def _files(folder: Path, chosen: Chosen) -> list[Path]:
    """Files with rows, by step; what they hold is counted."""
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
    return files


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
    first = 0
    for _, same in groupby(table.column("group_id").to_pylist()):
        count = len(list(same))
        yield as_group(table.slice(first, count).to_pylist())
        first += count


def _row(row: dict[str, Any]) -> dict[str, Any]:
    runs = {name: _runs(row.get(column) or []) for column, name in _RUNS.items()}
    for name in ("forced", "clip"):
        if not any(value for value, _ in runs[name]):
            runs[name] = []
    return {
        **{name: _value(row.get(column)) for column, name in _OF_ROW.items()},
        "components": {name: _value(value) for name, value in row.get("components") or ()},
        **runs,
    }


def _runs(values: Sequence[Any]) -> list[list[Any]]:
    """`[5, 5, 6]` as `[[5, 2], [6, 1]]`."""
    return [[value, len(list(same))] for value, same in groupby(values)]


def _value(value: Any) -> Any:
    """Four digits of a float are all that is shown."""
    if isinstance(value, list):
        return [_value(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _size(value: Any) -> int:
    """Bytes of its JSON."""
    return len(json.dumps(value, separators=(",", ":")))
