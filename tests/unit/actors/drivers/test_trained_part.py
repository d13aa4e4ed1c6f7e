"""A run with an adapter says what it trains, at its start and in its summary."""

from pathlib import Path

from actors.drivers.stage import _trained_part
from rlsys.config.lora import LoraConfig
from rlsys.config.run import StageKind
from rlsys.stages.kinds import KINDS
from tests.helpers.model_folders import config_of, write_weights


def test_an_adapter_is_named_where_something_is_trained(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    write_weights(tmp_path, {"model.layers.0.mlp.up_proj.weight": (30, 10)})
    trains, samples = KINDS[StageKind.rl], KINDS[StageKind.sample]
    assert _trained_part(trains, config, str(tmp_path)) == []
    config.learner.lora = LoraConfig(rank=4)
    (line,) = _trained_part(trains, config, str(tmp_path))
    assert line == "an adapter of rank 4 is trained: 160 parameters in 1 linear layers (up_proj)"
    assert _trained_part(samples, config, str(tmp_path)) == []
