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


def judged(gate: str) -> None:
    """Raise ConfigError unless the reward model's stage can be judged by a gate."""
    stages = read_recipe(ROOT / "configs" / "recipes" / "r1.yaml", "tiny").stages
    stage = next(one for one in stages if one.kind == REWARD_MODEL)
    condition = read_condition(gate, [], stage.where)
    for asked in condition.measured:
        require_judgeable(condition, replace(stage, gate=[condition]), stage, RunConfig(), asked)
    require_possible(condition, stage.where)


@pytest.mark.parametrize("figure", ["heldout_accuracy", "heldout_accuracy_before"])
def test_the_accuracy_of_a_reward_model_is_a_share_with_an_interval(figure: str) -> None:
    judged(f"{figure}.low > 0.6")
    with pytest.raises(ConfigError, match=rf"{figure} is a share, from 0 to 1, so"):
        judged(f"{figure} > 60")
    with pytest.raises(ConfigError, match="heldout_loss is one number, without an interval"):
        judged("heldout_loss.low < 0.6")
