"""Rows of a file of completions."""

import gzip
import json

import pytest

from rlsys.errors import DataError
from rlsys.grading.rows import (
    GradeRow,
    MalformedRow,
    Survey,
    look_through,
    read_row,
    read_rows,
)

KNOWN = ["code_functions", "code_programs", "countdown", "math"]


def row(**columns):
    line = json.dumps({"id": "a", "completion": "c"} | columns).encode()
    return read_row(7, line, KNOWN)


@pytest.mark.parametrize(
    ("columns", "verifier"),
    [
        ({"prompt": "", "entry_point": "f", "test": "def check(c): pass"}, "code_functions"),
        ({"test_list": ["assert f(1)"]}, "code_functions"),
        ({"tests": [{"stdin": "", "expected": ""}]}, "code_programs"),
        ({"tests": [], "answer": "4"}, "code_programs"),
        ({"answer": {"numbers": [1, 2], "target": 3}}, "countdown"),
        ({"answer": '{"numbers": [1, 2], "target": 3}'}, "countdown"),
        ({"nums": [1, 2], "target": 3}, "countdown"),
        ({"answer": '{"a": 1}'}, "math"),
        ({"answer": "#### 4"}, "math"),
        ({"answer": 4}, "math"),
        ({"answer": 4, "test": None}, "math"),
        ({"answer": 4, "verifier": "countdown"}, "countdown"),
    ],
)
def test_columns_choose_the_verifier_unless_the_row_names_it(columns, verifier):
    assert row(**columns).verifier == verifier


def test_other_columns_reach_the_verifier():
    found = row(question="2+2?", answer="4", level=3, limits={"wall_s": 2}, finish_reason="length")
    assert isinstance(found, GradeRow)
    assert (found.number, found.id) == (7, "a")
    completion = found.completion
    assert (completion.prompt, completion.text, completion.answer) == ("2+2?", "c", "4")
    assert completion.finish_reason == "length"
    assert completion.info == {"question": "2+2?", "level": 3, "limits": {"wall_s": 2}}


@pytest.mark.parametrize(
    "columns",
    [{"nums": [1, 2], "target": 3}, {"answer": '{"numbers": [1, 2], "target": 3}'}],
)
def test_a_puzzle_is_read_from_the_columns_of_the_hubs_sets_and_from_text(columns):
    assert row(**columns).completion.answer == {"numbers": [1, 2], "target": 3}


def test_a_puzzle_with_a_gap_is_malformed():
    found = row(nums=[], target=3)
    assert isinstance(found, MalformedRow)
    assert "numbers is empty" in found.reason


@pytest.mark.parametrize("answer", [float("nan"), "", True, [], {}, [""]])
def test_an_answer_that_nothing_can_match_is_malformed(answer):
    found = row(answer=answer)
    assert isinstance(found, MalformedRow)
    assert found.reason.startswith("row 7: column answer: expected an answer that a completion can")


def test_a_missing_answer_is_malformed_only_where_it_is_needed():
    assert isinstance(row(verifier="math"), MalformedRow)
    assert isinstance(row(tests=[{"stdin": "", "expected": ""}], answer=""), GradeRow)


@pytest.mark.parametrize(
    ("line", "identity", "reason"),
    [
        (b"{", None, "row 7: Expecting property name"),
        (b"\xff", None, "row 7: 'utf-8' codec"),
        (b"[1]", None, "row 7: expected a JSON object, got [1] (list)"),
        (b"[" * 100_000, None, "row 7: maximum recursion depth"),
        (b'{"completion": "c", "answer": 4}', None, "column id: expected a text or an integer"),
        (
            b'{"id": [1], "completion": "c"}',
            None,
            "column id: expected a text or an integer, got [1]",
        ),
        (b'{"id": 3, "answer": 4}', 3, "column completion: expected a text, got no such column"),
        (b'{"id": 3, "completion": null}', 3, "column completion: expected a text, got None"),
        (b'{"id": 3, "completion": "c"}', 3, "no column says how to grade it"),
        (
            b'{"id": 3, "completion": "c", "answer": 4, "verifier": "maths"}',
            3,
            "column verifier: expected one of code_functions, code_programs, countdown, math",
        ),
        (b'{"id": 3, "completion": "c", "answer": 4, "limits": 5}', 3, "column limits: expected"),
        (b'{"id": true, "completion": "c", "answer": 4}', None, "column id: expected a text or an"),
        (
            b'{"id": 3, "completion": "c", "answer": 4, "limits": {"wall_s": 1%s}}' % (b"0" * 400),
            3,
            "column limits: expected",
        ),
        (
            b'{"id": 3, "completion": "c", "answer": 4, "limits": {"cpu": 5}}',
            3,
            "expected an object of wall_s and memory_mb, numbers above 0",
        ),
        (
            b'{"id": 3, "completion": "c", "answer": 4, "limits": {"wall_s": NaN}}',
            3,
            "column limits: expected",
        ),
        (
            b'{"id": 3, "completion": "c", "answer": 4, "limits": {"wall_s": true}}',
            3,
            "column limits: expected",
        ),
    ],
)
def test_a_malformed_row_is_told_with_its_number(line, identity, reason):
    found = read_row(7, line, KNOWN)
    assert isinstance(found, MalformedRow)
    assert (found.number, found.id) == (7, identity)
    assert found.reason.startswith("row 7: ")
    assert reason in found.reason


def test_only_line_feeds_end_a_line_and_blank_lines_count(tmp_path):
    path = tmp_path / "in.jsonl"
    good = json.dumps({"id": 1, "completion": "a\u2028b", "answer": 1}, ensure_ascii=False)
    path.write_text(f"{good}\n\n{good}", encoding="utf-8")
    rows = list(read_rows(path, KNOWN))
    assert [one.number for one in rows] == [1, 3]
    assert rows[0].completion.text == "a\u2028b"
    assert look_through(path, KNOWN) == Survey(2, frozenset({"math"}), 0.0)


def test_the_longest_row_is_known_before_the_first_is_graded(tmp_path):
    path = tmp_path / "in.jsonl"
    tests = [{"stdin": "", "expected": ""}] * 5
    rows = [
        {"id": 1, "completion": "c", "tests": tests, "limits": {"wall_s": 9}},
        {"id": 2, "completion": "c", "answer": 4},
        {"id": 3},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert look_through(path, KNOWN) == Survey(3, frozenset({"code_programs", "math"}), 45.0)


def test_a_packed_file_is_unpacked(tmp_path):
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": 1, "completion": "c", "answer": 1}\n'))
    assert [one.id for one in read_rows(path, KNOWN)] == [1]
    path.write_bytes(b"not packed")
    with pytest.raises(DataError, match="cannot be read"):
        list(read_rows(path, KNOWN))


def test_a_packed_file_that_is_damaged_inside_is_an_error_with_its_name(tmp_path):
    path = tmp_path / "in.jsonl.gz"
    packed = bytearray(gzip.compress(b'{"id": 1}\n' * 500))
    packed[20:23] = b"\xff\xff\xff"
    path.write_bytes(packed)
    with pytest.raises(DataError, match=r"in\.jsonl\.gz: cannot be read: Error -3"):
        list(read_rows(path, KNOWN))
