"""One prompt with different answers is reported, and repeated rows are counted."""

import pytest

from rlsys.config.data import DataConfig
from rlsys.data.load import load_rows
from rlsys.data.read import read_rows
from rlsys.data.repeats import find_repeats


def repeats_of(path):
    found = find_repeats(read_rows(path, DataConfig()).rows)
    return [[(a.number, b.number) for a, b in pairs] for pairs in (found.same, found.different)]


def test_a_prompt_with_two_answers_is_found_with_both_rows(write_rows):
    path = write_rows(
        {"question": "1+1?", "answer": "2"},
        {"question": "1+2?", "answer": "3"},
        {"question": " 1+1? \n", "answer": "3"},
        {"question": "1+1?", "answer": "4"},
    )
    assert repeats_of(path) == [[], [(1, 3)]]
    notes = list(find_repeats(read_rows(path, DataConfig()).rows).notes())
    assert notes == [
        "1 prompt has rows with different answers, of which one at most can be right: row 1 "
        'expects "2", row 3 "3"'
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("7", 7),
        ("7", "7.0"),
        ("1,080", "1080"),
        ("1{,}080", 1080),
        ("\\dfrac{1}{2}", "\\frac{1}{2}"),
        ("$x + 1$", "x+1"),
        (["1/2", "0.5"], "0.5"),
        ({"numbers": [1, 2], "target": 3}, {"numbers": [2, 1], "target": 3}),
        ("1e9999999", "10e9999998"),
    ],
)
def test_the_same_answer_in_another_spelling_only_counts_as_a_repetition(write_rows, one, other):
    path = write_rows({"question": "Q?", "answer": one}, {"question": "Q?", "answer": other})
    assert repeats_of(path) == [[(1, 2)], []]


@pytest.mark.parametrize(
    ("one", "other"),
    [("7", "70"), ("yes", "no"), (["1", "2"], ["3"]), (str(2**127), str(2**127 - 1))],
)
def test_answers_that_exclude_each_other_are_different(write_rows, one, other):
    path = write_rows({"question": "Q?", "answer": one}, {"question": "Q?", "answer": other})
    assert repeats_of(path) == [[], [(1, 2)]]


def test_a_conversation_is_compared_with_its_roles(write_rows):
    def row(role, answer):
        turns = [{"role": role, "content": "Be brief."}, {"role": "user", "content": "2+2?"}]
        return {"prompt": turns, "answer": answer}

    assert repeats_of(write_rows(row("system", "4"), row("user", "5"))) == [[], []]


def test_known_programs_are_not_compared(write_rows):
    row = {"text": "Add.", "code": "def f(): 1", "test_list": ["assert f()"]}
    assert repeats_of(write_rows(row, row | {"code": "def f(): return 2"})) == [[(1, 2)], []]


def test_a_run_is_told_of_both_when_it_reads_its_rows(write_rows):
    rows = [{"question": f"{n}+1?", "answer": str(n + 1)} for n in range(6)]
    path = write_rows(*rows, rows[2], {"question": "4+1?", "answer": "9"}, rows[3])
    notes = load_rows(DataConfig(train=path, holdout=2)).notes
    assert notes == (
        f"{path}: 1 prompt has rows with different answers, of which one at most can be right: "
        'row 5 expects "5", row 8 "9"',
        f"{path}: 2 rows repeat prompt and answer of an earlier one (row 3 in row 7 and 1 more)",
    )


def test_rows_of_several_files_are_told_apart(write_rows, tmp_path):
    write_rows({"question": "Q?", "answer": "1"}, name="a.jsonl")
    write_rows({"question": "Q?", "answer": "2"}, name="b.jsonl")
    (note,) = find_repeats(read_rows(str(tmp_path), DataConfig()).rows).notes()
    assert 'row 1 of a.jsonl expects "1", row 1 of b.jsonl "2"' in note
