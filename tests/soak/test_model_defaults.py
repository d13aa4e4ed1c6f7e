"""A config.json that leaves out the defaults of its type is judged as if it said them, for all the
types that transformers has."""

import json
from pathlib import Path

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
)

from rlsys.config.model_files import read_config
from rlsys.config.models import refusal

pytestmark = pytest.mark.soak

KINDS = sorted({*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES})
NOT_ALONE = {"musicgen", "musicgen_melody", "vision-encoder-decoder"}
"""Without the models that they are made of, transformers makes no config of them."""
AT_ODDS = {"arcee", "starcoder2", "reformer", "glm4_moe", "glm4v_moe", "qwen3_omni_moe_thinker"}
"""Their defaults are no model: an end of the answer beyond the embedding, or heads that do not
divide the hidden size; the config.json of each published one says otherwise."""


def judged(folder: Path, config: dict[str, object]) -> str | None:
    (folder / "config.json").write_text(json.dumps(config, default=str))
    return refusal(read_config(str(folder), "MODEL"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_ALONE | AT_ODDS])
def test_a_bare_config_is_judged_as_a_whole_one(tmp_path: Path, kind: str) -> None:
    whole = judged(tmp_path, CONFIG_MAPPING[kind]().to_dict())
    bare = judged(tmp_path, {"model_type": kind})
    assert (bare is None) == (whole is None), (bare, whole)
