"""Epochs become steps, and a line says both."""

import pytest

from rlsys.config.loop import LoopConfig
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from rlsys.stages.length import resolve_length


def settled(prompts: int, resumed: bool = False, **loop: float) -> tuple[int, str]:
    config = RunConfig(loop=LoopConfig(**loop))  # type: ignore[arg-type]
    found, line = resolve_length(config, prompts, resumed)
    assert found.loop.epochs == 0.0
    return found.loop.steps, line


@pytest.mark.parametrize(
    ("epochs", "prompts", "steps"),
    [
        (3, 200, 38),  # 600 prompts, 16 a step: 37.5
        (2, 80, 10),
        (1, 17, 2),
        (1, 16, 1),
        (0.5, 200, 7),
        (0.001, 200, 1),
        (1.1, 160, 11),  # whose product is 176.00000000000003
    ],
)
def test_the_steps_are_as_many_as_the_passes_need(epochs: float, prompts: int, steps: int) -> None:
    assert settled(prompts, epochs=epochs, groups_per_step=16)[0] == steps


def test_the_line_says_epochs_prompts_and_steps() -> None:
    assert settled(200, epochs=3)[1] == "3 epochs of 200 prompts: 38 steps"
    assert settled(16, epochs=1)[1] == "1 epoch of 16 prompts: 1 step"
    assert settled(1200, steps=40)[1] == "40 steps: 0.533 epochs of 1,200 prompts"


def test_without_epochs_the_steps_stand() -> None:
    assert settled(200, steps=40)[0] == 40


def test_a_resumed_run_may_have_more_epochs_counted_from_its_beginning() -> None:
    assert settled(200, resumed=True, steps=38, epochs=4)[0] == 50
    assert settled(200, resumed=True, steps=38, epochs=3)[0] == 38


def test_a_resumed_run_does_not_lose_steps() -> None:
    with pytest.raises(ConfigError, match=r"loop\.epochs=2: .*25 steps, .*loop\.steps=38") as error:
        settled(200, resumed=True, steps=38, epochs=2)
    nearest = float(str(error.value).rpartition("nearest valid: ")[2])
    assert settled(200, resumed=True, steps=38, epochs=nearest)[0] >= 38
