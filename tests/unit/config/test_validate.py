from collections.abc import Callable
from typing import Any

import pytest

from rlsys.config.data import PromptTemplate
from rlsys.config.experts import Replay
from rlsys.config.run import RunConfig, SamplingConfig, StageKind
from rlsys.config.validate import validate
from rlsys.config.verifiers import RewardConfig
from rlsys.errors import ConfigError
from tests.helpers.refused_settings import error_of, put


def test_the_defaults_with_a_reward_are_valid(config: RunConfig) -> None:
    validate(config)


def test_a_group_of_one_is_refused_with_the_nearest_size(config: RunConfig) -> None:
    config.loop.group_size = 1
    message = error_of(config)
    assert message.startswith("loop.group_size=1: ")
    assert message.endswith("nearest valid: 2")


@pytest.mark.parametrize(
    ("groups", "minibatches", "nearest"), [(16, 3, 2), (12, 5, 4), (16, 100, 16), (7, 2, 1)]
)
def test_minibatches_that_do_not_divide_name_the_nearest_that_do(
    config: RunConfig, groups: int, minibatches: int, nearest: int
) -> None:
    config.loop.groups_per_step = groups
    config.learner.minibatches = minibatches
    message = error_of(config)
    assert f"learner.minibatches={minibatches} does not divide" in message
    assert f"loop.groups_per_step={groups}" in message
    assert message.endswith(f"nearest valid: {nearest}")


def test_ranks_that_do_not_divide_an_update_name_the_nearest_that_do(config: RunConfig) -> None:
    config.loop.groups_per_step, config.loop.group_size = 4, 3
    config.learner.minibatches, config.learner.ranks = 2, 4
    message = error_of(config)
    assert message.startswith("learner.ranks=4 does not divide the 6 completions of an update")
    assert message.endswith("nearest valid: 3")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("loop.steps", 0),
        ("loop.groups_per_step", 0),
        ("loop.groups_per_call", 0),
        ("loop.max_staleness", -1),
        ("loop.max_group_failures", 0),
        ("loop.max_failed_groups_in_a_row", 0),
        ("loop.max_batches_without_signal", 0),
        ("loop.stall_timeout_s", 0.0),
        ("loop.stall_timeout_s", float("nan")),
        ("loop.checkpoint_every", 0),
        ("rollout.workers", 0),
        ("rollout.threads", 0),
        ("verifiers.workers", 0),
        ("reference.microbatch_tokens", 0),
        ("learner.ranks", 0),
        ("learner.zero_stage", 4),
        ("learner.zero_stage", -1),
        ("sampling.max_tokens", 0),
        ("sampling.temperature", 0.0),
        ("sampling.temperature", float("nan")),
        ("evaluation.samples", 0),
        ("weights.bucket_mib", 0),
        ("cluster.placement", "PAK"),
        ("algorithm.clip.low", -0.1),
        ("data.max_prompt_tokens", 0),
    ],
)
def test_an_impossible_value_is_named_with_its_path(
    config: RunConfig, path: str, value: Any
) -> None:
    put(config, path, value)
    shown = repr(value) if isinstance(value, str) else value
    assert f"{path}={shown}: " in error_of(config)


def test_greedy_sampling_is_allowed_in_the_held_out_check(config: RunConfig) -> None:
    config.evaluation.temperature = 0.0
    validate(config)


def test_answers_that_do_not_fit_the_context_name_the_longest_that_do(config: RunConfig) -> None:
    config.model.max_context = 400
    config.data.max_prompt_tokens = 300
    config.sampling.max_tokens = 101
    assert error_of(config).endswith("nearest valid: sampling.max_tokens=100")
    config.sampling.max_tokens = 100
    validate(config)


def test_prompts_that_fill_the_context_name_the_context_needed(config: RunConfig) -> None:
    config.model.max_context = 300
    config.data.max_prompt_tokens = 300
    config.sampling.max_tokens = 100
    assert error_of(config).endswith("nearest valid: model.max_context=400")


def test_pass_at_k_needs_groups_of_k(config: RunConfig) -> None:
    config.algorithm.advantage.estimator = "pass_at_k"
    config.algorithm.advantage.k, config.loop.group_size = 9, 8
    assert error_of(config) == "algorithm.advantage.k=9 exceeds loop.group_size=8; nearest valid: 8"
    config.algorithm.advantage.k = 8
    validate(config)


def test_settings_of_the_data_are_checked(config: RunConfig) -> None:
    config.data.template = PromptTemplate.verbatim
    config.data.system_prompt = "Think."
    assert "data.system_prompt" in error_of(config)


# --- verifiers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda v: v.rewards.clear(), "verifiers.rewards is empty"),
        (lambda v: v.rewards.append(RewardConfig(name="math")), "taken by an earlier component"),
        (lambda v: setattr(v.rewards[0], "weight", 1.5), "add up to 1.5"),
        (lambda v: setattr(v.rewards[0], "weight", -1.0), "must be at least 0, since a gate"),
        (lambda v: setattr(v.rewards[0], "weight", 0.0), "no component has a weight above 0"),
        (lambda v: setattr(v, "max_infrastructure_share", 2.0), "at least 0 and at most 1"),
    ],
)
def test_impossible_rewards_are_refused(
    config: RunConfig, change: Callable[[Any], Any], expected: str
) -> None:
    change(config.verifiers)
    assert expected in error_of(config)


