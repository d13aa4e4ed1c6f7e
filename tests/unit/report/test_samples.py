"""Whole groups, evenly over the steps, and no more than asked for."""

from pathlib import Path

import pytest

from rlsys.report.samples import choose, vocabulary
from tests.helpers.reported_run import make_run, write_samples


def sampled(folder: Path, steps: int, groups: int = 4) -> Path:
    run = make_run(folder, [])
    for step in range(1, steps + 1):
        write_samples(run, step, groups)
    return run


def test_all_are_taken_where_there_is_room(tmp_path: Path) -> None:
    chosen = choose(sampled(tmp_path / "a", 3), 10**6)
    assert (chosen.completions, chosen.total, len(chosen.groups)) == (24, 24, 12)


def test_what_is_taken_is_whole_groups_of_every_step(tmp_path: Path) -> None:
    run = sampled(tmp_path / "a", 10)
    size = len(str(choose(run, 1).groups[0]))
    chosen = choose(run, 22 * size)
    assert chosen.total == 80
    assert {group["step"] for group in chosen.groups} == set(range(1, 11))
    assert len(chosen.groups) < 30
    assert all(len(group["rows"]) == 2 for group in chosen.groups)


def test_few_of_many_steps_are_spread_from_the_first_to_the_last(tmp_path: Path) -> None:
    run = sampled(tmp_path / "a", 21, groups=1)
    size = len(str(choose(run, 1).groups[0]))
    steps = sorted({group["step"] for group in choose(run, 7 * size).groups})
    assert (steps[0], steps[-1]) == (1, 21)
    assert 3 <= len(steps) <= 7


def test_one_group_is_there_however_large_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [])
    write_samples(run, 1, groups=3, text="x" * 10_000)
    assert len(choose(run, 100).groups) == 1


def test_a_damaged_file_is_named_and_costs_no_other(tmp_path: Path) -> None:
    run = sampled(tmp_path / "a", 3)
    broken = run / "samples" / "step-000002.parquet"
    broken.write_bytes(broken.read_bytes()[:100])
    chosen = choose(run, 10**6)
    assert chosen.unreadable == ["step-000002.parquet"]
    assert {group["step"] for group in chosen.groups} == {1, 3}


def test_a_run_without_samples_has_none(tmp_path: Path) -> None:
    chosen = choose(make_run(tmp_path / "a", []), 10**6)
    assert (chosen.groups, chosen.total) == ([], 0)


def test_a_completion_has_what_became_of_it(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [])
    write_samples(run, 1, groups=1, dropped="stale")
    (group,) = choose(run, 10**6).groups
    assert (group["kind"], group["dropped"], group["expected"]) == ("dropped", "stale", '"1"')
    first = group["rows"][0]
    assert (first["tokens"], first["logprobs"]) == ([5, 6, 7], [-0.5, -0.5, -0.5])
    assert (first["versions"], first["forced"]) == ([[3, 3]], [])
    assert first["components"] == {"accuracy": 1.0}
    assert first["advantage"] is None


def test_tokens_have_their_text_once_a_policy_is_saved(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    run = sampled(tmp_path / "a", 1)
    groups = choose(run, 10**6).groups
    assert vocabulary(run, groups) == {}
    words = {"<s>": 0, "a": 5, "b": 6, "▁c": 7, "d": 8}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<s>"))
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    policy = run / "checkpoints" / "step-000001" / "policy"
    policy.mkdir(parents=True)
    tokenizer.save(str(policy / "tokenizer.json"))
    assert vocabulary(run, groups) == {5: "a", 6: "b", 7: " c", 8: "d"}
