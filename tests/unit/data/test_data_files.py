"""Files and folders on disk: what is accepted, and one clear error for what is not."""

import gzip
import json
import pickle

import pyarrow as pa
import pytest
from pyarrow import parquet

from rlsys.config.data import DataConfig, RowFormat
from rlsys.data.read import read_rows
from rlsys.errors import DataError

ROW = b'{"question": "2+2?", "answer": "4"}'


def read_bytes(tmp_path, content, name="rows.jsonl", **settings):
    path = tmp_path / name
    path.write_bytes(content)
    return read_rows(str(path), DataConfig(**settings))


def test_only_newline_ends_a_line(tmp_path):
    text = "a\u2028b\u2029c\u0085d"
    line = json.dumps({"question": text, "answer": "4"}, ensure_ascii=False).encode()
    rows = read_bytes(tmp_path, line + b"\n" + ROW).rows
    assert [row.text for row in rows] == [text, "2+2?"]


def test_blank_lines_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path):
    rows = read_bytes(tmp_path, b"\xef\xbb\xbf" + ROW + b"\r\n\r\n\n" + ROW + b"\r\n").rows
    assert [row.number for row in rows] == [1, 4]  # lines, as an editor counts them


def test_json_array_and_gzip(tmp_path):
    array = b"[" + ROW + b",\n" + ROW + b"]"
    assert len(read_bytes(tmp_path, array, "rows.json").rows) == 2
    assert len(read_bytes(tmp_path, gzip.compress(ROW), "rows.jsonl.gz").rows) == 1


@pytest.mark.parametrize(
    "content",
    [
        b'{"data": [%s, %s]}',
        b'{"version": "1.0", "rows": [\n%s,\n%s\n]}',
        b'{"name": "sums", "columns": ["question"], "train": [%s, %s], "info": {"n": 2}}',
    ],
)
@pytest.mark.parametrize("name", ["rows.json", "rows.json.gz"])
def test_the_rows_within_one_object_are_the_rows(tmp_path, content, name):
    content = content % (ROW, ROW)
    found = read_bytes(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name)
    assert [(row.number, row.expected) for row in found.rows] == [(1, "4"), (2, "4")]


def test_an_object_with_several_lists_of_rows_names_them(tmp_path):
    content = b'{"train": [%s], "test": [%s]}' % (ROW, ROW)
    with pytest.raises(DataError, match=r"rows\.json: one object .* under train, test, where a"):
        read_bytes(tmp_path, content, "rows.json")


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]},
        {"prompt": [{"role": "user", "content": "2+2?"}], "answer": "4"},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_one_row_that_holds_a_list_stays_a_row(tmp_path, row, indent):
    content = json.dumps(row, indent=indent).encode()
    assert len(read_bytes(tmp_path, content, "rows.json").rows) == 1


def test_one_object_without_rows_is_told_with_its_columns(tmp_path):
    with pytest.raises(DataError, match="no row format has the columns data, total"):
        read_bytes(tmp_path, b'{"data": [], "total": 0}', "rows.json")


