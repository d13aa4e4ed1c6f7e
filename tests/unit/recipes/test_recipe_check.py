"""A recipe is checked whole: one error that names its file, the stage and the nearest valid."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from rlsys.errors import RlsysError
from rlsys.recipes.check import check
from rlsys.recipes.read import read_recipe
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
        ({"algorithm": {"kl": {"coefficient": 0}}}, "nearest valid: algorithm.kl.coefficient=0"),
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


@pytest.mark.parametrize("verifier", ["reward_model", "fluency"])
def test_a_grader_that_is_not_there_is_refused_though_its_stage_is_the_last(
    write: Write, content: dict, verifier: str
) -> None:
    reward = {"name": "judge", "verifier": verifier, "options": {"model": "./judge"}}
    content["stages"][1].setdefault("overrides", {})["verifiers.rewards"] = [reward]
    said = refusal(write, content)
    assert "./judge: no folder with a config.json" in said
    assert content["stages"][1]["name"] in said


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


def described(folder: Path, **config: object) -> str:
    """A model that is as its config.json says."""
    path = model(folder, "a", "b")
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2"} | config))
    return path


def test_a_policy_whose_config_json_speaks_against_its_stage_is_refused_before_anything_runs(
    write: Write, content: dict, workplace: Path
) -> None:
    content["stages"][0]["inputs"]["policy"] = described(workplace / "m", alibi=True)
    told = refusal(write, content)
    assert "stage sft1: model.path=" in told
    assert "ALiBi counts positions" in told


def test_what_a_later_stage_asks_is_held_against_what_the_first_one_began_with(
    write: Write, content: dict, workplace: Path
) -> None:
    path = described(workplace / "m", max_position_embeddings=1024)
    content["stages"][0]["inputs"]["policy"] = path
    check(read_recipe(write(content)))
    content["stages"][1]["overrides"] = {"model.max_context": 2048}
    told = refusal(write, content)
    assert "stage rl_a: model.max_context=2048: " in told
    assert "nearest valid: 1024" in told


def test_a_teacher_whose_config_json_cannot_be_read_is_refused(
    write: Write, content: dict, workplace: Path
) -> None:
    content["stages"][0]["inputs"]["policy"] = model(workplace / "student", "a", "b")
    content["stages"][1] |= {"kind": "distill"}
    content["stages"][1]["inputs"]["teacher"] = model(workplace / "teacher", "a", "b")
    (workplace / "teacher" / "config.json").write_text("[]")
    assert "stage rl_a: teacher.path=" in refusal(write, content)


def test_a_policy_that_cannot_answer_is_refused_where_it_is_measured(
    write: Write, content: dict, workplace: Path
) -> None:
    path = described(workplace / "m", is_encoder_decoder=True)
    content["stages"][3]["inputs"]["policy"] = path
    assert "stage table_a: policy=" in (told := refusal(write, content))
    assert "encoder-decoder" in told


def test_of_an_evaluation_of_several_the_configs_own_model_is_no_part(
    write: Write, content: dict, workplace: Path
) -> None:
    """It may be of another family, and of a kind that cannot answer."""
    other = described(workplace / "m", is_encoder_decoder=True)
    (workplace / "small.yaml").write_text(f"loop: {{steps: 6}}\nmodel: {{path: {other}}}\n")
    paths = [model(workplace / name, "x", "y") for name in ("one", "two")]
    inputs = {"policy_1": paths[0], "policy_2": paths[1]}
    content["stages"] = [
        {"name": "table", "kind": "evaluate", "config": "small.yaml", "inputs": inputs}
    ]
    checked = check(read_recipe(write(content)))
    assert checked.outside(checked.recipe.stage("table")) == inputs


def merged(**inputs: str) -> dict:
    """A merge of what two branches leave."""
    inputs = {"policy_1": "${rl_a.policy}", "policy_2": "${rl_b.policy}"} | inputs
    return {"name": "merged", "kind": "merge", "config": "small.yaml", "inputs": inputs}


def test_branches_of_one_start_are_merged_and_go_on(write: Write, content: dict) -> None:
    content["stages"].append(merged())
    content["stages"].append(
        {"name": "rl", "kind": "rl", "config": "small.yaml"}
        | {"inputs": {"policy": "${merged.policy}"}}
    )
    checked = check(read_recipe(write(content)))
    taken = checked.taken(checked.recipe.stage("merged"))
    assert {name: one.stage for name, one in taken.items()} == {
        "policy_1": "rl_a",
        "policy_2": "rl_b",
    }
    assert checked.asked(checked.recipe.stage("merged"))["merge.policies"] == [
        "<policy_1>",
        "<policy_2>",
    ]
    assert checked.settings["rl"].model.path == ""


def test_a_merge_with_the_base_of_its_branches_is_checked_and_one_output_twice_refused(
    write: Write, content: dict
) -> None:
    content["stages"].append(merged(base="${sft1.policy}"))
    content["stages"][-1]["overrides"] = {"merge.method": "ties"}
    check(read_recipe(write(content)))
    content["stages"][-1]["inputs"]["policy_2"] = "${rl_a.policy}"
    assert "'rl_a.policy' is given 2 times" in refusal(write, content)


def test_outputs_in_a_list_of_an_override_are_all_waited_for(write: Write, content: dict) -> None:
    content["stages"].insert(0, merged())
    del content["stages"][0]["inputs"]
    policies = ["${rl_a.policy}", "${rl_b.policy}"]
    content["stages"][0]["overrides"] = {"merge.policies": policies}
    recipe = read_recipe(write(content))
    assert [stage.name for stage in recipe.stages][:4] == ["sft1", "rl_a", "rl_b", "merged"]
    checked = check(recipe)
    assert list(checked.taken(recipe.stage("merged"))) == ["policy_1", "policy_2"]


def test_an_override_of_an_inputs_setting_is_that_input(
    write: Write, content: dict, workplace: Path
) -> None:
    content["stages"][0]["inputs"]["policy"] = model(workplace / "one", "a", "b", "c")
    content["stages"][1] |= {"kind": "distill", "inputs": {"rows": "reasoning.jsonl"}}
    content["stages"][1]["overrides"] = {
        "model.path": "${sft1.policy}",
        "teacher.path": model(workplace / "other", "a", "c", "b"),
    }
    assert "policy (${sft1.policy}, made of" in refusal(write, content)
    content["stages"][1]["overrides"]["teacher.path"] = model(workplace / "same", "a", "b", "c")
    checked = check(read_recipe(write(content)))
    assert list(checked.taken(checked.recipe.stage("rl_a"))) == ["policy"]


def test_what_stages_leave_reads_what_they_began_with(
    write: Write, content: dict, workplace: Path
) -> None:
    content["stages"][1]["inputs"]["policy"] = model(workplace / "one", "a", "b", "c")
    content["stages"][2]["inputs"]["policy"] = model(workplace / "other", "a", "c", "b")
    content["stages"].append(merged())
    told = refusal(write, content)
    assert f"policy_2 (${{rl_b.policy}}, made of {workplace / 'other'}) have tokenizers" in told
    assert "differ in 2 tokens, such as 'b'" in told


def test_what_a_merge_leaves_reads_what_its_first_policy_does(
    write: Write, content: dict, workplace: Path
) -> None:
    for number in (1, 2):
        content["stages"][number]["inputs"]["policy"] = model(workplace / f"m{number}", "a", "b")
    content["stages"].append(merged())
    teacher = {"policy": "${sft1.policy}", "teacher": "${merged.policy}"}
    content["stages"].append(
        {"name": "opd", "kind": "distill", "config": "small.yaml", "inputs": teacher}
    )
    told = refusal(write, content)
    assert "policy (${sft1.policy}, made of local)" in told
    assert f"teacher (${{merged.policy}}, made of {workplace / 'm1'}) have tokenizers" in told


def test_local_policies_of_two_corpora_do_not_meet(write: Write, content: dict) -> None:
    """Each begins with its own, though neither is named by a path."""
    content["stages"][2]["inputs"].pop("policy")
    content["stages"][2]["overrides"] = {"model.local.corpus": "world"}
    content["stages"].append(merged())
    assert "policy_2 (${rl_b.policy}, made of local) have tokenizers" in refusal(write, content)


@pytest.mark.parametrize(
    ("number", "gate", "said"),
    [
        (1, "pass_at_2 > 0", "no figure 'pass_at_2' of stage rl_a, which is of kind rl; did you"),
        (1, "heldout_loss < 1", "no figure 'heldout_loss' of stage rl_a"),
        (1, "sft1.signal > 0", "no figure 'signal' of stage sft1, which is of kind sft"),
        (3, "pass_at_16 > 0", "no figure 'pass_at_16' of stage table_a"),
        (1, "steps.low > 3", "steps is one number, without an interval; nearest valid: steps > 3"),
        (3, "problems.high > 3", "problems is one number, without an interval"),
        (1, "gain > gain", "compares a figure with itself"),
        (1, "pass_at_1 > 60", "pass_at_1 is a share, from 0 to 1, so this would never hold"),
        (3, "cons_at_8.low >= 1.01", "cons_at_8 is a share, from 0 to 1"),
        (3, "pass_at_1 < 0", "would never hold"),
        (0, "pass_at_1 > 0.1", "stage sft1 will not measure pass_at_1: it has no rows with expect"),
        (1, "gain > sft1.pass_at_1", "stage sft1 will not measure pass_at_1"),
    ],
)
def test_a_gate_asks_for_figures_that_its_stage_measures(
    write: Write, content: dict, number: int, gate: str, said: str
) -> None:
    content["stages"][number]["gate"] = [gate]
    assert said in refusal(write, content)


def test_a_gate_on_a_figure_that_is_switched_off_names_the_setting(
    write: Write, content: dict
) -> None:
    content["stages"][0] |= {"overrides": {"sft.holdout": 0}, "gate": ["heldout_loss < 1"]}
    assert "will not measure heldout_loss: sft.holdout=0" in refusal(write, content)
    content["stages"][0]["gate"] = []
    content["stages"][1] |= {"overrides": {"evaluation.final_prompts": 0}, "gate": ["gain > 0"]}
    assert "will not measure gain: evaluation.final_prompts=0" in refusal(write, content)


def test_policies_of_two_architectures_are_not_merged_once_they_are_trained(
    write: Write, content: dict
) -> None:
    content["stages"][2]["inputs"]["policy"] = "local"
    content["stages"][2]["overrides"] = {"model.local.architecture": "qwen3_moe"}
    inputs = {"policy_1": "${rl_a.policy}", "policy_2": "${rl_b.policy}"}
    merged = {"name": "merged", "kind": "merge", "config": "small.yaml", "inputs": inputs}
    content["stages"].append(merged)
    told = refusal(write, content)
    assert "policy_1 is made of a policy of model_type qwen2 and policy_2 of one of qwen3" in told


def test_a_benchmark_that_there_is_not_is_named_before_anything_is_trained(
    write: Write, content: dict
) -> None:
    content["stages"][3]["overrides"] = {"benchmarks.names": ["gsm"]}
    assert "no benchmark 'gsm'; did you mean 'gsm8k'?" in refusal(write, content)


def test_a_run_is_called_as_its_stage(write: Write, content: dict) -> None:
    content["stages"][1]["overrides"] = {"run": {"name": "x"}}
    assert "run.name=x: a stage's run is called as the stage" in refusal(write, content)


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
