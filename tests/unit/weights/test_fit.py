"""Weights that are not those of their config.json are one error, whatever form a model keeps them
in; whatever transformers has saved itself fits."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from rlsys.local_policy.resolve import settings_for
from rlsys.stages.inputs import prepare, read_rows
from rlsys.weights.fit import require_fitting
from tests.helpers.tiny_models import ARCHITECTURES, VOCABULARY, Architecture, build

KINDS = {each.kind: each for each in ARCHITECTURES}


def saved(folder: Path, kind: str = "qwen2", **changed: object) -> str:
    """A tiny model, whose config.json says something else since."""
    build(KINDS[kind], folder)
    file = folder / "config.json"
    config: dict[str, Any] = json.loads(file.read_text())
    if "num_hidden_layers" in changed:
        config.pop("layer_types", None)  # one for each layer
    file.write_text(json.dumps(config | changed))
    return str(folder)


def error_of(path: str) -> str:
    with pytest.raises(ConfigError) as caught:
        require_fitting(path, "MODEL m")
    return str(caught.value)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda each: each.kind)
def test_what_was_saved_whole_fits(architecture: Architecture, tmp_path: Path) -> None:
    build(architecture, tmp_path)
    require_fitting(str(tmp_path), "MODEL m")


@pytest.mark.parametrize("kind", ["qwen2", "qwen3_moe", "llama"])
@pytest.mark.parametrize("layers", [1, 3])
def test_another_number_of_layers_is_named(kind: str, layers: int, tmp_path: Path) -> None:
    said = error_of(saved(tmp_path, kind, num_hidden_layers=layers))
    assert said.startswith("MODEL m: its weights do not fit its config.json: they have 2 layers")
    assert f"asks for {layers} (num_hidden_layers={layers}" in said


@pytest.mark.parametrize(
    ("kind", "setting", "value", "right"),
    [
        ("qwen2", "vocab_size", VOCABULARY + 8, VOCABULARY),
        ("qwen3_moe", "vocab_size", VOCABULARY - 8, VOCABULARY),
        ("qwen2", "hidden_size", 48, 64),
        ("gemma", "intermediate_size", 80, 96),
        ("qwen3_moe", "moe_intermediate_size", 16, 32),
        ("mixtral", "num_local_experts", 8, 4),
        ("gpt2", "n_positions", 1024, 512),
    ],
)
def test_another_size_is_named_with_that_of_the_weights(
    kind: str, setting: str, value: int, right: int, tmp_path: Path
) -> None:
    said = error_of(saved(tmp_path, kind, **{setting: value}))
    assert f"{setting}={value}" in said
    assert f"nearest valid: {right}" in said


def test_a_head_that_is_in_no_file_is_named(tmp_path: Path) -> None:
    said = error_of(saved(tmp_path, tie_word_embeddings=False))
    assert said.endswith("lm_head.weight is in no file (tie_word_embeddings=false)")


def test_a_tied_head_that_was_saved_fits(tmp_path: Path) -> None:
    require_fitting(saved(tmp_path, "qwen3", tie_word_embeddings=True), "MODEL m")


def test_layers_that_predict_further_tokens_are_no_fault(tmp_path: Path) -> None:
    build(KINDS["qwen3"], tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text()) | {"num_hidden_layers": 1, "layer_types": None}
    file.write_text(json.dumps(config | {"num_nextn_predict_layers": 1}))
    require_fitting(str(tmp_path), "MODEL m")


def test_nothing_is_said_of_quantized_weights(tmp_path: Path) -> None:
    quantized = {"quant_method": "awq", "bits": 4}
    require_fitting(
        saved(tmp_path, vocab_size=VOCABULARY + 8, quantization_config=quantized), "MODEL m"
    )


def test_training_and_answering_are_told_before_a_prompt_is_tokenized(tmp_path: Path) -> None:
    path = saved(tmp_path, num_hidden_layers=3)
    config = RunConfig()
    config.model.path = path
    steps: list[str] = []
    with pytest.raises(ConfigError, match=r"^model\.path='.*': its weights do not fit"):
        prepare(config, read_rows(config), steps.append)
    assert not steps
    with pytest.raises(ConfigError, match=r"^MODEL .*: its weights do not fit"):
        settings_for(path, None, [], print)
