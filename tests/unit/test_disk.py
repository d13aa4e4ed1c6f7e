"""The folder of all runs is tried before anything is started."""

from pathlib import Path

import pytest

from rlsys.disk import require_writable
from rlsys.errors import ConfigError


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    require_writable(str(tmp_path / "a" / "b"))
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "runs", Path("/proc/x")):
        with pytest.raises(ConfigError, match=f"run.directory='{place}': no file can be written"):
            require_writable(str(place))
