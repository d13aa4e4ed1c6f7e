import io
import re
import time

import pytest
from rich.console import Console

from rlsys.observe.display import Display

METRICS = {
    "reward/mean": 0.51234,
    "heldout/pass_at_1": 0.25,
    "throughput/consumed_tokens_per_s": 12345.6,
    "answer/mean_tokens": 22.04,
    "staleness/mean": 1.5,
    "policy/entropy": 0.7,
    "policy/kl": 0.00123,
    "policy/clip_fraction": 0.01,
    "time/learner/busy": 0.62,
    "time/learner/ready groups": 0.379,
    "time/learner/weights": 0.001,
    "time/rollout/busy": 0.9,
    "time/rollout/slots": 0.1,
}


def make(width: int = 80, terminal: bool = False) -> tuple[Display, io.StringIO]:
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=terminal, color_system=None)
    return Display(10, console, time.monotonic() - 5.0), text


def test_stages_are_plain_lines_with_the_time_since_the_start_when_not_on_a_terminal() -> None:
    display, text = make()
    with display:
        display.stage("starting Ray")
        display.stage("starting rollout-0")
    first, second = text.getvalue().splitlines()
    assert re.fullmatch(r"\[   5\.\d s\] starting Ray", first)
    assert second.endswith("] starting rollout-0")
    assert "\x1b" not in text.getvalue()


def test_a_step_is_one_plain_line_however_narrow_the_screen() -> None:
    display, text = make(width=40)
    with display:
        display.step(3, METRICS)
    (line,) = text.getvalue().splitlines()
    assert line.split("] ", 1)[1] == (
        "step 3/10  reward 0.512  tok/s 12,346  length 22.0  stale 1.50  "
        "entropy 0.700  KL 0.0012  clip 0.010  | "
        "learner busy 62% waits ready groups 38%, rollout busy 90% waits slots 10%"
    )


def test_a_step_without_some_metrics_leaves_them_out() -> None:
    display, text = make()
    with display:
        display.step(1, {"reward/mean": 1.0})
    assert "step 1/10  reward 1.000" in text.getvalue()
    assert "KL" not in text.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_brackets_in_a_note_are_text_and_not_markup(terminal: bool) -> None:
    display, text = make(terminal=terminal)
    with display:
        display.note("run /tmp/[bold]x, pass@1 0.300 [0.250, 0.350]")
    assert "run /tmp/[bold]x, pass@1 0.300 [0.250, 0.350]" in text.getvalue()


def test_a_terminal_gets_a_live_table_of_the_last_twelve_steps() -> None:
    display, text = make(width=200, terminal=True)
    with display:
        for step in range(101, 121):
            display.step(step, METRICS | {"reward/mean": step / 1000})
        display.live.refresh()  # type: ignore[union-attr]
    last = text.getvalue().rsplit("step  reward", 1)[1]
    assert re.findall(r"^ *(1\d\d) +0\.1", last, re.MULTILINE) == [str(s) for s in range(109, 121)]
    assert "0.120" in last
    assert "training: step 120 of 10" in text.getvalue()


def test_the_live_table_is_closed_when_the_run_fails() -> None:
    display, _ = make(terminal=True)
    with pytest.raises(RuntimeError), display:
        raise RuntimeError
    assert display.live is not None
    assert not display.live.is_started
