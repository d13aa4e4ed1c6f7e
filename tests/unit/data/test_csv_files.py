"""CSV files, as spreadsheets and pandas write them."""

import gzip

import pytest

from rlsys.config.data import DataConfig
from rlsys.data.read import read_rows
from rlsys.errors import DataError


def read(tmp_path, text, name="rows.csv", **settings):
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return read_rows(str(tmp_path / name), DataConfig(**settings))


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_cells_are_texts_also_where_they_are_numbers(tmp_path, name):
    rows = read(tmp_path, 'question,answer\n"1,000+25?",025\nQ,"a\n""b"""\n', name).rows
    assert [row.messages[0]["content"] for row in rows] == ["1,000+25?", "Q"]
    assert [row.expected for row in rows] == ["025", 'a\n"b"']
    assert [row.number for row in rows] == [1, 2]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_first_line_shows_what_stands_between_cells(tmp_path, delimiter):
    text = f"\ufeffquestion{delimiter}answer\r\n2+2?{delimiter}4\r\n\r\n"
    (row,) = read(tmp_path, text, "rows.tsv" if delimiter == "\t" else "rows.csv").rows
    assert (row.messages[0]["content"], row.expected) == ("2+2?", "4")


def test_an_empty_cell_is_null(tmp_path):
    with pytest.raises(DataError, match=r"row 2, column answer: expected an answer, got null"):
        read(tmp_path, "question,answer\nQ,1\nR,\n")


def test_messages_and_options_in_cells_are_json(tmp_path):
    turn = '"[{""role"": ""user"", ""content"": ""2+2?""}]"'
    (row,) = read(tmp_path, f"prompt,answer\n{turn},4\n").rows
    assert row.messages == ({"role": "user", "content": "2+2?"},)
    (row,) = read(tmp_path, 'question,options,answer\nQ,"[""3"", ""4""]",B\n').rows
    assert row.info["options"] == {"A": "3", "B": "4"}
    (row,) = read(tmp_path, 'question,answer\nQ,"[2, 5]"\n').rows
    assert row.expected == "[2, 5]"


def test_a_line_with_another_number_of_cells_is_a_broken_row(tmp_path):
    text = "question,answer\nQ,1\nno quotes, so three,2\nR,3\n"
    with pytest.raises(DataError, match=r"row 2: expected 2 cells, .* got 3: 'no quotes"):
        read(tmp_path, text)
    assert len(read(tmp_path, text, skip_unreadable_rows=True).rows) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('question,answer\n"Q,1\n', "line 2: not valid CSV: unexpected end of data"),
        ("question,question\nQ,1\n", "two columns are named 'question'"),
        ("question,answer\n", "the file has no rows"),
        (b"question,answer\nf\xe4hrt,1\n", "expected a CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_no_csv_is_one_error(tmp_path, text, reason):
    with pytest.raises(DataError, match=reason):
        read(tmp_path, text)
