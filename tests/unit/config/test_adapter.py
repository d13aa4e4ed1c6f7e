"""What learner.lora asks of a model is found in the heads of its weight files; none is loaded."""

import re
from pathlib import Path

import pytest

from rlsys.config.adapter import adapter_note, layer_of
from rlsys.config.load import CONFIGS, load, to_yaml
from rlsys.config.lora import LoraConfig
from rlsys.config.validate import validate
from rlsys.errors import ConfigError
from tests.helpers.model_folders import config_of, error_of, write_weights

LAYER = "model.layers.0."
SHAPES = {
    "model.embed_tokens.weight": (100, 64),
    f"{LAYER}self_attn.q_proj.weight": (64, 64),
    f"{LAYER}self_attn.k_proj.weight": (16, 64),
    f"{LAYER}mlp.experts.0.down_proj.weight": (64, 4),
    f"{LAYER}mlp.gate.weight": (8, 64),
    f"{LAYER}input_layernorm.weight": (64,),
    "lm_head.weight": (100, 64),
}


@pytest.mark.parametrize(
    ("lora", "error"),
    [
        ({"rank": 17}, "rank=17: model.layers.0.self_attn.k_proj is 16 x 64, .* valid: 16"),
        ({"targets": ["q_prj"]}, r"'q_prj' .*did you mean 'q_proj'\?; there are: k_proj, q_proj"),
        ({"targets": ["down_proj"]}, "no linear layer 'down_proj' that could have an adapter"),
        ({"targets": ["lm_head"]}, "no linear layer 'lm_head' that could have an adapter"),
    ],
)
def test_what_the_model_has_no_room_for_is_refused_before_it_is_loaded(
    tmp_path: Path, lora: dict[str, object], error: str
) -> None:
    config = config_of(tmp_path)
    write_weights(tmp_path, SHAPES)
    config.learner.lora = LoraConfig(**lora)  # type: ignore[arg-type]
    assert re.search(error, error_of(config))


def test_experts_and_what_chooses_them_never_have_an_adapter() -> None:
    assert layer_of("model.layers.3.self_attn.q_proj") == "q_proj"
    assert layer_of("transformer.h.0.mlp.shared_expert.up_proj") == "up_proj"
    for name in ("mlp.experts.7.up_proj", "mlp.gate", "mlp.shared_expert_gate"):
        assert layer_of(f"model.layers.3.{name}") is None
    assert layer_of("lm_head") is None


def test_a_model_without_linear_layers_of_its_own_is_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    write_weights(tmp_path, {"model.embed_tokens.weight": (100, 64)})
    config.learner.lora = LoraConfig()
    assert "nearest valid: learner.lora=null" in error_of(config)


@pytest.mark.parametrize(
    ("overrides", "found"),
    [
        ([], None),
        (["learner.lora={}"], LoraConfig()),
        (["learner.lora.rank=8"], LoraConfig(rank=8)),
        (["learner.lora={targets: [q_proj]}"], LoraConfig(targets=["q_proj"])),
        (["learner.lora.rank=8", "learner.lora=null"], None),
    ],
)
def test_the_section_is_there_when_a_setting_of_it_is(
    tmp_path: Path, overrides: list[str], found: LoraConfig | None
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("loop: {steps: 3}\n")
    config = load(file, overrides)
    assert config.learner.lora == found
    file.write_text(to_yaml(config))
    assert load(file).learner.lora == found


@pytest.mark.parametrize(
    ("override", "error"),
    [
        ("learner.lora=8", "learner.lora=8: expected a section of settings"),
        ("learner.lora.rnk=8", r"unknown key 'learner.lora.rnk'; did you mean 'learner.lora.rank'"),
        ("learner.lora.rank=x", "learner.lora.rank='x': expected a whole number"),
        ("learner.lora.rank=0", "learner.lora.rank=0: must be at least 1; nearest valid: 1"),
        ("learner.lora.alpha=0", "learner.lora.alpha=0.0: must be above 0; nearest valid: 32"),
    ],
)
def test_a_wrong_setting_of_the_section_is_named_as_any_other(
    tmp_path: Path, override: str, error: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("loop: {steps: 3}\n")
    with pytest.raises(ConfigError, match=error):
        load(file, [override])


def test_a_rank_that_a_models_config_has_no_room_for_is_refused_without_its_weights(
    tmp_path: Path,
) -> None:
    """As of a hub id, whose weights come later; here they are saved in a form without a head."""
    sizes = {"hidden_size": 128, "num_hidden_layers": 2, "intermediate_size": 256}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 32}
    config = config_of(tmp_path, **sizes, **heads)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"weights")
    config.learner.lora = LoraConfig(rank=33)
    found = error_of(config)
    assert "learner.lora.rank=33: layers.0.k_proj is 32 x 128, whose change has rank 32" in found
    assert "nearest valid: 32" in found
    config.learner.lora = LoraConfig(rank=16, targets=["q_prj"])
    assert "did you mean 'q_proj'?" in error_of(config)


def test_the_parameters_of_an_adapter_are_named(tmp_path: Path) -> None:
    config_of(tmp_path)
    write_weights(tmp_path, SHAPES)
    # (64 + 64 + 16 + 64) sides of two layers; experts and what chooses them have none.
    assert adapter_note(LoraConfig(rank=2), str(tmp_path)) == (
        "an adapter of rank 2 is trained: 416 parameters in 2 linear layers (k_proj, q_proj)"
    )
    only = LoraConfig(rank=2, targets=["k_proj"])
    assert adapter_note(only, str(tmp_path)).endswith("160 parameters in 1 linear layers (k_proj)")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["learner.lora={}"], "nearest valid: learner.holds_reference=false"),
        (
            ["algorithm.kl.placement=reward", "algorithm.kl.estimator=k1"],
            "nearest valid: algorithm.kl.placement=loss, or a reference worker by",
        ),
    ],
)
def test_a_reference_on_the_learners_ranks_is_refused_where_it_cannot_be(
    overrides: list[str], message: str
) -> None:
    holding = "learner.holds_reference=true"
    validate(load(CONFIGS / "local.yaml", [holding]))
    with pytest.raises(ConfigError, match=r"learner\.holds_reference=true: ") as caught:
        validate(load(CONFIGS / "local.yaml", [holding, *overrides]))
    assert message in str(caught.value)
