"""Model folders that hold a config.json, and what a run on one of them is told."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from rlsys.config.models import require_answering
from rlsys.config.run import RunConfig
from rlsys.config.run_model import require_model
from rlsys.errors import ConfigError

LLAMA = {"model_type": "llama", "vocab_size": 100, "max_position_embeddings": 2048}


def write_weights(
    folder: Path, shapes: Mapping[str, Sequence[int]], name: str = "model.safetensors"
) -> Path:
    """A safetensors file of these tensors in float32, all 0, that takes next to no room."""
    head: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        entry = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
        head[tensor] = entry
    text = json.dumps(head).encode()
    file = folder / name
    file.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(file, 8 + len(text) + end)
    return file


def config_of(folder: Path, **model: object) -> RunConfig:
    (folder / "config.json").write_text(json.dumps(LLAMA | model))
    write_weights(folder, {})
    config = RunConfig()
    config.model.path = str(folder)
    return config


def answering_error_of(folder: Path) -> str:
    """What `rlsys eval`, `chat` and `serve` are told."""
    with pytest.raises(ConfigError) as caught:
        require_answering(str(folder), "MODEL m")
    return str(caught.value)


def error_of(config: RunConfig) -> str:
    with pytest.raises(ConfigError) as caught:
        require_model(config)
    return str(caught.value)
