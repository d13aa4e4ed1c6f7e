"""What a recipe says, and what it cannot say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rlsys.config.load import CONFIGS
from rlsys.errors import ConfigError
from rlsys.lineage.kinds import KINDS, Kind
from rlsys.recipes import read, recipe
from rlsys.recipes.read import read_recipe
from rlsys.recipes.recipe import Reference

Write = Callable[[dict], Path]


def refusal(write: Write, content: dict, scale: str = "") -> str:
    """The error that a recipe is refused with."""
    with pytest.raises(ConfigError) as refused:
        read_recipe(write(content), scale)
    assert "branches.yaml" in str(refused.value)
    return str(refused.value)


def test_stages_come_after_what_they_take_from_whatever_the_order_in_the_file(
    write: Write, content: dict
) -> None:
    content["stages"].reverse()
    names = [stage.name for stage in read_recipe(write(content)).stages]
    assert names == ["sft1", "rl_b", "table_b", "rl_a", "table_a"]


def test_an_input_is_an_output_of_an_earlier_stage_or_a_path(write: Write, content: dict) -> None:
    rl = read_recipe(write(content)).stage("rl_a")
    assert rl.inputs == {"policy": Reference("sft1", "policy"), "rows": "reasoning.jsonl"}
    assert rl.arguments(lambda one: f"/made/{one.stage}") == [
        'data.train="reasoning.jsonl"',
        'model.path="/made/sft1"',
    ]


def test_an_override_may_name_an_output_however_deep(write: Write, content: dict) -> None:
    judge = {"name": "good", "verifier": "reward_model", "options": {"model": "${rl_b.policy}"}}
    content["stages"][1]["overrides"] = {"verifiers.rewards": [judge]}
    recipe = read_recipe(write(content))
    names = [stage.name for stage in recipe.stages]
    assert names.index("rl_b") < names.index("rl_a")
    argument = recipe.stage("rl_a").arguments(lambda one: f"/made/{one.stage}")[0]
    assert argument.startswith("verifiers.rewards=[{")
    assert '"model": "/made/rl_b"' in argument


def test_a_scale_overlays_all_stages_and_then_each(write: Write, content: dict) -> None:
    content["scales"] = {
        "tiny": {
            "all": {"overrides": {"loop.steps": 2, "run.seed": 7}},
            "rl_a": {"overrides": {"loop.steps": 3}, "gate": ["steps > 1"]},
        }
    }
    recipe = read_recipe(write(content), "tiny")
    assert recipe.name == "branches-tiny"
    assert recipe.stage("rl_a").overrides == {"loop.steps": 3, "run.seed": 7}
    assert recipe.stage("rl_b").overrides == {"loop.steps": 2, "run.seed": 7}
    assert [one.text for one in recipe.stage("rl_a").gate] == ["steps > 1"]


def test_a_scale_keeps_what_a_stage_says_beside_it_in_the_same_section(
    write: Write, content: dict
) -> None:
    content["stages"][1]["overrides"] = {"loop": {"steps": 9, "group_size": 6}}
    content["scales"] = {"tiny": {"rl_a": {"overrides": {"loop": {"steps": 3}}}}}
    stage = read_recipe(write(content), "tiny").stage("rl_a")
    assert stage.overrides == {"loop.group_size": 6, "loop.steps": 3}
    told = read_recipe(write(content), "tiny", ["rl_a.loop={steps: 2}"]).stage("rl_a")
    assert told.overrides == {"loop.group_size": 6, "loop.steps": 2}


def test_what_is_said_last_also_stands_last_as_two_names_may_be_one_setting(
    write: Write, content: dict
) -> None:
    content["stages"][1]["overrides"] = {"algorithm": "dapo"}
    content["scales"] = {"tiny": {"rl_a": {"overrides": {"algorithm.preset": "rloo"}}}}
    told = read_recipe(write(content), "tiny", ["algorithm=grpo"]).stage("rl_a")
    assert list(told.overrides.items())[-1] == ("algorithm", "grpo")


def test_mappings_of_names_of_the_users_own_stay_whole(write: Write, content: dict) -> None:
    options = {"rollout.engine_options": {"a.b": 1}}
    content["stages"][1]["overrides"] = options
    assert read_recipe(write(content)).stage("rl_a").overrides == options


def test_a_stage_that_says_a_setting_twice_is_refused(write: Write, content: dict) -> None:
    content["stages"][1]["overrides"] = {"loop.steps": 4, "loop": {"steps": 5}}
    said = refusal(write, content)
    assert "stage rl_a: overrides say loop.steps twice, 4 and 5" in said


@pytest.mark.parametrize(("name", "spelt"), [(True, "'true'"), (1, "'1'")])
def test_a_scale_whose_name_is_no_text_to_yaml_is_refused(
    write: Write, content: dict, name: object, spelt: str
) -> None:
    content["scales"] = {name: {}}
    assert f"nearest valid: {spelt}, in quotes" in refusal(write, content, "on")


def test_the_command_line_says_it_of_one_stage_or_of_all(write: Write, content: dict) -> None:
    recipe = read_recipe(write(content), "", ["rl_a.loop.steps=3", "run.seed=7", "run.name="])
    assert recipe.stage("rl_a").overrides == {"loop.steps": 3, "run.seed": 7, "run.name": ""}
    assert recipe.stage("rl_b").overrides == {"run.seed": 7, "run.name": ""}


def test_a_length_that_is_said_later_voids_the_other_way_to_say_it(
    write: Write, content: dict
) -> None:
    content["stages"][0]["overrides"] = {"loop.epochs": 2}
    recipe = read_recipe(write(content), "", ["sft1.loop.steps=5"])
    assert recipe.stage("sft1").overrides == {"loop.steps": 5}


def test_a_recipe_with_scales_asks_which(write: Write, content: dict) -> None:
    content["scales"] = {"tiny": {}, "cluster": {}}
    assert "--scale is missing; there are: tiny, cluster" in refusal(write, content)
    assert "did you mean 'tiny'?" in refusal(write, content, "tinny")


def test_a_recipe_without_scales_and_a_stage_without_a_kind_say_so(
    write: Write, content: dict
) -> None:
    assert "the recipe has no scales: leave it out" in refusal(write, content, "tiny")
    assert "about: expected a text, in a line" in refusal(write, content | {"about": [1]})
    del content["stages"][1]["kind"]
    assert "stage rl_a: kind is missing; there are: distill, evaluate" in refusal(write, content)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("rl_a.data.train=[1", "override 'rl_a.data.train=[1': did not find expected"),
        ("rl_x.loop.steps=3", "override 'rl_x.loop.steps=3': no stage 'rl_x'; did you mean 'rl_a"),
        ("rl_a=3", "override 'rl_a=3': expected [STAGE.]section.key=value"),
        ("=3", "override '=3': expected"),
        ("loop.steps", "override 'loop.steps': expected"),
    ],
)
def test_an_override_that_cannot_be_read_is_told_as_it_was_typed(
    write: Write, content: dict, override: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read_recipe(write(content), "", [override])
    assert said in str(refused.value)


def test_a_stage_that_is_called_as_a_section_hides_none_of_its_settings(
    write: Write, content: dict
) -> None:
    content["stages"].append({"name": "loop", "kind": "sft", "config": "small.yaml"})
    recipe = read_recipe(write(content), "", ["loop.steps=3", "loop.loop.steps=4", "run.seed=7"])
    assert recipe.stage("rl_a").overrides == {"loop.steps": 3, "run.seed": 7}
    assert recipe.stage("loop").overrides == {"loop.steps": 4, "run.seed": 7}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "sftt"}, "stage rl_a: kind 'sftt': no such kind; did you mean 'sft'?"),
        ({"name": "sft1"}, "there are 2 stages of that name"),
        ({"name": "all"}, "and none of all, asked, logs, lock, superseded"),
        ({"name": "logs"}, "which mean something else"),
        ({"name": "rl-a"}, "expected letters, digits and _"),
        ({"kinds": "rl"}, "stage rl_a: unknown key 'kinds'; did you mean 'kind'?"),
        ({"config": None}, "config: expected the path of a config file, got None"),
        ({"inputs": {"polcy": "x"}}, "no input 'polcy'; did you mean 'policy'?"),
        ({"inputs": {"policy": "${sft2.policy}"}}, "no stage 'sft2'; did you mean 'sft1'?"),
        ({"inputs": {"policy": "${sft1.polici}"}}, "leaves no 'polici'; did you mean 'policy'?"),
        ({"inputs": {"policy": "${table_a.table}"}}, "policy takes policy, and not table"),
        ({"inputs": {"policy": "${sft1.policy}/x"}}, "and nothing else"),
        ({"inputs": {"policy": 3}}, "expected a path, or an output"),
        ({"inputs": {"policy": "${rl_a.policy}"}}, "the stage names itself"),
        ({"gate": ["pass_at_1 = 0.5"]}, "gate 'pass_at_1 = 0.5': expected a figure"),
        ({"gate": ["0.5 < pass_at_1"]}, "expected a figure"),
        ({"gate": ["rl_a.gain > 0"]}, "have no name before them; nearest valid: gain"),
    ],
)
def test_what_a_stage_cannot_be_is_named_with_its_place(
    write: Write, content: dict, change: dict, said: str
) -> None:
    content["stages"][1] |= change
    assert said in refusal(write, content)


@pytest.mark.parametrize(("key", "said"), [("overrides", "loop.steps=2"), ("inputs", ["local"])])
def test_overrides_and_inputs_that_are_no_mapping_are_shown_how_they_are_written(
    write: Write, content: dict, key: str, said: object
) -> None:
    content["stages"][0][key] = said
    assert f"{key}: expected a mapping, as in {{" in refusal(write, content)
    del content["stages"][0][key]
    content["scales"] = {"tiny": {"all": {key: said}}}
    assert f"{key}: expected a mapping, as in {{" in refusal(write, content, "tiny")


def test_a_circle_is_told_all_around(write: Write, content: dict) -> None:
    content["stages"][0]["inputs"]["policy"] = "${rl_a.policy}"
    assert "the stages form a circle: sft1 -> rl_a -> sft1" in refusal(write, content)


def test_a_gate_that_asks_for_a_later_stage_is_a_circle(write: Write, content: dict) -> None:
    content["stages"][0]["gate"] = ["pass_at_1 > table_a.pass_at_1"]
    assert "circle: sft1 -> table_a -> rl_a -> sft1" in refusal(write, content)


def test_a_scale_that_names_no_stage_is_refused(write: Write, content: dict) -> None:
    content["scales"] = {"tiny": {"rl_c": {}}}
    assert "scale tiny: no stage 'rl_c'; did you mean 'rl_a'?" in refusal(write, content, "tiny")


@pytest.mark.parametrize("content", [{}, {"stages": []}, {"stages": {"name": "rl"}}])
def test_a_recipe_without_stages_is_refused(write: Write, content: dict) -> None:
    assert "expected a list of stages" in refusal(write, content)


def test_a_recipe_that_is_not_there_names_the_nearest_recipe_and_no_config(
    write: Write, content: dict
) -> None:
    file = write(content)
    with pytest.raises(ConfigError, match=r"no recipe .*; did you mean 'branches.yaml'\?"):
        read_recipe(file.with_name("branchs.yaml"))
    with pytest.raises(ConfigError) as refused:
        read_recipe(file.with_name("smal.yaml"))
    assert str(refused.value).endswith(", branches.yaml")
    assert str(CONFIGS / "recipes" / "sft_rl.yaml") in str(refused.value)
    assert "small.yaml" not in str(refused.value)


def test_a_folder_is_no_recipe_and_those_in_it_are_named(write: Write, content: dict) -> None:
    folder = write(content).parent
    with pytest.raises(
        ConfigError, match=r"is a folder, and no recipe; there are: .*branches.yaml"
    ):
        read_recipe(folder)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"model.path": "x"}, "override model.path: x"),
        ({"model": {"path": "${rl_b.policy}"}}, "override model.path: ${rl_b.policy}"),
    ],
)
def test_an_input_and_an_override_that_say_the_same_setting_are_named(
    write: Write, content: dict, override: dict, said: str
) -> None:
    content["stages"][1]["overrides"] = override
    told = refusal(write, content)
    assert f"stage rl_a: input policy: ${{sft1.policy}} and {said} say the same setting" in told


def test_the_command_line_does_not_lose_to_an_input_in_silence(write: Write, content: dict) -> None:
    with pytest.raises(
        ConfigError, match=r"input rows: reasoning.jsonl and override data.train: x"
    ):
        read_recipe(write(content), "", ["rl_a.data.train=x"])


def test_numbered_inputs_make_a_list_in_the_order_of_their_numbers(
    write: Write, content: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = Kind("join", "", {}, ("policy",), (), lists={"policy": "join.policies"})
    for module in (read, recipe):
        monkeypatch.setattr(module, "KINDS", {**KINDS, "join": joined})
    inputs = {f"policy_{n}": f"p{n}" for n in (10, *range(1, 10))}
    inputs["policy_3"] = "${rl_b.policy}"
    content["stages"].append(
        {"name": "joined", "kind": "join", "config": "small.yaml", "inputs": inputs}
    )
    found = read_recipe(write(content)).stage("joined")
    assert found.references == {"policy_3": Reference("rl_b", "policy")}
    others = ", ".join(f'"p{n}"' for n in range(4, 11))
    assert found.arguments(lambda one: f"/made/{one.stage}") == [
        f'join.policies=["p1", "p2", "/made/rl_b", {others}]'
    ]
    del inputs["policy_3"]
    inputs["polici_3"] = "${rl_b.policy}"
    assert "no input 'polici_3'; did you mean 'policy_1'?" in refusal(write, content)


def test_several_files_of_data_are_one_setting(write: Write, content: dict) -> None:
    inputs = {"demonstrations_1": "chains.jsonl", "demonstrations_2": "${rl_b.policy}"}
    content["stages"][0]["inputs"] = inputs
    said = "demonstrations_2 takes demonstrations, and not policy"
    assert said in refusal(write, content)
    inputs["demonstrations_2"] = "world:chains"
    arguments = read_recipe(write(content)).stage("sft1").arguments(str)
    assert arguments == ['sft.train="chains.jsonl,world:chains"']


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["rows_1", "rows_3"], "rows_3: numbers count from 1 without a gap, got [1, 3]"),
        (["rows", "rows_1"], "rows and rows_1: nearest valid: rows for one, rows_1 and rows_2"),
        (["rows_1"], "rows_1 alone: nearest valid: rows for one"),
    ],
)
def test_numbers_of_inputs_count_from_one(
    write: Write, content: dict, names: list[str], said: str
) -> None:
    content["stages"][1]["inputs"] = dict.fromkeys(names, "reasoning.jsonl")
    assert said in refusal(write, content)
