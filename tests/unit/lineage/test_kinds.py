"""The inputs of a stage by the words of its kind."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from rlsys.config.benchmarks import BenchmarksConfig
from rlsys.config.resume import flat
from rlsys.config.run import ModelConfig, RunConfig, RunSection, StageKind, TeacherConfig
from rlsys.config.sft import SftConfig
from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.lineage.kinds import KINDS, SECTIONS_OF, given, kind_of, reads
from tests.helpers.places import ROOT


@pytest.mark.parametrize("kind", KINDS)
def test_every_input_is_a_setting(kind: str) -> None:
    assert set(KINDS[kind].inputs.values()) <= set(flat(asdict(RunConfig())))


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, row in KINDS.items() for n in row.lists])
def test_every_list_of_inputs_is_a_setting(kind: str, name: str) -> None:
    assert KINDS[kind].lists[name] in flat(asdict(RunConfig()))


def test_an_evaluation_is_of_one_policy_or_of_several() -> None:
    several = RunConfig(benchmarks=BenchmarksConfig(policies=["/a", "/b"]))
    several.model.path = "/c"  # of the config that others share; it plays no part
    assert given("evaluate", several) == {"policy_1": "/a", "policy_2": "/b"}
    several.benchmarks.policies = []
    assert given("evaluate", several) == {"policy": "/c"}
    assert KINDS["evaluate"].misnumbered(["policy_1", "policy_2"]) == ""
    assert "policy and policy_1" in KINDS["evaluate"].misnumbered(["policy", "policy_1"])


def test_a_run_with_a_teacher_distills() -> None:
    taught = RunConfig(teacher=TeacherConfig(path="/teacher"), model=ModelConfig(path="/student"))
    assert kind_of(taught) == "distill"
    assert given("distill", taught) == {"policy": "/student", "teacher": "/teacher"}
    assert kind_of(RunConfig()) == "rl"
    assert kind_of(RunConfig(run=RunSection(stage=StageKind.sft))) == "sft"


def test_generated_rows_are_no_input() -> None:
    assert given("sft", RunConfig()) == {}
    assert given("sft", RunConfig(sft=SftConfig(train="chains.jsonl"))) == {
        "demonstrations": "chains.jsonl"
    }


def test_models_of_verifiers_and_a_plugin_file_are_inputs(tmp_path: Path) -> None:
    file = tmp_path / "brevity.py"
    file.write_text("")
    rewards = [
        RewardConfig("helpful", "reward_model", options={"model": "/judge"}),
        RewardConfig("reward_model", options={"model": "org/other"}),
        RewardConfig("fluency", options={"model": "/small"}),
        RewardConfig("math"),
    ]
    config = RunConfig(
        verifiers=VerifiersConfig(rewards=rewards, plugins=[f"{file}:short", "installed.mod:f"])
    )
    assert given("rl", config) == {
        "reward_model": "/judge",
        "reward_model_2": "org/other",
        "evaluator": "/small",
        "plugin": str(file),
    }


def test_several_files_of_a_setting_are_inputs_by_their_numbers() -> None:
    config = RunConfig(sft=SftConfig(train="a.jsonl, world:chains"))
    assert given("sft", config) == {
        "demonstrations_1": "a.jsonl",
        "demonstrations_2": "world:chains",
    }


READERS = {
    "sft": ("rlsys/stages/sft_plan.py", "rlsys/config/sft.py"),
    "sample": ("rlsys/stages/sample_plan.py", "rlsys/evaluation/rejection.py"),
    "reward_model": ("rlsys/stages/reward_model_plan.py",),
    "merge": ("rlsys/stages/merge_plan.py", "rlsys/stages/merge.py"),
    "benchmarks": ("rlsys/commands/eval.py", "actors/drivers/evaluate.py"),
}
"""Who reads a kind's own section for what is computed."""
OTHER_READERS = (
    # Before anything begins, or to show it.
    *("rlsys/config/load.py", "rlsys/config/validate.py", "rlsys/config/sample.py"),
    *("rlsys/recipes/check.py", "rlsys/commands/recipe.py", "rlsys/commands/inspect.py"),
    *("rlsys/recipes/gate_checks.py", "rlsys/recipes/read_ahead.py"),
    "rlsys/stages/length.py",  # asks which kind it is
    "rlsys/local_policy/resolve.py",  # of rlsys eval and rlsys chat
)


@pytest.mark.parametrize("section", SECTIONS_OF.values())
def test_only_stages_of_its_kind_read_a_section(section: str) -> None:
    reading = re.compile(rf"\b(?:config|settings|asked)\.{section}\b(?!\s+import)")
    found = {
        path.relative_to(ROOT).as_posix()
        for top in ("rlsys", "actors")
        for path in (ROOT / top).rglob("*.py")
        if reading.search(re.sub(r"(?m)^ *(?:from|import) .*", "", path.read_text()))
    }
    assert set(READERS[section]) <= found
    assert found <= {*READERS[section], *OTHER_READERS}


def test_a_kind_reads_its_own_section_and_all_that_belong_to_none() -> None:
    assert reads("sft", "sft.rows_per_step")
    assert reads("rl", "loop.steps")
    assert not reads("rl", "sft.rows_per_step")
    assert not reads("distill", "benchmarks.samples")
    assert reads("evaluate", "benchmarks.samples")
