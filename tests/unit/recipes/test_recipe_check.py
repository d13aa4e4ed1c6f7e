"""A recipe is checked whole: one error that names its file, the stage and the nearest valid."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from rlsys.errors import RlsysError
from rlsys.recipes.check import check
from rlsys.recipes.recipe import read_recipe
from tests.helpers.places import ROOT

Write = Callable[[dict], Path]


def refusal(write: Write, content: dict) -> str:
    """The error that a recipe is refused with."""
    with pytest.raises(RlsysError) as refused:
        check(read_recipe(write(content)))
    assert "branches.yaml: stage " in str(refused.value)
    return str(refused.value)


def model(folder: Path, *tokens: str) -> str:
    """A model's folder, as far as a recipe reads it."""
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "qwen2"}')
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    vocabulary = {token: number for number, token in enumerate(tokens)}
    content = {"model": {"vocab": vocabulary}, "added_tokens": [{"content": "<e>", "id": 99}]}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return str(folder)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"loop.stesp": 3}, "overrides of stage rl_a: unknown key 'loop.stesp'; did you mean"),
        ({"loop.steps": 0}, "loop.steps=0: must be at least 1; nearest valid: 1"),
        ({"algorithm": "dappo"}, "no preset 'dappo'; did you mean 'dapo'?"),
        ({"verifiers.rewards": [{"name": "maths"}]}, "did you mean 'math'?"),
    ],
)
def test_a_setting_that_cannot_be_is_told_with_file_and_stage(
    write: Write, content: dict, override: dict, said: str
) -> None:
    content["stages"][1]["overrides"] = override
    told = refusal(write, content)
    assert "stage rl_a (config" in told
    assert said in told


def test_a_config_file_that_is_not_there_names_the_nearest(write: Write, content: dict) -> None:
    content["stages"][3]["config"] = "smal.yaml"
    assert "stage table_a" in (told := refusal(write, content))
    assert "did you mean 'small.yaml'?" in told


@pytest.mark.parametrize(
    ("number", "name", "path", "said"),
    [
        (0, "demonstrations", "chain.jsonl", "nearest existing: chains.jsonl"),
        (1, "rows", "data/reasoning.jsonl", "no such file, and no folder data"),
        (0, "policy", "./nowhere", "does not exist"),
    ],
)
def test_an_outside_input_that_is_not_there_is_refused(
    write: Write, content: dict, number: int, name: str, path: str, said: str
) -> None:
    content["stages"][number]["inputs"][name] = path
    assert said in refusal(write, content)


def test_a_teacher_makes_the_stage_a_distillation(
    write: Write, content: dict, workplace: Path
) -> None:
    path = model(workplace / "teacher", "a", "b")
    content["stages"][1] |= {"overrides": {"teacher.path": path}}
    assert "kind rl, but its settings are of kind distill" in refusal(write, content)


def test_a_distillation_needs_its_teacher(write: Write, content: dict) -> None:
    content["stages"][1]["kind"] = "distill"
    assert "kind distill, but its settings are of kind rl" in refusal(write, content)


def test_a_config_of_another_command_is_refused(
    write: Write, content: dict, workplace: Path
) -> None:
    (workplace / "small.yaml").write_text("run: {stage: sft}\n")
    assert "stage rl_a: kind rl, but its settings are of kind sft" in refusal(write, content)


def test_policies_of_unlike_tokenizers_do_not_meet(
    write: Write, content: dict, workplace: Path
) -> None:
    """Though one of them has gone through a stage before."""
    content["stages"][0]["inputs"]["policy"] = model(workplace / "student", "a", "b", "c")
    content["stages"][1] |= {"kind": "distill"}
    content["stages"][1]["inputs"]["teacher"] = model(workplace / "teacher", "a", "c", "b")
    told = refusal(write, content)
    assert "stage rl_a: policy" in told
    assert "have tokenizers that differ in 2 tokens, such as 'b'" in told
    (workplace / "teacher" / "tokenizer.json").write_bytes(
        (workplace / "student" / "tokenizer.json").read_bytes()
    )
    check(read_recipe(write(content)))


@pytest.mark.parametrize(
    ("number", "gate", "said"),
    [
        (1, "pass_at_2 > 0", "no figure 'pass_at_2' of stage rl_a, which is of kind rl; did you"),
        (1, "heldout_loss < 1", "no figure 'heldout_loss' of stage rl_a"),
        (1, "sft1.signal > 0", "no figure 'signal' of stage sft1, which is of kind sft"),
        (3, "pass_at_16 > 0", "no figure 'pass_at_16' of stage table_a"),
    ],
)
def test_a_gate_asks_for_figures_that_its_stage_measures(
    write: Write, content: dict, number: int, gate: str, said: str
) -> None:
    content["stages"][number]["gate"] = [gate]
    assert said in refusal(write, content)


def test_what_was_sampled_is_taught_and_its_rates_choose_rows(write: Write, content: dict) -> None:
    sample = {"name": "sample", "kind": "sample", "config": "small.yaml"}
    content["stages"].append(sample | {"gate": ["kept > 0", "pass_at_16.low > 0"]})
    content["stages"][0]["inputs"]["demonstrations"] = "${sample.demonstrations}"
    content["stages"][1]["inputs"]["rates"] = "${sample.rates}"
    content["stages"][1]["overrides"] = {"data.pass_rate": [0.1, 0.9]}
    recipe = read_recipe(write(content))
    assert [stage.name for stage in recipe.stages][:3] == ["sample", "sft1", "rl_a"]
    check(recipe)
    content["stages"][0]["inputs"]["demonstrations"] = "${sample.rates}"
    with pytest.raises(RlsysError, match="demonstrations takes demonstrations, and not rates"):
        read_recipe(write(content))


def test_what_is_asked_names_inputs_and_leaves_places_out(write: Write, content: dict) -> None:
    checked = check(read_recipe(write(content)))
    asked = checked.asked(checked.recipe.stage("rl_a"))
    assert asked["model.path"] == "<policy>"
    assert asked["data.train"] == "<rows>"
    assert asked["loop.steps"] == 6
    assert "cluster.address" not in asked
    json.dumps(asked)


SHIPPED = sorted((ROOT / "configs" / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_recipe_is_whole_at_each_of_its_scales(file: Path) -> None:
    scales = OmegaConf.load(file).scales
    for scale in scales:
        recipe = read_recipe(file, scale)
        assert set(check(recipe).settings) == {stage.name for stage in recipe.stages}
