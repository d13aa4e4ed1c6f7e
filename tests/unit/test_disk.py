"""The folder of runs is tried before anything starts; what is written is whole or absent."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.disk import require_writable, write_table
from rlsys.errors import ConfigError, DiskError


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    require_writable(str(tmp_path / "a" / "b"))
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "runs", Path("/proc/x")):
        with pytest.raises(ConfigError, match=f"run.directory='{place}': no file can be written"):
            require_writable(str(place))


def test_a_table_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"text": ["an answer"]})
    path = tmp_path / "dropped" / "step-000003-000004.parquet"
    write_table(table, path)
    assert pq.read_table(path).num_rows == 1

    def full(table: pa.Table, where: Path, **_: object) -> None:
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    other = path.with_name("step-000004-000009.parquet")
    with pytest.raises(DiskError, match=r"000009\.parquet could not be written.*No space left"):
        write_table(table, other)
    assert not other.exists()
