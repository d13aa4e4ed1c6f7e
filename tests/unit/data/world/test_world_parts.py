"""The tiny world's data by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from rlsys.config.data import DataConfig
from rlsys.data.arithmetic import Split
from rlsys.data.demonstrations import read_lessons
from rlsys.data.digests import digests
from rlsys.data.load import load_rows
from rlsys.data.read import read_rows
from rlsys.data.world.parts import PARTS, RowOf, part_rows, world_file
from rlsys.errors import DataError
from rlsys.lineage.digests import digest_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def asked(row: RowOf) -> str:
    turns = row.get("prompt") or row["messages"]
    return str(turns[0]["content"])


@pytest.mark.parametrize("part", PARTS)
def test_no_question_of_a_part_is_in_both_splits(part: str) -> None:
    train = {asked(row) for row in part_rows(part, Split.train)}
    test = {asked(row) for row in part_rows(part, Split.held_out)}
    assert len(test) > 100
    assert not train & test


@pytest.mark.parametrize("part", ["reasoning", "chains", "pairs"])
def test_a_seed_gives_one_part_and_another_seed_another(part: str) -> None:
    rows = part_rows(part, Split.held_out)
    assert part_rows(part, Split.held_out) == rows
    assert part_rows(part, Split.held_out, seed=1) != rows


def test_training_is_the_split_that_need_not_be_named() -> None:
    assert world_file("world:pairs").read_text() == world_file("world:pairs:train").read_text()
    assert world_file("world:pairs").read_text() != world_file("world:pairs:test").read_text()


def test_a_part_is_written_once_and_its_bytes_are_its_digest(home: Path) -> None:
    file = world_file("world:general:test")
    assert file.is_relative_to(home)
    before = file.stat().st_mtime_ns
    assert world_file("world:general:test") == file
    assert file.stat().st_mtime_ns == before
    assert digest_of("world:general:test") == digest_of(file)
    assert list(digests(["world:general:test", ""])) == [str(file.resolve())]


def test_a_few_of_the_chains_are_rewritten() -> None:
    few = part_rows("rewritten", Split.train)
    assert [asked(row) for row in few] == [
        asked(row) for row in part_rows("chains", Split.train)[: len(few)]
    ]
    assert len(few) < 200


def test_rows_for_training_have_answers_levels_and_a_source() -> None:
    config = DataConfig(train="world:reasoning", test="world:reasoning:test")
    rows = load_rows(config)
    assert (len(rows.train), len(rows.held_out), rows.notes) == (4000, 512, ())
    assert {row.source for row in rows.train} == {"reasoning"}
    assert {row.difficulty for row in rows.held_out} == {2.0, 3.0, 4.0}
    assert rows.train[0].expected is not None


def test_general_rows_tell_the_judge_what_is_asked_for() -> None:
    rows = read_rows("world:general:test", DataConfig()).rows
    assert all(row.expected is None and row.info["request"]["kind"] for row in rows)
    assert {row.source for row in rows} == {"general"}


@pytest.mark.parametrize("part", ["chains", "answers", "replies"])
def test_demonstrations_are_read_as_such(part: str) -> None:
    lessons = read_lessons(f"world:{part}:test", DataConfig()).rows
    assert all(lesson.completion for lesson in lessons)
    has_chain = "first" in lessons[0].completion
    assert part == "replies" or has_chain == (part == "chains")


def test_pairs_have_a_good_side_and_a_flawed_one_of_each_kind() -> None:
    rows = part_rows("pairs", Split.held_out)
    assert {row["flaw"] for row in rows} == {"unhelpful", "harmful", "mixed", "wrong"}
    assert all(row["chosen"] != row["rejected"] for row in rows)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("world:resoning", r"world:resoning: .* did you mean 'reasoning'\?; there are: answers, "),
        ("world:", r"world:: the tiny world has no part ''; there are: answers, "),
        ("world:pairs:tset", r"no split 'tset'; did you mean 'test'\?; there are: test, train"),
    ],
)
def test_a_wrong_name_is_one_error_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_rows(name, DataConfig())


def test_the_world_is_imported_without_torch() -> None:
    code = "import rlsys.data.world.parts, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
