"""Data sets as `datasets` saves them, and as the hub has them."""

import json

import httpx2
import huggingface_hub
import pyarrow as pa
import pytest

from rlsys.config.data import DataConfig
from rlsys.data import data_sets
from rlsys.data.read import read_rows
from rlsys.errors import DataError


def table(*answers):
    return pa.table({"question": [f"Q{a}" for a in answers], "answer": list(map(str, answers))})


def save(folder, *shards, indices=()):
    """A folder as datasets.Dataset.save_to_disk leaves it."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05d}-of-{len(shards):05d}.arrow" for i in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        with (
            pa.OSFile(str(folder / name), "wb") as file,
            pa.ipc.new_stream(file, shard.schema) as w,
        ):
            w.write_table(shard)
    (folder / "dataset_info.json").write_text("{}")
    state = {"_data_files": [{"filename": name} for name in names], "_indices_files": list(indices)}
    (folder / "state.json").write_text(json.dumps(state))
    return folder


def read(path, **settings):
    return read_rows(str(path), DataConfig(**settings)).rows


def test_a_saved_data_set_is_read_shard_by_shard_and_named_by_its_folder(tmp_path):
    folder = save(tmp_path / "sums" / "train", table(1, 2), table(3))
    (folder / "cache-0a1b.arrow").write_bytes(b"what datasets keeps beside it")
    rows = read(folder)
    assert [row.expected for row in rows] == ["1", "2", "3"]
    assert {row.source for row in rows} == {"sums"}


def test_a_saved_data_set_of_several_splits_asks_for_one(tmp_path):
    save(tmp_path / "set" / "train", table(1))
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert len(read(tmp_path / "set")) == 1
    save(tmp_path / "set" / "test", table(2))
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(DataError, match=r"splits .*/set/train, .*/set/test; name one"):
        read(tmp_path / "set")
    assert [row.expected for row in read(tmp_path / "set" / "test")] == ["2"]


def test_a_saved_data_set_that_is_not_whole_is_one_error(tmp_path):
    folder = save(tmp_path / "set", table(1), table(2))
    (folder / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(DataError, match=r"names data-00001-of-00002\.arrow, which is not there"):
        read(folder)
    with pytest.raises(DataError, match="save it again after flatten_indices"):
        read(save(tmp_path / "shuffled", table(1), indices=[{"filename": "indices.arrow"}]))


def test_an_arrow_file_by_itself_is_read_in_both_of_arrows_formats(tmp_path):
    stream = save(tmp_path / "set", table(7)) / "data-00000-of-00001.arrow"
    assert [row.expected for row in read(stream)] == ["7"]
    path = tmp_path / "file.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table(8).schema) as writer:
        writer.write_table(table(8))
    assert [row.expected for row in read(path)] == ["8"]
    path.write_bytes(b"ARROW1 and then nothing")
    with pytest.raises(DataError, match="expected an Arrow file, got one that begins"):
        read(path)


FILES = ["README.md", "main/train/0000.parquet", "main/test/0000.parquet", "more/train/0.parquet"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one data set."""
    root = tmp_path / "datasets--some--sums" / "snapshots" / "abc"

    def download(name, *, repo_type, revision, allow_patterns):
        assert (name, repo_type, revision) == ("some/sums", "dataset", "refs/convert/parquet")
        (pattern,) = allow_patterns
        folder = root / pattern.removesuffix("/*.parquet")
        folder.mkdir(parents=True, exist_ok=True)
        pa.parquet.write_table(table(folder.name), folder / "0000.parquet")
        return str(root)

    def listed(self, name, *, repo_type, revision):
        if name != "some/sums":
            raise huggingface_hub.errors.OfflineModeIsEnabled("offline mode is enabled\nmore")
        return FILES

    monkeypatch.setattr(data_sets.hub, "silence", lambda: "")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", listed)
    monkeypatch.chdir(tmp_path)
    data_sets.hub_files.cache_clear()


def test_a_data_set_of_the_hub_is_named_by_id_config_and_split(hub):
    (row,) = read("some/sums:main:test")
    assert (row.expected, row.source) == ("test", "sums")
    (row,) = read("some/sums:test")
    assert row.expected == "test"


@pytest.mark.parametrize(
    "path", ["some/sums", "some/sums:train", "some/sums:main", "some/sums:x:y"]
)
def test_an_id_that_could_be_several_splits_names_them(hub, path):
    choices = "some/sums:main:test, some/sums:main:train, some/sums:more:train"
    with pytest.raises(DataError, match=f"{path}: name one of its splits: {choices}"):
        read(path)


def test_a_data_set_that_cannot_be_had_is_one_error(hub):
    with pytest.raises(
        DataError, match=r"no file or folder other/set, and .*: offline mode is ena"
    ):
        read("other/set")


def test_a_hub_that_does_not_answer_is_one_error(hub, monkeypatch):
    def unreachable(request):
        raise httpx2.ConnectError("[Errno -2] Name or service not known")

    client = httpx2.Client(transport=httpx2.MockTransport(unreachable))
    monkeypatch.setattr(
        huggingface_hub.HfApi, "list_repo_files", lambda *a, **k: client.get("http://hub")
    )
    with pytest.raises(DataError, match=r"no file or folder some/set, .*: \[Errno -2\] Name or"):
        read("some/set")


def test_a_file_that_is_missing_from_a_folder_is_not_looked_for_on_the_hub(hub, tmp_path):
    (tmp_path / "rows").mkdir()
    with pytest.raises(DataError, match=r"no data file rows/train"):
        read("rows/train")
    with pytest.raises(DataError, match=r"no data file"):
        read("train.jsonl")
