import pytest
import torch
from transformers import get_scheduler

from rlsys.config.optimizer import OptimizerConfig, ScheduleShape
from rlsys.learning.schedule import Schedule

CONSTANT, LINEAR, COSINE = ScheduleShape.constant, ScheduleShape.linear, ScheduleShape.cosine


def rates(schedule: ScheduleShape, num_updates: int, **settings: float) -> list[float]:
    """Of every update, at a peak of 8."""
    config = OptimizerConfig(learning_rate=8.0, schedule=schedule, **settings)  # type: ignore[arg-type]
    whole = Schedule(config, num_updates)
    return [whole.rate(update) for update in range(num_updates)]


@pytest.mark.parametrize(
    ("schedule", "settings", "expected"),
    [
        (CONSTANT, {}, [8, 8, 8, 8]),
        (CONSTANT, {"warmup_steps": 3}, [8 / 3, 16 / 3, 8, 8]),
        (LINEAR, {}, [8, 6, 4, 2]),
        (LINEAR, {"floor": 0.5}, [8, 7, 6, 5]),
        (LINEAR, {"warmup_steps": 1}, [8, 6, 4, 2]),
        (LINEAR, {"warmup_steps": 3}, [8 / 3, 16 / 3, 8, 4]),
        # (1 + cos(pi p)) / 2 at p = 0, 1/4, 1/2 and 3/4.
        (COSINE, {}, [8, 4 * (1 + 0.5**0.5), 4, 4 * (1 - 0.5**0.5)]),
        (COSINE, {"floor": 0.25, "warmup_steps": 3}, [8 / 3, 16 / 3, 8, 5]),
    ],
)
def test_the_rate_of_each_of_four_updates(
    schedule: ScheduleShape, settings: dict[str, float], expected: list[float]
) -> None:
    assert rates(schedule, 4, **settings) == pytest.approx(expected, abs=1e-12)


def test_a_constant_rate_is_the_setting_to_the_bit() -> None:
    config = OptimizerConfig(learning_rate=1e-4)
    assert Schedule(config, 40).rate(0) == Schedule(config, 40).rate(39) == 1e-4


@pytest.mark.parametrize("schedule", [LINEAR, COSINE])
def test_beyond_the_last_update_the_floor_is_kept(schedule: ScheduleShape) -> None:
    config = OptimizerConfig(learning_rate=8.0, schedule=schedule, floor=0.25)
    assert Schedule(config, 5).rate(500) == pytest.approx(2.0)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_without_a_warm_up_the_rates_are_those_of_transformers(shape: str) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=8.0)
    theirs = get_scheduler(shape, optimizer, num_warmup_steps=0, num_training_steps=7)
    expected = []
    for _ in range(7):
        expected += theirs.get_last_lr()
        optimizer.step()
        theirs.step()
    assert rates(ScheduleShape(shape), 7) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", [LINEAR, COSINE])
def test_a_single_update_has_the_peak(schedule: ScheduleShape) -> None:
    assert rates(schedule, 1) == [8.0]
