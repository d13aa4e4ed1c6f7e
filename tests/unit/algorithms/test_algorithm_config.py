import subprocess
import sys
from dataclasses import asdict

import pytest
from omegaconf import OmegaConf

from rlsys.config.algorithm import (
    Aggregation,
    AlgorithmConfig,
    KlEstimator,
    KlPlacement,
    LengthPenalty,
    OffPolicy,
    Ratio,
    WeightLevel,
    WeightRule,
)
from rlsys.config.algorithm_checks import validate
from rlsys.errors import ConfigError
from tests.helpers.algorithms import algorithm_of
from tests.helpers.places import CONFIGS

PRESETS = CONFIGS / "algorithms"
NAMES = sorted(p.stem for p in PRESETS.glob("*.yaml"))


def preset(name):
    section = OmegaConf.load(PRESETS / f"{name}.yaml").algorithm
    merged = OmegaConf.merge(OmegaConf.structured(AlgorithmConfig), section)
    return OmegaConf.to_object(merged)


def _keys(value):
    """Of a section; of a setting by itself, one that is none."""
    return list(value) if OmegaConf.is_dict(value) else [""]


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
    defaults = asdict(AlgorithmConfig())
    said = [(part, key) for part in section for key in _keys(section[part])]
    for part, key in said:
        own, default = asdict(config)[part], defaults[part]
        assert (own[key] != default[key]) if key else (own != default), (part, key)
    assert len(said) <= 6


def test_the_defaults_are_grpo():
    assert preset("grpo") == AlgorithmConfig()
    validate(AlgorithmConfig())


def test_presets_choose_what_their_papers_say():
    dapo = preset("dapo")
    assert dapo.loss.aggregation is Aggregation.token_mean
    assert (dapo.clip.low, dapo.clip.high, dapo.kl.coefficient) == (0.2, 0.28, 0.0)
    assert dapo.drop_no_signal
    dr_grpo = preset("dr_grpo")
    assert dr_grpo.advantage.estimator == "group_mean"
    assert dr_grpo.loss.aggregation is Aggregation.constant
    gspo = preset("gspo")
    assert gspo.loss.ratio is Ratio.sequence
    assert (gspo.clip.low, gspo.clip.high) == (3e-4, 4e-4)
    assert preset("cispo").loss.name == "cispo"
    assert preset("rloo").advantage.estimator == "leave_one_out"
    assert preset("reinforce_pp").advantage.estimator == "token_returns"
    assert preset("dppo").loss.name == "dppo_mask"
    assert preset("decoupled_ppo").off_policy.mode is OffPolicy.decoupled_recompute
    assert preset("ppo").advantage.estimator == "gae"
    assert preset("r1_zero").clip.high == 10.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"loss__name": "dppo_mask", "loss__ratio": Ratio.sequence},
            "ratio=sequence.*nearest valid: token",
        ),
        ({"loss__name": "dppo_mask", "clip__high": 1.5}, r"clip\.high=1\.5.*nearest valid: 0\.15"),
        ({"clip__dual": 1.1}, r"clip\.dual=1\.1: must lie above .* 1\.2; nearest valid: 3"),
        ({"clip__dual": 3.0, "loss__name": "sapo"}, r"clip\.dual=3\.0.*not sapo; nearest valid: 0"),
        (
            {"clip__dual": 3.0},
            r"weight_cap=2\.0: .*clip\.dual=3.*nearest valid: 4, or clip\.dual=0",
        ),
        ({"clip__high": 1.0}, r"weight_cap=2\.0: .*upper clip bound 2.*nearest valid: 3, or"),
        ({"loss__name": "cispo", "clip__high": 4.0}, r"weight_cap=2\.0.*metrics_only"),
        ({"loss__ratio": Ratio.sequence}, "weight_level=token.*nearest valid: geometric"),
        (
            {"off_policy__weight_rule": WeightRule.both, "off_policy__weight_mask_high": 2.0},
            r"nearest valid: 4",
        ),
        ({"kl__target": 0.1, "kl__coefficient": 0.0}, r"kl\.target=0\.1: .*kl\.coefficient"),
        (
            {"kl__target": 0.1, "kl__placement": KlPlacement.reward},
            r"kl\.target=0\.1: .*nearest valid: 0, or advantage\.estimator=token_returns",
        ),
        ({"kl__estimator": KlEstimator.k1}, r"kl\.estimator=k1: .*k1_unbiased, k2 or k3"),
        (
            {"kl__estimator": KlEstimator.k3_unbiased, "kl__placement": KlPlacement.reward},
            r"kl\.estimator=k3_unbiased: .*nearest valid: k3$",
        ),
        (
            {"drop_no_signal": True, "advantage__estimator": "batch_norm"},
            r"drop_no_signal=True: under advantage\.estimator=batch_norm.*nearest valid: false",
        ),
        (
            {"advantage__difficulty_edges": [0.5, 0.2]},
            r"must increase; nearest valid: \[0\.2, 0\.5\]",
        ),
    ],
)
def test_impossible_settings_name_the_nearest_possible(settings, message):
    with pytest.raises(ConfigError, match=message):
        validate(algorithm_of(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"clip__dual": 3.0, "off_policy__weight_cap": 4.0},
        {"clip__high": 1.0, "off_policy__weight_rule": WeightRule.metrics_only},
        {"clip__high": 1.0, "off_policy__mode": OffPolicy.decoupled_recompute},
        {"loss__ratio": Ratio.sequence, "off_policy__weight_level": WeightLevel.geometric},
        {"loss__ratio": Ratio.sequence, "off_policy__mode": OffPolicy.decoupled_interpolate},
        {"kl__estimator": KlEstimator.k1, "kl__placement": KlPlacement.reward},
        {"kl__estimator": KlEstimator.k1, "kl__coefficient": 0.0},
        {"drop_no_signal": True, "advantage__estimator": "batch_norm_group_baseline"},
        {"clip__low": 10.0, "length__penalty": LengthPenalty.difficulty_aware},
    ],
)
def test_unusual_but_possible_settings_pass(settings):
    validate(algorithm_of(**settings))


def test_the_section_imports_nothing_heavy():
    code = "import sys, rlsys.config.algorithm; print({'torch', 'numpy', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
