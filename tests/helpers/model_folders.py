"""Model folders that hold a config.json, and what a run on one of them is told."""

import json
from pathlib import Path

import pytest

from rlsys.config.models import require_answering, require_trainable
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError

LLAMA = {"model_type": "llama", "vocab_size": 100, "max_position_embeddings": 2048}


def config_of(folder: Path, **model: object) -> RunConfig:
    (folder / "config.json").write_text(json.dumps(LLAMA | model))
    (folder / "model.safetensors").touch()
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
        require_trainable(config)
    return str(caught.value)
