import subprocess
import sys
from dataclasses import replace

import pytest
from omegaconf import OmegaConf

from rlsys.config.algorithm import (
    Advantage,
    Aggregation,
    AlgorithmConfig,
    Clip,
    KlEstimator,
    KlPlacement,
    LengthPenalty,
    OffPolicy,
    Ratio,
    WeightLevel,
    WeightRule,
    validate,
)
from rlsys.errors import ConfigError
from tests.helpers.places import CONFIGS

PRESETS = CONFIGS / "algorithms"
NAMES = sorted(p.stem for p in PRESETS.glob("*.yaml"))


def preset(name):
    section = OmegaConf.load(PRESETS / f"{name}.yaml").algorithm
    merged = OmegaConf.merge(OmegaConf.structured(AlgorithmConfig), section)
    return OmegaConf.to_object(merged)


def test_all_named_algorithms_are_there():
    assert set(NAMES) == {
        *("grpo", "dapo", "dr_grpo", "gspo", "cispo", "rloo", "reinforce_pp", "dppo"),
        *("decoupled_ppo", "ppo", "r1_zero"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_presets_are_valid_and_only_say_what_differs(name):
    config = preset(name)
    validate(config)
    section = OmegaConf.load(PRESETS / f"{name}.yaml").algorithm
    for key in section:
        assert getattr(config, key) != getattr(AlgorithmConfig(), key), key
    assert len(section) <= 6


def test_the_defaults_are_grpo():
    assert preset("grpo") == AlgorithmConfig()
    validate(AlgorithmConfig())


def test_presets_choose_what_their_papers_say():
    dapo = preset("dapo")
    assert dapo.aggregation is Aggregation.token_mean
    assert (dapo.clip_low, dapo.clip_high, dapo.kl_coefficient) == (0.2, 0.28, 0.0)
    assert dapo.drop_no_signal
    dr_grpo = preset("dr_grpo")
    assert dr_grpo.advantage is Advantage.group_mean
    assert dr_grpo.aggregation is Aggregation.constant
    gspo = preset("gspo")
    assert gspo.ratio is Ratio.sequence
    assert (gspo.clip_low, gspo.clip_high) == (3e-4, 4e-4)
    assert preset("cispo").clip is Clip.cispo
    assert preset("rloo").advantage is Advantage.leave_one_out
    assert preset("reinforce_pp").advantage is Advantage.token_returns
    assert preset("dppo").clip is Clip.dppo_mask
    assert preset("decoupled_ppo").off_policy is OffPolicy.decoupled_recompute
    assert preset("ppo").advantage is Advantage.gae
    assert preset("r1_zero").clip_high == 10.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip": Clip.dppo_mask, "ratio": Ratio.sequence}, "ratio=sequence.*nearest valid: token"),
        ({"clip": Clip.dppo_mask, "clip_high": 1.5}, r"clip_high=1\.5.*nearest valid: 0\.15"),
        ({"dual_clip": 1.1}, r"dual_clip=1\.1: must lie above .* 1\.2; nearest valid: 3"),
        ({"dual_clip": 3.0, "clip": Clip.sapo}, r"dual_clip=3\.0.*not sapo; nearest valid: 0"),
        ({"dual_clip": 3.0}, r"weight_cap=2\.0: .*dual_clip=3.*nearest valid: 4, or dual_clip=0"),
        ({"clip_high": 1.0}, r"weight_cap=2\.0: .*upper clip bound 2.*nearest valid: 3, or"),
        ({"clip": Clip.cispo, "clip_high": 4.0}, r"weight_cap=2\.0.*metrics_only"),
        ({"ratio": Ratio.sequence}, "weight_level=token.*nearest valid: geometric"),
        ({"weight_rule": WeightRule.both, "weight_mask_high": 2.0}, r"nearest valid: 4"),
        ({"kl_target": 0.1, "kl_coefficient": 0.0}, r"kl_target=0\.1: .*kl_coefficient"),
        (
            {"kl_target": 0.1, "kl_placement": KlPlacement.reward},
            r"kl_target=0\.1: .*nearest valid: 0, or advantage=token_returns",
        ),
        ({"kl_estimator": KlEstimator.k1}, "kl_estimator=k1: .*k1_unbiased, k2 or k3"),
        (
            {"kl_estimator": KlEstimator.k3_unbiased, "kl_placement": KlPlacement.reward},
            "kl_estimator=k3_unbiased: .*nearest valid: k3$",
        ),
        (
            {"drop_no_signal": True, "advantage": Advantage.batch_norm},
            "drop_no_signal=True: under advantage=batch_norm.*nearest valid: false",
        ),
        ({"difficulty_edges": [0.5, 0.2]}, r"must increase; nearest valid: \[0\.2, 0\.5\]"),
    ],
)
def test_impossible_settings_name_the_nearest_possible(settings, message):
    with pytest.raises(ConfigError, match=message):
        validate(replace(AlgorithmConfig(), **settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"dual_clip": 3.0, "weight_cap": 4.0},
        {"clip_high": 1.0, "weight_rule": WeightRule.metrics_only},
        {"clip_high": 1.0, "off_policy": OffPolicy.decoupled_recompute},
        {"ratio": Ratio.sequence, "weight_level": WeightLevel.geometric},
        {"ratio": Ratio.sequence, "off_policy": OffPolicy.decoupled_interpolate},
        {"kl_estimator": KlEstimator.k1, "kl_placement": KlPlacement.reward},
        {"kl_estimator": KlEstimator.k1, "kl_coefficient": 0.0},
        {"drop_no_signal": True, "advantage": Advantage.batch_norm_group_baseline},
        {"clip_low": 10.0, "length_penalty": LengthPenalty.difficulty_aware},
    ],
)
def test_unusual_but_possible_settings_pass(settings):
    validate(replace(AlgorithmConfig(), **settings))


def test_the_section_imports_nothing_heavy():
    code = "import sys, rlsys.config.algorithm; print({'torch', 'numpy', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
