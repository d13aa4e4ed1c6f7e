"""Weight files that were copied in part are named at once, by their heads."""

import json
import os
from pathlib import Path

import pytest

from rlsys.config.weight_files import require_weights, shapes_of
from rlsys.errors import ConfigError
from tests.helpers.model_folders import write_weights

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def error_of(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        require_weights(str(folder), "MODEL m")
    return str(caught.value)


def sharded(folder: Path) -> None:
    for number, name in enumerate(SHARDS):
        write_weights(folder, {f"t{number}": (number + 1,)}, name)
    weight_map = {f"t{number}": name for number, name in enumerate(SHARDS)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_the_heads_of_all_shards_give_the_shapes(tmp_path: Path) -> None:
    sharded(tmp_path)
    require_weights(str(tmp_path), "MODEL m")
    assert shapes_of(str(tmp_path), "MODEL m") == {"t0": (1,), "t1": (2,)}


def test_a_hub_id_and_torchs_own_files_have_no_shapes_here(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    require_weights(str(tmp_path), "MODEL m")
    assert shapes_of(str(tmp_path), "MODEL m") == shapes_of("org/name", "MODEL m") == {}


def test_a_shard_that_is_not_there_is_named(tmp_path: Path) -> None:
    sharded(tmp_path)
    (tmp_path / SHARDS[1]).unlink()
    assert f"MODEL m: {SHARDS[1]} is not there" in error_of(tmp_path)
    assert "1 of 2 files of weights are missing" in error_of(tmp_path)


@pytest.mark.parametrize("bytes_left", [0, 4, 40, -1])
def test_a_file_that_was_copied_in_part_is_named(tmp_path: Path, bytes_left: int) -> None:
    file = write_weights(tmp_path, {"t": (1000,)})
    os.truncate(file, bytes_left if bytes_left >= 0 else file.stat().st_size - 1)
    assert "model.safetensors is cut off: its" in error_of(tmp_path)


@pytest.mark.parametrize(
    "text", [b"\0" * 8, b"[1, 2]", b"not JSON", b'{"t": 3}', b'{"t": {"shape": [1]}}']
)
def test_what_is_no_safetensors_file_is_named(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    assert "model.safetensors is no safetensors file" in error_of(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}'])
def test_what_is_no_index_is_named(tmp_path: Path, text: str) -> None:
    write_weights(tmp_path, {"t": (1,)}, SHARDS[0])
    (tmp_path / "model.safetensors.index.json").write_text(text)
    assert "model.safetensors.index.json is no index of weights" in error_of(tmp_path)