@pytest.mark.parametrize(
    ("line", "got"),
    [
        (b'{"question": "2+2?", "ans', "Unterminated string"),
        (b"[1, 2]", r"\[1, 2\] \(list\)"),
        (b'{"question": "\xff"}', "invalid start byte"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_a_line_that_is_no_json_object_is_named_by_its_number(tmp_path, line, got):
    with pytest.raises(DataError, match=rf"rows\.jsonl, row 2: expected a JSON object, .*{got}"):
        read_bytes(tmp_path, ROW + b"\n" + line + b"\n" + ROW)


def test_the_first_of_several_bad_rows_is_reported_with_the_number_of_others(tmp_path):
    content = b"\n".join([ROW, b'{"question": "Q"}', b"nonsense", ROW])
    with pytest.raises(DataError) as raised:
        read_bytes(tmp_path, content)
    expected = "row 2, column answer: expected an answer, got no such column among question"
    assert expected in str(raised.value)
    assert "leaves out this row and 1 more" in str(raised.value)


def test_unreadable_rows_can_be_left_out_and_are_counted(tmp_path):
    content = b"\n".join([ROW, b'{"question": "Q"}', b"nonsense"])
    reading = read_bytes(tmp_path, content, skip_unreadable_rows=True)
    assert len(reading.rows) == 1
    assert len(reading.unreadable) == 2
    assert "row 3: expected a JSON object" in str(reading.unreadable[1])


def test_the_error_of_a_row_survives_pickling(tmp_path):
    content = ROW + b'\n{"question": "Q"}'
    (error,) = read_bytes(tmp_path, content, skip_unreadable_rows=True).unreadable
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_file_without_one_readable_row_is_an_error_even_when_skipping(tmp_path):
    with pytest.raises(DataError, match="no row can be read"):
        read_bytes(tmp_path, b'{"question": "Q", "answer": null}', skip_unreadable_rows=True)


def test_lone_surrogates_are_refused_before_they_reach_a_tokenizer(tmp_path):
    with pytest.raises(DataError, match="row 1, column prompt: expected valid Unicode"):
        read_bytes(tmp_path, b'{"question": "\\ud800", "answer": "4"}')


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]"])
def test_an_empty_file_is_an_error(tmp_path, content):
    with pytest.raises(DataError, match="has no rows"):
        read_bytes(tmp_path, content)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl.gz", "rows.json"])
def test_a_file_of_no_bytes_says_that_it_is_empty(tmp_path, name):
    with pytest.raises(DataError, match=rf"{name}: the file has no rows, it is empty \(0 bytes\)"):
        read_bytes(tmp_path, b"", name)


def test_a_parquet_file_that_is_none_shows_how_it_begins(tmp_path):
    with pytest.raises(DataError, match=r"expected a Parquet file, .*version https://git-lfs"):
        read_bytes(tmp_path, b"version https://git-lfs.github.com/spec/v1\n", "rows.parquet")


def test_a_gzip_file_that_is_none_is_an_error(tmp_path):
    with pytest.raises(DataError, match="expected a gzip file"):
        read_bytes(tmp_path, ROW, "rows.jsonl.gz")


def test_a_missing_file_names_the_nearest_existing(tmp_path):
    (tmp_path / "train.jsonl").write_bytes(ROW)
    with pytest.raises(DataError, match=r"no data file .*tran\.jsonl; nearest existing: .*/train"):
        read_rows(str(tmp_path / "tran.jsonl"), DataConfig())


def test_a_missing_folder_lists_what_is_there(tmp_path):
    (tmp_path / "gsm8k").mkdir()
    with pytest.raises(DataError, match="there are: gsm8k"):
        read_rows(str(tmp_path / "nowhere" / "deep" / "train.jsonl"), DataConfig())


def test_an_unknown_file_type_names_the_known_ones(tmp_path):
    with pytest.raises(DataError, match=r"rows\.xlsx: expected a file that ends in \.parquet"):
        read_bytes(tmp_path, b"question,answer\n", "rows.xlsx")


def test_unknown_columns_list_what_each_format_needs(tmp_path):
    with pytest.raises(DataError) as raised:
        read_bytes(tmp_path, b'{"sentence": "Q", "translation": "A"}')
    message = str(raised.value)
    assert "the columns sentence, translation" in message
    assert "verl: prompt + reward_model" in message
    for layout in RowFormat:
        assert layout is RowFormat.auto or f"  {layout.name}: " in message


def test_a_named_format_that_does_not_fit_says_what_it_needs(tmp_path):
    with pytest.raises(DataError, match=r"columns are question, answer, .* verl: prompt \+ rew"):
        read_bytes(tmp_path, ROW, format=RowFormat.verl)


def test_a_folder_is_read_in_the_order_of_names_each_file_in_its_own_format(tmp_path):
    (tmp_path / "b.jsonl").write_bytes(ROW)
    (tmp_path / "a.jsonl").write_bytes(b'{"prompt": "P", "answer": "1"}')
    (tmp_path / "README.md").write_bytes(b"not data")
    reading = read_rows(str(tmp_path), DataConfig())
    assert [row.expected for row in reading.rows] == ["1", "4"]
    assert reading.formats == ("trl", "question_answer")


def test_a_folder_that_mixes_training_and_test_files_is_refused(tmp_path):
    (tmp_path / "math_train.jsonl").write_bytes(ROW)
    (tmp_path / "test-00000.jsonl").write_bytes(ROW)
    with pytest.raises(DataError, match=r"mixes training and test files \(math_train\.jsonl, te"):
        read_rows(str(tmp_path), DataConfig())


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="the folder holds no file"):
        read_rows(str(tmp_path), DataConfig())


def test_a_parquet_file_of_real_size_is_read_whole(benchmark):
    path = benchmark("countdown/countdown_train.parquet")
    assert len(read_rows(path, DataConfig()).rows) == 8001


def test_several_paths_are_read_in_their_order(tmp_path):
    for name in ("b", "a", "c,d"):
        (tmp_path / f"{name}.jsonl").write_bytes(ROW)
    paths = [str(tmp_path / f"{name}.jsonl") for name in ("b", "a")]
    found = read_rows(", ".join(paths), DataConfig())
    assert [row.source for row in found.rows] == ["b", "a"]
    assert found.files == tuple(paths)
    assert len(read_rows(str(tmp_path / "c,d.jsonl"), DataConfig()).rows) == 1


def test_several_paths_name_each_file_once(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(ROW)
    with pytest.raises(DataError, match=f"names {path} 2 times"):
        read_rows(f"{path},{path}", DataConfig())
    with pytest.raises(DataError, match="no data file"):
        read_rows(f"{path},{tmp_path / 'b.jsonl'}", DataConfig())


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (pa.array([2**62], pa.timestamp("ns")), "column answer: a value cannot be read"),
        (pa.array([2**30], pa.date32()), "column answer: a value cannot be read: days=1073741824"),
        (pa.array([2**62], pa.duration("ns")), "column answer: a value cannot be read"),
        (
            pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers()),
            "column answer: a value cannot be read: 'utf-8' codec",
        ),
    ],
)
def test_a_column_that_holds_what_python_does_not_is_named(tmp_path, answers, said):
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.table({"question": ["2+2?"], "answer": answers}), path)
    with pytest.raises(DataError, match=rf"rows\.parquet: {said}"):
        read_rows(str(path), DataConfig())


def test_two_columns_of_one_name_are_refused(tmp_path):
    texts = [pa.array([text]) for text in ("2+2?", "4", "5")]
    table = pa.table(texts, names=["question", "answer", "answer"])
    path = tmp_path / "rows.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(DataError, match=r"rows\.arrow: two columns are named 'answer'"):
        read_rows(str(path), DataConfig())
