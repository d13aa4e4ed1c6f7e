import json
import math
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlsys.observe.loggers import JsonLines, Loggers, Metrics, TensorBoard

NAN = float("nan")


class Broken:
    """A logger whose disk filled up after some steps."""

    name = "broken"

    def __init__(self, after: int) -> None:
        self.after, self.seen = after, 0

    def step(self, step: int, metrics: Metrics) -> None:
        self.seen += 1
        if self.seen > self.after:
            raise OSError(28, "No space left on device")

    later = summary = step

    def close(self) -> None:
        raise OSError(28, "No space left on device")


def test_metrics_reach_the_file_line_by_line_and_tensorboard(tmp_path: Path) -> None:
    loggers = Loggers([JsonLines(tmp_path), TensorBoard(tmp_path)], pytest.fail)
    loggers.step(1, {"reward/mean": 0.5, "policy/kl": NAN, "policy/loss": math.inf})
    # Each line is there at once, for whoever follows the file.
    (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
    loggers.step(2, {"reward/mean": 0.75})
    loggers.later(1, {"heldout/pass_at_1": 0.25})
    loggers.summary(2, {"signal": 0.5})
    loggers.close()
    first = json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert first.pop("time") > 1e9
    assert first == {"step": 1, "reward/mean": 0.5, "policy/kl": None, "policy/loss": None}
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("reward/mean")] == [(1, 0.5), (2, 0.75)]
    assert [(e.step, e.value) for e in events.Scalars("heldout/pass_at_1")] == [(1, 0.25)]


def test_a_logger_that_fails_is_told_once_and_the_others_go_on(tmp_path: Path) -> None:
    said: list[str] = []
    broken = Broken(after=1)
    loggers = Loggers([broken, JsonLines(tmp_path)], said.append)
    for step in (1, 2, 3, 4):
        loggers.step(step, {"reward/mean": 0.5})
    loggers.close()
    assert said == [
        "broken is left out from step 2 on, since it failed: OSError: [Errno 28] No space left on "
        "device"
    ]
    assert broken.seen == 2
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 4


def test_a_logger_that_fails_at_the_end_is_told_too() -> None:
    said: list[str] = []
    Loggers([Broken(after=9)], said.append).close()
    assert said[0].startswith("broken is left out at the end, since it failed: OSError")


def test_a_second_logger_appends(tmp_path: Path) -> None:
    for step in (1, 2):
        logger = JsonLines(tmp_path)
        logger.step(step, {"reward/mean": 0.5})
        logger.close()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]
