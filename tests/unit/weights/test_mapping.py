import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rlsys.errors import WeightSyncError
from rlsys.weights.mapping import Mapper, locate

READ = """
import sys
from rlsys.weights.mapping import Mapper
print(Mapper().view(sys.argv[1], int(sys.argv[2]), 5).tolist())
"""


@pytest.fixture
def deleted(tmp_path: Path) -> np.ndarray:
    """10,000 bytes of a file that has no name any more, as in Ray's store."""
    path = tmp_path / "store"
    (np.arange(10_000) % 251).astype(np.uint8).tofile(path)
    mapped = np.memmap(path, dtype=np.uint8, mode="r+")
    path.unlink()
    return mapped


def test_another_process_sees_the_same_bytes(deleted: np.ndarray) -> None:
    # Behind the first page: the offset is not a multiple of its size.
    _, (path, offset) = locate([deleted, deleted[5003:]])
    command = [sys.executable, "-c", READ, path, str(offset)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # 5003 = 19 * 251 + 234.
    assert done.stdout.strip() == "[234, 235, 236, 237, 238]"


def test_it_is_the_memory_itself_and_not_a_copy(deleted: np.ndarray) -> None:
    seen = Mapper().view(*locate([deleted])[0], 4)
    deleted[2] = 99
    assert seen.tolist() == [0, 1, 99, 3]


def test_a_mapping_serves_later_arrays_of_its_file_and_gives_way_to_another(
    deleted: np.ndarray, tmp_path: Path
) -> None:
    mapper = Mapper()
    first = mapper.view(*locate([deleted[7:]])[0], 2)
    path = tmp_path / "other"
    path.write_bytes(b"abc")
    assert mapper.view(str(path), 1, 2).tobytes() == b"bc"
    assert mapper.view(*locate([deleted[9:]])[0], 2).tolist() == [9, 10]
    assert first.tolist() == [7, 8]


def test_shared_memory_cannot_be_written_through_a_view(deleted: np.ndarray) -> None:
    with pytest.raises(ValueError, match="read-only"):
        Mapper().view(*locate([deleted])[0], 4)[0] = 7


def test_private_memory_is_refused() -> None:
    with pytest.raises(WeightSyncError, match="are not in shared memory"):
        locate([np.zeros(1 << 20, dtype=np.uint8)])
