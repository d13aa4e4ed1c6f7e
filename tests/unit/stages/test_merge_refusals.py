"""What a merge refuses before anything is written, and what it only notes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlsys.errors import ConfigError
from rlsys.local_policy.tokenizer import build_tokenizer
from rlsys.observe.merge_summary import MergeSummary
from tests.helpers.tiny_policy import write_policy


def refusal(merged: Callable[..., MergeSummary], *names: str, **settings: Any) -> str:
    with pytest.raises(ConfigError) as error:
        merged(*names, **settings)
    return str(error.value)


def test_tensors_of_another_shape_are_counted_and_the_first_is_named(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    shutil.copytree(made / "a", tmp_path / "a")
    write_policy(tmp_path / "wide", 3, intermediate_size=16)
    told = refusal(merged, "a", "wide", folder=tmp_path)
    assert "6 tensors have another shape, the first model.layers.0.mlp.down_proj.weight" in told
    assert "[8, 16] there and [8, 12] here" in told
    assert not list((tmp_path / "runs").glob("*"))


def test_tensors_that_one_lacks_are_counted_and_the_first_is_named(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    shutil.copytree(made / "a", tmp_path / "a")
    write_policy(tmp_path / "deep", 3, num_hidden_layers=3)
    told = refusal(merged, "a", "deep", folder=tmp_path)
    assert "12 tensors are not in merge.policies[0]" in told
    assert "the first model.layers.2.input_layernorm.weight" in told
    assert "12 tensors of merge.policies[0]" in refusal(merged, "deep", "a", folder=tmp_path)


def test_another_architecture_is_named(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    for name in ("a", "b"):
        shutil.copytree(made / name, tmp_path / name)
    file = tmp_path / "b" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_type": "qwen3"}))
    told = refusal(merged, "a", "b", folder=tmp_path)
    assert "is another architecture than merge.policies[0]" in told
    assert "model_type qwen3 there and qwen2 here" in told


def test_policies_that_think_in_other_numbers_of_latents_are_refused(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    for name in ("a", "b"):
        shutil.copytree(made / name, tmp_path / name)
    file = tmp_path / "b" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"thinking_latents": 3}))
    told = refusal(merged, "a", "b", folder=tmp_path)
    assert "thinks in 3 latents, and merge.policies[0]" in told
    assert not list((tmp_path / "runs").glob("*"))


def test_what_else_differs_in_the_config_is_a_note(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    for name in ("a", "b"):
        shutil.copytree(made / name, tmp_path / name)
    file = tmp_path / "b" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rms_norm_eps": 0.5}))
    (note,) = merged("a", "b", folder=tmp_path).notes
    assert "its config.json differs in rms_norm_eps=0.5 (kept: 1e-06)" in note


def test_another_vocabulary_is_named_and_so_are_other_special_tokens(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    for name in ("a", "b", "c"):
        shutil.copytree(made / ("a" if name == "a" else "b"), tmp_path / name)
    tokenizer = build_tokenizer()
    tokenizer.eos_token = tokenizer.pad_token
    tokenizer.save_pretrained(tmp_path / "b")
    told = refusal(merged, "a", "b", folder=tmp_path)
    assert "1 special tokens are others than those of merge.policies[0]" in told
    assert "such as eos_token" in told
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(tmp_path / "c")
    told = refusal(merged, "a", "c", folder=tmp_path)
    assert "1 tokens differ, such as '<new>'" in told
    # A base is asked nothing: what ends its turns is its own business.
    merged("a", folder=tmp_path, method="task_arithmetic", base=tmp_path / "b")


def test_a_policy_by_another_path_is_still_the_same(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    (tmp_path / "link").symlink_to(made / "a")
    (tmp_path / "a").symlink_to(made / "a")
    assert "is the policy of merge.policies[0]" in refusal(merged, "a", "link", folder=tmp_path)
    told = refusal(merged, "a", folder=tmp_path, method="ties", base=made / "a")
    assert told.startswith("merge.base=")


def test_weights_that_are_quantized_or_in_another_form_are_refused(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    for name in ("a", "b", "c"):
        shutil.copytree(made / name if name != "c" else made / "b", tmp_path / name)
    file = tmp_path / "b" / "config.json"
    content = json.loads(file.read_text()) | {"quantization_config": {"quant_method": "awq"}}
    file.write_text(json.dumps(content))
    assert "its weights are quantized" in refusal(merged, "a", "b", folder=tmp_path)
    (tmp_path / "c" / "model.safetensors").rename(tmp_path / "c" / "pytorch_model.bin")
    assert "its weights are not in safetensors" in refusal(merged, "a", "c", folder=tmp_path)
