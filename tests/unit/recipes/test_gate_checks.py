"""Gates that could never be judged, against those that can, without a recipe around them."""

from dataclasses import replace

import pytest

from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from rlsys.lineage.kinds import REWARD_MODEL
from rlsys.recipes.gate_checks import require_judgeable, require_possible
from rlsys.recipes.gates import read_condition
from rlsys.recipes.read import read_recipe
from tests.helpers.places import ROOT


def judged(gate: str, settings: RunConfig | None = None) -> None:
    """Raise ConfigError unless the reward model's stage can be judged by a gate."""
    stages = read_recipe(ROOT / "configs" / "recipes" / "r1.yaml", "tiny").stages
    stage = next(one for one in stages if one.kind == REWARD_MODEL)
    condition = read_condition(gate, [], stage.where)
    for asked in condition.measured:
        own = replace(stage, gate=[condition])
        require_judgeable(condition, own, stage, settings or RunConfig(), asked)
    require_possible(condition, stage.where)


@pytest.mark.parametrize("figure", ["heldout_accuracy", "heldout_accuracy_before"])
def test_the_accuracy_of_a_reward_model_is_a_share_with_an_interval(figure: str) -> None:
    judged(f"{figure}.low > 0.6")
    with pytest.raises(ConfigError, match=rf"{figure} is a share, from 0 to 1, so"):
        judged(f"{figure} > 60")
    with pytest.raises(ConfigError, match="heldout_loss is one number, without an interval"):
        judged("heldout_loss.low < 0.6")


def test_a_reward_model_without_held_out_pairs_has_no_accuracy_to_judge() -> None:
    without = RunConfig()
    without.reward_model.holdout = 0
    for gate in ("heldout_accuracy > 0.6", "heldout_loss < 0.6"):
        with pytest.raises(
            ConfigError, match=r"will not measure heldout_\w+: reward_model.holdout=0"
        ):
            judged(gate, without)
    without.reward_model.test = "pairs.jsonl"
    judged("heldout_accuracy > 0.6", without)