def test_everything_that_is_wrong_is_told_in_one_error(config: RunConfig) -> None:
    config.loop.groups_per_step, config.learner.minibatches, config.learner.ranks = 12, 5, 7
    config.sampling.max_tokens = 700
    config.learner.optimizer.learning_rate = -1.0
    config.rollout.gpus = 1.5
    config.data.template, config.data.system_prompt = PromptTemplate.verbatim, "Hi"
    config.verifiers.rewards = []
    message = error_of(config)
    first, *lines = message.splitlines()
    assert first == f"{len(lines)} settings cannot work:"
    for start in (
        "learner.optimizer.learning_rate=-1.0: ",
        "learner.minibatches=5 does not divide",
        "learner.ranks=7 does not divide",
        "sampling.max_tokens=700 and data.max_prompt_tokens=384 exceed",
        "rollout.gpus=1.5",
        "data.system_prompt",
        "verifiers.rewards is empty",
    ):
        assert sum(line.startswith(f"  - {start}") for line in lines) == 1, start
    assert len(lines) == 7


def test_a_setting_out_of_range_is_told_once_and_not_compared_with_others(
    config: RunConfig,
) -> None:
    config.learner.minibatches, config.sampling.max_tokens = 0, 0
    lines = error_of(config).splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == [
        "  - sampling.max_tokens=0",
        "  - learner.minibatches=0",
    ]


@pytest.mark.parametrize(
    ("context", "prompt", "answer", "positions", "nearest"),
    [
        (600, 384, 128, 512, ["nearest valid: 512, or model.local.max_positions=600"]),
        (512, 384, 200, 512, ["nearest valid: sampling.max_tokens=128"]),
        (512, 600, 100, 512, ["model.max_context=700 model.local.max_positions=700"]),
        (600, 500, 200, 512, ["sampling.max_tokens=12", "model.local.max_positions=600"]),
    ],
)
def test_prompt_answer_context_and_positions_of_the_local_policy_are_compared_together(
    config: RunConfig, context: int, prompt: int, answer: int, positions: int, nearest: list[str]
) -> None:
    config.model.max_context, config.model.local.max_positions = context, positions
    config.data.max_prompt_tokens, config.sampling.max_tokens = prompt, answer
    lines = error_of(config).splitlines()
    problems = lines[1:] if len(nearest) > 1 else lines
    assert len(problems) == len(nearest)
    for line, end in zip(problems, nearest, strict=True):
        assert line.endswith(end)
    config.model.path = "hub/model"
    if context >= prompt + answer:
        validate(config)


def test_penalties_and_an_advantage_that_divides_by_the_mean_reward_exclude_each_other(
    config: RunConfig,
) -> None:
    config.verifiers.rewards[0].range = [-1.0, 1.0]
    validate(config)
    config.algorithm.advantage.estimator = "max_rl"
    assert error_of(config).startswith("verifiers.rewards[0].range=[-1.0, 1.0]: ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("top_p=0.0", r"sampling\.top_p=0\.0: must be above 0 and at most 1"),
        ("top_p=1.5", r"sampling\.top_p=1\.5: .*nearest valid: 1"),
        ("min_p=1.0", r"sampling\.min_p=1\.0: must be at least 0 and below 1"),
        ("top_k=-1", r"sampling\.top_k=-1: .*nearest valid: 0"),
        ("top_k=513", r"sampling\.top_k=513: .*is sent what is kept.*nearest valid: 512"),
        ("top_k=1", r"sampling\.top_k=1: .*no signal; nearest valid: 2, or 0 for all tokens"),
        ("top_p=0.9", r"sampling\.top_p=0\.9: .*sampling\.top_p=1, or sampling\.top_k=512"),
        ("min_p=0.1", r"sampling\.min_p=0\.1: .*sampling\.min_p=0, or sampling\.top_k=512"),
    ],
)
def test_truncated_sampling_that_cannot_be_trained_on_is_refused(
    config: RunConfig, override: str, message: str
) -> None:
    name, _, value = override.partition("=")
    put(config, f"sampling.{name}", float(value) if "." in value else int(value))
    with pytest.raises(ConfigError, match=message):
        validate(config)


def test_a_bound_on_what_is_kept_lets_the_other_cuts_in(config: RunConfig) -> None:
    config.sampling = SamplingConfig(top_k=512, top_p=0.9, min_p=0.1)
    validate(config)


def test_what_a_run_has_no_use_for_is_not_held_against_it(config: RunConfig) -> None:
    config.learner.ranks, config.loop.max_staleness, config.run.deterministic = 3, 2, True
    config.data.max_prompt_tokens = config.model.max_context
    with pytest.raises(ConfigError, match=r"3 settings cannot work"):
        validate(config)
    config.run.stage, config.sft.train = StageKind.sft, "chains.jsonl"
    validate(config)
    config.data.test = "test.jsonl"
    with pytest.raises(ConfigError, match=r"exceed model\.max_context=512"):
        validate(config)
    config.learner.threads = 2
    with pytest.raises(ConfigError, match=r"learner\.threads=2: run\.deterministic=true needs"):
        validate(config)


def test_the_sampler_s_choice_of_experts_is_refused_with_the_reason(config: RunConfig) -> None:
    config.learner.experts.replay = Replay.sampler
    said = error_of(config)
    assert said.startswith("learner.experts.replay=sampler: vLLM 0.32.0 returns")
    assert said.endswith("nearest valid: learner, with learner.minibatches=2")
    config.learner.minibatches = 2
    assert error_of(config).endswith("nearest valid: learner")


def test_a_replay_in_steps_of_one_update_replays_nothing_and_is_refused(config: RunConfig) -> None:
    config.learner.experts.replay = Replay.learner
    assert error_of(config).endswith("nearest valid: none, or learner.minibatches=2")
    config.learner.minibatches = 2
    validate(config)
