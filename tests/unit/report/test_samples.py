"""Whole groups, evenly over the steps, and no more than asked for."""

import base64
import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.disk import write_table
from rlsys.report.samples import Chosen, choose, vocabulary
from tests.helpers.reported_run import make_run, write_samples


def groups_of(chosen: Chosen) -> list[dict[str, Any]]:
    """What lies in its chunks."""
    packed = [gzip.decompress(base64.b64decode(chunk)) for chunk in chosen.chunks]
    return [group for text in packed for group in json.loads(text)]


def sampled(folder: Path, steps: int, groups: int = 4) -> Path:
    """With texts that cannot be packed, so that a group takes as much room as another."""
    run, random = make_run(folder, []), Random(0)
    for step in range(1, steps + 1):
        write_samples(run, step, groups)
        path = run / "samples" / f"step-{step:06d}.parquet"
        table = pq.read_table(path)
        texts = pa.array([random.randbytes(2000).hex() for _ in range(table.num_rows)])
        write_table(table.set_column(table.column_names.index("text"), "text", texts), path)
    return run


def test_all_are_taken_where_there_is_room(tmp_path: Path) -> None:
    chosen = choose(sampled(tmp_path / "a", 3), 10**6)
    assert (chosen.completions, chosen.total, len(groups_of(chosen))) == (24, 24, 12)


def test_what_is_taken_is_whole_groups_of_every_step(tmp_path: Path) -> None:
    run = sampled(tmp_path / "a", 10)
    size = choose(run, 1).bytes
    chosen = choose(run, 22 * size)
    groups = groups_of(chosen)
    assert chosen.total == 80
    assert {group["step"] for group in groups} == set(range(1, 11))
    assert len(groups) < 30
    assert all(len(group["rows"]) == 2 for group in groups)
    assert chosen.bytes <= 22 * size


def test_few_of_many_steps_are_spread_from_the_first_to_the_last(tmp_path: Path) -> None:
    run = sampled(tmp_path / "a", 21, groups=1)
    steps = sorted(set(choose(run, 7 * choose(run, 1).bytes).index["step"]))
    assert (steps[0], steps[-1]) == (1, 21)
    assert 3 <= len(steps) <= 7


def test_one_group_is_there_however_large_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [])
    write_samples(run, 1, groups=3, text="x" * 10_000)
    assert len(groups_of(choose(run, 100))) == 1


def test_the_index_has_a_value_for_each_group_and_each_completion(tmp_path: Path) -> None:
    run = sampled(tmp_path / "a", 3, groups=2)
    write_samples(run, 4, groups=1, dropped="stale")
    index = choose(run, 10**6).index
    assert index["step"] == [1, 1, 2, 2, 3, 3, 4]
    assert index["chunk"] == [0, 0, 1, 1, 2, 2, 3]
    assert index["kind"] == ["train"] * 6 + ["dropped"]
    assert index["size"] == [2] * 7
    assert index["length"] == [3, 2] * 7
    assert index["reward"] == [1.0, 0.0] * 7


def test_a_large_step_is_in_several_chunks(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [])
    write_samples(run, 1, groups=4, text="x" * 200_000)
    chosen = choose(run, 10**6)
    assert chosen.index["chunk"] == [0, 0, 1, 1]
    assert len(groups_of(chosen)) == 4


def test_a_damaged_file_is_named_and_costs_no_other(tmp_path: Path) -> None:
    run = sampled(tmp_path / "a", 3)
    broken = run / "samples" / "step-000002.parquet"
    broken.write_bytes(broken.read_bytes()[:100])
    chosen = choose(run, 10**6)
    assert chosen.unreadable == ["step-000002.parquet"]
    assert set(chosen.index["step"]) == {1, 3}


def test_a_run_without_samples_has_none(tmp_path: Path) -> None:
    chosen = choose(make_run(tmp_path / "a", []), 10**6)
    assert (chosen.chunks, chosen.completions, chosen.total) == ([], 0, 0)


def test_a_completion_has_what_became_of_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [])
    write_samples(run, 1, groups=1, dropped="stale")
    (group,) = groups_of(choose(run, 10**6))
    assert (group["kind"], group["dropped"], group["expected"]) == ("dropped", "stale", '"1"')
    first = group["rows"][0]
    assert (first["tokens"], first["logprobs"]) == ([5, 6, 7], [-0.5, -0.5, -0.5])
    assert (first["versions"], first["forced"]) == ([[3, 3]], [])
    assert first["components"] == {"accuracy": 1.0}
    assert first["advantage"] is None


def test_tokens_have_their_text_once_a_policy_is_saved(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    run = sampled(tmp_path / "a", 1)
    tokens = choose(run, 10**6).token_ids
    assert vocabulary(run, tokens) == {}
    words = {"<s>": 0, "a": 5, "b": 6, "▁c": 7, "d": 8}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<s>"))
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    policy = run / "checkpoints" / "step-000001" / "policy"
    policy.mkdir(parents=True)
    tokenizer.save(str(policy / "tokenizer.json"))
    assert vocabulary(run, tokens) == {5: "a", 6: "b", 7: " c", 8: "d"}
