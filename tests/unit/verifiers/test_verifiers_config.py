"""The verifiers section of a config."""

import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from rlsys.config.verifiers import (
    RewardConfig,
    VerifiersConfig,
    component_names,
    require_sources,
    validate,
)
from rlsys.errors import ConfigError
from verifiers.settings import require_verifiers


def config(*rewards, **settings):
    return VerifiersConfig(rewards=list(rewards), **settings)


def check(made):
    """As a command does that will grade."""
    validate(made)
    require_verifiers(made)


def test_weighted_routed_and_gated_rewards_are_valid():
    rewards = (
        RewardConfig("R_CoT", "reasoning", 0.3, options={"min_ratio": 1}),
        RewardConfig("math", weight=0.7, sources=["gsm8k"]),
        RewardConfig("countdown", weight=0.7, sources=["countdown"]),
        RewardConfig("format", gate=True),
    )
    check(config(*rewards))
    assert component_names(config(*rewards)) == ["R_CoT", "math", "countdown", "format"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (config(), "rewards is empty; nearest valid"),
        (config(RewardConfig()), r"rewards\[0\]: has neither a name nor a verifier"),
        (config(RewardConfig("mth")), r"rewards\[0\]: no verifier 'mth'; did you mean 'math'"),
        (config(RewardConfig("R", "mth")), "no verifier 'mth'"),
        (
            config(RewardConfig("math", options={"deadline": 1.0})),
            r"rewards\[0\]: .*no option 'deadline'; did you mean 'deadline_s'",
        ),
        (config(RewardConfig("math", weight=-0.1)), r"rewards\[0\].weight=-0.1"),
        (
            config(RewardConfig("math", weight=0.5), RewardConfig("math", weight=0.5)),
            r"rewards\[1\].name='math': taken .* 'math_2'",
        ),
        (
            config(RewardConfig("math"), RewardConfig("reasoning", weight=0.3)),
            "weights for 'any other source' add up to 1.3",
        ),
        (
            config(RewardConfig("math", sources=["a"]), RewardConfig("reasoning", weight=0.3)),
            "weights for 'a' add up to 1.3",
        ),
        (config(RewardConfig("math", weight=0.0)), "no component has a weight above 0"),
        (config(RewardConfig("math", gate=True)), "no component has a weight above 0"),
        (config(RewardConfig("math"), timeout_s=0.0), "verifiers.timeout_s=0.0"),
        (config(RewardConfig("math"), workers=0), "verifiers.workers=0"),
        (
            config(RewardConfig("math"), max_infrastructure_share=1.5),
            "max_infrastructure_share=1.5",
        ),
        (config(RewardConfig("math"), plugins=["./none.py"]), "verifiers.plugins: no plug-in file"),
    ],
)
def test_impossible_setting_is_one_error_that_names_it(made, message):
    with pytest.raises(ConfigError, match=message):
        check(made)


@pytest.mark.parametrize(
    ("declared", "nearest"),
    [
        ([1.0, 0.0], [0.0, 1.0]),
        ([2.0, -1.0], [-1.0, 2.0]),
        ([5.0], [0.0, 5.0]),
        ([-1.0, -1.0], [-1.0, 0.0]),
        ([0.0, 0.5, 1.0], [0.0, 1.0]),
        ([0.0, 0.0], [0.0, 1.0]),
        ([], [0.0, 1.0]),
    ],
)
def test_a_range_that_is_none_names_that_of_its_own_numbers(declared, nearest):
    with pytest.raises(ConfigError) as caught:
        validate(config(RewardConfig("math", range=declared)))
    assert str(caught.value).startswith(f"verifiers.rewards[0].range={declared}: ")
    assert str(caught.value).endswith(f"nearest valid: {nearest}")


def test_weights_of_thirds_may_add_up_to_one():
    validate(config(*(RewardConfig(n, weight=1 / 3) for n in ("math", "format", "reasoning"))))


def test_source_of_the_data_that_nothing_pays_for_is_one_error_with_the_nearest():
    made = config(
        RewardConfig("math", weight=0.5, sources=["gsm8k"]),
        RewardConfig("countdown", weight=0.5, sources=["countdown"]),
        RewardConfig("format", gate=True),
        RewardConfig("reasoning", weight=0.0),
    )
    require_sources(made, ["gsm8k", "countdown"])
    message = "grades the source 'gsm8' of the data; did you mean 'gsm8k'"
    with pytest.raises(ConfigError, match=message):
        require_sources(made, ["gsm8k", "gsm8"])


def test_component_without_sources_pays_for_all():
    rewards = [RewardConfig("math", sources=["gsm8k"]), RewardConfig("format", weight=0.1)]
    require_sources(config(*rewards), ["gsm8k", "anything"])


def test_section_is_read_from_yaml():
    text = "rewards: [{name: R_Accuracy, verifier: math, weight: 0.7, options: {deadline_s: 1}}]"
    merged = OmegaConf.merge(OmegaConf.structured(VerifiersConfig), OmegaConf.create(text))
    made = OmegaConf.to_object(merged)
    assert made.rewards == [RewardConfig("R_Accuracy", "math", 0.7, options={"deadline_s": 1})]
    validate(made)
    require_verifiers(made)


def test_checking_a_config_imports_nothing_heavy():
    program = (
        "import sys; from rlsys.config.verifiers import *; "
        "validate(VerifiersConfig(rewards=[RewardConfig('math')])); import verifiers.compose; "
        "import verifiers.models.fluency, verifiers.models.judge, verifiers.models.reward_model; "
        "import verifiers.repository.verifier; "
        "print([m for m in ('torch', 'ray', 'vllm', 'sympy', 'math_verify') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
