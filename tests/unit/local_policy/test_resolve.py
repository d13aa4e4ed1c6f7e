import json
from pathlib import Path

import pytest

from rlsys.config.load import CONFIGS, load, to_yaml
from rlsys.errors import ConfigError
from rlsys.local_policy.resolve import digest, fit_machine, resolve, settings_for
from tests.helpers.model_folders import write_weights


def model(folder: Path, positions: int = 256, **more: object) -> Path:
    folder.mkdir(parents=True)
    config = {"model_type": "qwen2", "max_position_embeddings": positions} | more
    said = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(said))
    write_weights(folder, {})
    return folder


def test_a_run_stands_for_its_newest_checkpoint_and_a_checkpoint_for_its_policy(
    tmp_path: Path,
) -> None:
    old = model(tmp_path / "run/checkpoints/step-000002/policy")
    new = model(tmp_path / "run/checkpoints/step-000010/policy")
    assert resolve(str(tmp_path / "run")) == str(new)
    assert resolve(str(old.parent)) == str(old)
    assert resolve(str(old)) == str(old)
    assert resolve("Qwen/Qwen2.5-0.5B") == "Qwen/Qwen2.5-0.5B"


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a Hugging Face model"):
        resolve(str(tmp_path))
    with pytest.raises(ConfigError, match="no such folder"):
        resolve("./nothing/there")


@pytest.mark.parametrize("config", [None, CONFIGS / "local.yaml", CONFIGS / "thinking.yaml"])
def test_the_context_is_the_models_unless_a_shorter_one_is_named(
    tmp_path: Path, config: Path | None
) -> None:
    path = str(model(tmp_path / "m"))
    assert settings_for(path, config, [], print).model.max_context == 256
    assert settings_for(path, config, ["model.max_context=64"], print).model.max_context == 64
    assert settings_for(path, config, ["model.max_context=999"], print).model.max_context == 256


def test_the_context_may_be_shortened_in_a_file(tmp_path: Path) -> None:
    path = str(model(tmp_path / "m"))
    file = tmp_path / "plan.yaml"
    file.write_text("model: {max_context: 512}\nbenchmarks: {max_context: 96}\n")
    assert settings_for(path, file, [], print).model.max_context == 96
    assert settings_for(path, file, ["model.max_context=64"], print).model.max_context == 64


def test_a_model_that_is_named_makes_that_of_the_file_no_matter(tmp_path: Path) -> None:
    file = tmp_path / "gone.yaml"
    file.write_text(f"model: {{path: {tmp_path}/gone}}\n")
    path = str(model(tmp_path / "m"))
    assert settings_for(path, file, [], print).model.path == path


@pytest.mark.parametrize("name", ["local", "thinking", "countdown", "gsm8k", "one_gpu"])
def test_the_settings_that_a_run_left_do_for_its_evaluation(tmp_path: Path, name: str) -> None:
    """None of them is held against a shorter context, and all of the model's is read."""
    saved = tmp_path / "config.yaml"
    saved.write_text(to_yaml(load(CONFIGS / f"{name}.yaml", ["rollout.max_sequences=7"])))
    path = str(model(tmp_path / "m", positions=64))
    resolved = settings_for(path, saved, [], print)
    assert (resolved.model.path, resolved.model.max_context) == (path, 64)
    assert resolved.rollout.max_sequences == 7


@pytest.mark.parametrize(
    ("config", "context"),
    [
        ({"model_type": "gpt2", "n_positions": 512, "max_position_embeddings": None}, 512),
        ({"model_type": "llava", "text_config": {"model_type": "llama"}}, 2048),
        ({"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 2.0}}, 512),
    ],
)
def test_positions_are_found_under_whatever_name_they_have(
    tmp_path: Path, config: dict[str, object], context: int
) -> None:
    path = str(model(tmp_path / "m", 256, **config))
    assert settings_for(path, None, [], print).model.max_context == context


def test_a_conversation_is_as_long_as_the_cache_holds_and_says_so(tmp_path: Path) -> None:
    """2 GiB at 2 layers of 2 heads of 32 numbers, keys and values, each of 4 bytes."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    path = str(model(tmp_path / "m", 10_000_000, num_key_value_heads=2, **sizes))
    told: list[str] = []
    given = ["rollout.kv_cache_gib=2", "rollout.dtype=float32"]
    resolved = settings_for(path, None, given, told.append)
    fitted = fit_machine(resolved, told.append)
    assert resolved.model.max_context == 10_000_000
    assert fitted.model.max_context == (2 << 30) // 1024
    assert told == [
        "context: 2,097,152 of the model's 10,000,000 tokens, which is what "
        "rollout.kv_cache_gib=2 holds"
    ]
    short = settings_for(path, None, [*given, "model.max_context=64"], told.append)
    assert (fit_machine(short, told.append).model.max_context, len(told)) == (64, 1)


def test_a_model_that_changed_has_another_fingerprint(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    before = digest(str(path))
    assert digest(str(path)) == before
    write_weights(path, {"other": (1,)})
    assert digest(str(path)) != before
