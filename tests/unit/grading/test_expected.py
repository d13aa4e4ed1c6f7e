"""Rows whose expected answer their verifiers cannot read are found before a run starts."""

import json
from dataclasses import replace

import pytest

from rlsys.config.run import RunConfig
from rlsys.config.verifiers import RewardConfig
from rlsys.data.load import RunRows
from rlsys.data.read import read_rows
from rlsys.errors import DataError
from rlsys.grading.expected import require_gradable

PUZZLE = {"numbers": [1, 2], "target": 3}


def check(tmp_path, *rows, rewards=("math",), skip=False, plugins=()):
    """Ask about the rows, the last of which is held out."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = RunConfig()
    config.data.skip_unreadable_rows = skip
    config.verifiers.plugins = list(plugins)
    config.verifiers.rewards = [
        reward if isinstance(reward, RewardConfig) else RewardConfig(reward) for reward in rewards
    ]
    *train, held_out = read_rows(str(path), config.data).rows
    return require_gradable(RunRows(train, [held_out], ()), config)


def row(answer, **more):
    return {"prompt": "P", "answer": answer} | more


def test_rows_that_can_be_graded_are_left_as_they_are(tmp_path):
    rows = check(tmp_path, row("4"), row(0.5), row(["1/2", "0.5"]), row("\\frac{1}{2}"))
    assert (len(rows.train), len(rows.held_out), rows.notes) == (3, 1, ())


def test_a_row_without_an_answer_is_an_error_where_the_verifier_needs_one(tmp_path):
    with pytest.raises(
        DataError, match=r"row 2: it has no expected answer, .* verifier math needs"
    ):
        check(tmp_path, row("4"), {"prompt": "A poem."}, row("5"))


def test_an_answer_of_another_kind_is_an_error_that_names_the_verifier(tmp_path):
    with pytest.raises(
        DataError, match=r"row 2: the verifier math cannot read .* is a dict.*; data"
    ):
        check(tmp_path, row("4"), row(PUZZLE), row("5"))
    with pytest.raises(DataError, match=r"row 1: the verifier countdown cannot read .*'4'"):
        check(tmp_path, row("4"), row(PUZZLE), rewards=("countdown",))


def test_such_rows_are_left_out_and_counted_where_the_config_says_so(tmp_path):
    rows = check(tmp_path, row("4"), row(PUZZLE), {"prompt": "A poem."}, row({"a": 1}), skip=True)
    assert [one.number for one in rows.train] == [1]
    assert rows.held_out == []
    (note,) = rows.notes
    assert note.startswith("3 rows that cannot be graded left out, the first: ")
    assert "row 2: the verifier math" in note


def test_no_row_that_can_be_graded_is_an_error_even_when_skipping(tmp_path):
    with pytest.raises(DataError, match="row 1: the verifier math cannot read"):
        check(tmp_path, row(PUZZLE), row("4"), skip=True)


def test_a_verifier_is_asked_about_the_rows_of_its_sources_only(tmp_path):
    rewards = (
        replace(RewardConfig("math"), sources=["sums"]),
        replace(RewardConfig("countdown"), sources=["puzzles"]),
    )
    rows = [
        row("4", data_source="sums"),
        row(PUZZLE, data_source="puzzles"),
        row(PUZZLE, data_source="puzzles"),
    ]
    assert check(tmp_path, *rows, rewards=rewards).notes == ()


def test_verifiers_that_need_no_answer_are_not_asked(tmp_path):
    poems = [{"prompt": "A poem."}, {"prompt": "A song."}]
    assert len(check(tmp_path, *poems, rewards=("format",)).train) == 1


FUNCTION = {
    "task_id": "t/1",
    "prompt": "def twice(x):\n",
    "entry_point": "twice",
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
}


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("assert twice(3) == 6", "does not define check"),
        ("def check(candidate):\n    assert candidate(3) ==", "not Python"),
    ],
)
def test_tests_that_cannot_be_graded_are_found_before_a_run(tmp_path, test, reason):
    bad = FUNCTION | {"task_id": "t/2", "test": test}
    with pytest.raises(DataError, match=rf"row 2: the verifier code_functions cannot .*{reason}"):
        check(tmp_path, FUNCTION, bad, FUNCTION, rewards=("code_functions",))


def test_expected_output_beyond_the_limit_is_found_before_a_run(tmp_path):
    small = {"problem": "p", "tests": {"inputs": ["1"], "outputs": ["1"]}}
    large = {"problem": "q", "tests": {"inputs": ["1"], "outputs": ["1" * 2**20]}}
    reward = RewardConfig("code_programs", options={"output_mb": 0.5})
    with pytest.raises(DataError, match=r"row 2: .*code_programs.*output_mb=0.5.*raise that"):
        check(tmp_path, small, large, small, rewards=(reward,))


def test_a_reward_function_whose_columns_rows_do_not_have_is_an_error(tmp_path):
    plugin = tmp_path / "rewards.py"
    plugin.write_text(
        "def by_level(completions, level, **columns):\n    return level\n"
        "def compute_score(solution_str, ground_truth):\n    return 1.0\n"
    )
    named = {"rewards": ("by_level",), "plugins": (str(plugin),)}
    assert check(tmp_path, row("4", level=1), row("5", level=2), **named).notes == ()
    with pytest.raises(DataError, match=r"row 2: by_level needs the column 'level', .* missing"):
        check(tmp_path, row("4", level=1), row("5"), **named)
    with pytest.raises(DataError, match=r"row 2: compute_score needs an expected answer"):
        check(tmp_path, row("4"), {"prompt": "P"}, **named | {"rewards": ("compute_score",)})
