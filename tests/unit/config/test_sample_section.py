"""Rules that cannot work are refused before anything starts, with the nearest that can."""

import pytest

from rlsys.config.load import CONFIGS, load, to_yaml
from rlsys.config.ranges import changeable
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError


def sampled(*overrides: str) -> RunConfig:
    return load(CONFIGS / "sample.yaml", list(overrides))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sample.n=2", r"sample\.per_prompt=4: only sample\.n=2 .* nearest valid: 2, or 0"),
        ("sample.tokens=[40,8]", r"sample\.tokens=\[40, 8\]: .* nearest valid: \[8, 40\]"),
        ("sample.tokens=[8]", r"sample\.tokens=\[8\]: .* nearest valid: \[8, 64\]"),
        ("sample.tokens=[1,9,5]", r"nearest valid: \[1, 9\]"),
        ("sample.tokens=[65,99]", r"end at sampling\.max_tokens=64; nearest valid: .*=99"),
        ("sample.min_reward=2", r"sample\.min_reward=2: verifiers\.rewards pay 1 at most; .* 1"),
        ("served.model=big", r"served\.model='big': nothing says where it is served"),
        ("served={url: ftp://a, model: b}", r"begin with http:// or .* nearest valid: http://a"),
        ("sample.least.acuracy=1", r"sample\.least\.acuracy=1: .* did you mean 'accuracy'"),
        ("sample.least.judge=0.7", r"no such component; there are: accuracy, reasoning"),
        ("sample.least={judge.tone: 1}", r"sample\.least\.judge\.tone=1: .* there are: accuracy"),
        ("sample.least.accuracy=1.5", r"from 0 to 1; nearest valid: 1"),
        ("sample.least.accuracy=high", r"sample\.least\.accuracy='high': expected a number"),
        ("sample.least.reasoning.length=1", r"in braces: sample\.least=\{reasoning\.length: VALUE"),
        ("sample.least={}", r"sample\.least=\{\}: .* nearest valid: sample\.least\.NAME=null"),
        ("sample.least=0.9", r"sample\.least=0\.9: expected a mapping"),
        ("sample.least={accuracy:0.9}", r"nearest valid: sample\.least=\{accuracy: 0\.9\}"),
        ("sample.least={accuracy: 1, reasoning:-.5}", r"sample\.least=\{reasoning: -\.5\}"),
        ("sample.per_source={sums:600}", r"valid: sample\.per_source=\{sums: 600\}"),
        ("sample.least.acuracy=null", r"no such name to take away; there are: none"),
        ("sample.per_source={sums}", r"per_source\.sums=null: there is no such name"),
        ("sample.per_source={sums: 1.5}", r"per_source\.sums=1\.5: expected a whole number"),
        ("sample.per_source={sums: -1}", r"per_source\.sums=-1: must be at least 0"),
        ("sample.prefer=shortest", r"sample\.prefer='shortest'.*first, short, long"),
        ("sample.split=test", r"sample\.split='test'.*train, held_out"),
        ("sampling.top_k=1", r"sampling\.top_k=1: greedy completions"),
    ],
)
def test_a_rule_that_cannot_work_names_the_nearest_that_can(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        sampled(override)


def test_a_least_reward_is_one_that_the_largest_range_allows() -> None:
    rewards = "verifiers.rewards=[{name: math, weight: 0.5, range: [0, 4]}]"
    assert sampled("sample.min_reward=2", rewards).sample.min_reward == 2
    with pytest.raises(ConfigError, match=r"pay 2 at most; nearest valid: 2"):
        sampled("sample.min_reward=2.1", rewards)


@pytest.mark.parametrize("stage", ["rl", "sft"])
def test_a_served_model_is_asked_by_sampling_alone(stage: str) -> None:
    with pytest.raises(ConfigError, match=rf"run\.stage is {stage}; nearest valid: served\.url="):
        load(
            CONFIGS / "local.yaml",
            [f"run.stage={stage}", "served={url: http://localhost:8000/v1, model: big}"],
        )


def test_a_number_right_behind_a_colon_is_missed_in_a_file_too(tmp_path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("sample: {least: {accuracy:0.9}}")
    with pytest.raises(ConfigError, match="a space stands behind the colon"):
        load(file)


def test_marks_of_components_and_of_their_parts_can_be_asked_for() -> None:
    config = sampled("sample.least={accuracy: 1, reasoning.length: 1}", "sample.min_reward=0.7")
    assert config.sample.least == {"accuracy": 1.0, "reasoning.length": 1.0}
    # A component with penalties has marks below 0.
    tone = "{name: tone, weight: 0, verifier: format, range: [-1, 1]}"
    both = f"verifiers.rewards=[{{name: accuracy, verifier: math}}, {tone}]"
    assert sampled(both, "sample.least.tone=-0.5")


def test_a_name_is_taken_away_by_null(tmp_path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(sampled("sample.least.accuracy=1", "sample.per_source.arithmetic=3")))
    config = load(file, ["sample.least.accuracy=null", "sample.per_source.arithmetic=null"]).sample
    assert (config.marks, config.shares) == ({}, {})
    assert load(file).sample.marks == {"accuracy": 1.0}


def test_what_a_learner_would_need_is_not_asked_of_a_run_that_only_samples() -> None:
    config = sampled("sampling.top_p=0.9", "loop.group_size=7", "learner.minibatches=3")
    assert config.sampling.top_p == 0.9


def test_a_resumed_run_may_change_every_rule_and_nothing_that_is_sampled() -> None:
    ours = {name for name in changeable(RunConfig) if name.startswith("sample.")}
    every = {f"sample.{name}" for name in vars(RunConfig().sample)}
    assert every - ours == {"sample.n", "sample.split", "sample.prompts"}


def test_the_rules_survive_the_way_through_yaml(tmp_path) -> None:
    config = sampled("sample.least={reasoning.length: 1}", "sample.tokens=[1,9]")
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(config))
    assert load(file).sample == config.sample
