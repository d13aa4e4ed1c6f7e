import io
import re
import time

import pytest
from rich.console import Console

from rlsys.observe.display import Display

METRICS = {
    "reward/mean": 0.51234,
    "throughput/step_s": 4.0,
    "policy/loss": -0.01234,
    "policy/gradient_norm": 3.7e-10,
    "policy/learning_rate": 1e-6,
    "policy/effective_sample_size": 0.99,
    "reward/groups_without_signal": 0.25,
    "completion/truncated": 0.01,
    "throughput/consumed_tokens_per_s": 12345.6,
    "completion/mean_tokens": 22.04,
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
    return Display(console, time.monotonic() - 5.0), text


def test_stages_are_plain_lines_with_the_time_since_the_start_when_not_on_a_terminal() -> None:
    display, text = make()
    with display:
        display.stage("starting Ray")
        display.stage("starting rollout-0")
    first, second = text.getvalue().splitlines()
    assert re.fullmatch(r"\[   5\.\d s\] starting Ray", first)
    assert second.endswith("] starting rollout-0")
    assert "\x1b" not in text.getvalue()


def test_a_step_is_one_plain_line_of_a_hundred_characters_at_most_under_its_headings() -> None:
    display, text = make(width=40)
    with display:
        display.step(3, 10, METRICS)
        display.step(4, 10, {"reward/mean": 1.0})
    heads, first, second = (line.split("] ", 1)[1] for line in text.getvalue().splitlines())
    assert all(len(line) <= 100 for line in text.getvalue().splitlines())
    assert heads == (
        "            left reward    loss    grad     lr      KL nosig  cut length  ESS entropy"
    )
    assert first == (
        "step 3/10   0:28  0.512 -0.0123 3.7e-10 1.0e-6  0.0012   25%   1%   22.0 0.99  0.7000"
    )
    assert second == "step 4/10   0:24  1.000".ljust(len(first))


def test_time_shares_come_with_the_headings_once_in_twenty_steps() -> None:
    display, text = make()
    with display:
        for step in range(1, 22):
            display.step(step, 10, METRICS | {"time/rollout/busy": 1.0 if step % 2 else 0.8})
    lines = [line.split("] ", 1)[1] for line in text.getvalue().splitlines()]
    assert sum("left reward" in line for line in lines) == 2
    (times,) = (line for line in lines if line.startswith("time"))
    assert times == (
        "time, last 20 steps: busy: learner 62%, rollout 90%; "
        "rollout, the busiest, waits for slots 10%"
    )
    assert lines.index(times) == 21


def test_the_time_left_is_the_steps_left_at_the_pace_of_the_newest() -> None:
    """The first step waits for the first groups: it must not count for all that follow."""
    display, text = make()
    with display:
        for step, seconds in enumerate((60.0, 2.0, 2.0), start=1):
            display.step(step, 10, {"throughput/step_s": seconds})
    assert text.getvalue().splitlines()[-1].split()[-1] == "0:14"


def test_a_long_silence_is_broken_by_what_is_waited_for() -> None:
    text = io.StringIO()
    console = Console(file=text, width=80, color_system=None)
    waits = "rollout-0: vLLM loads the policy 31.0 s"
    display = Display(console, time.monotonic(), lambda: waits, quiet_s=0.05)
    with display:
        display.stage("starting the fleet")
        time.sleep(0.3)
    lines = [line.split("] ", 1)[1] for line in text.getvalue().splitlines()]
    said = "still at: starting the fleet; waiting for rollout-0: vLLM loads the policy 31.0 s"
    # Each silence is twice as long as the one before: 0.05, 0.1 and 0.2 s.
    assert lines in (["starting the fleet", said], ["starting the fleet", said, said])


def test_how_far_a_stage_is_breaks_no_silence_and_is_said_when_one_is_broken() -> None:
    text = io.StringIO()
    console = Console(file=text, width=80, color_system=None)
    display = Display(console, time.monotonic(), quiet_s=0.05)
    with display:
        display.stage("held-out check before training: 256 prompts")
        for done in range(256):
            display.progress(f"held-out check before training: {done} of 256")
        time.sleep(0.1)
    lines = [line.split("] ", 1)[1] for line in text.getvalue().splitlines()]
    assert lines == [
        "held-out check before training: 256 prompts",
        "still at: held-out check before training: 255 of 256",
    ]


def test_what_is_waited_for_is_said_once_and_as_it_is_now() -> None:
    text = io.StringIO()
    console = Console(file=text, width=80, color_system=None)
    waits = "learner-0: DeepSpeed loads the policy 31.6 s"
    display = Display(console, time.monotonic(), lambda: waits, quiet_s=0.05)
    with display:
        display.stage("verifier-0 ready; waiting for learner-0: its process 1.4 s")
        time.sleep(0.1)
    second = text.getvalue().splitlines()[1].split("] ", 1)[1]
    assert second == (
        "still at: verifier-0 ready; waiting for learner-0: DeepSpeed loads the policy 31.6 s"
    )


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
            display.step(step, 200, METRICS | {"reward/mean": step / 1000})
        display.live.refresh()  # type: ignore[union-attr]
    last = text.getvalue().rsplit("step  left", 1)[1]
    shown = re.findall(r"^ *(1\d\d) +\d:\d\d +0\.1", last, re.MULTILINE)
    assert shown == [str(s) for s in range(109, 121)]
    assert "0.120" in last
    assert "busy: learner 62%, rollout 90%" in last
    assert "training: step 120 of 200, 5:20 left" in text.getvalue()


def test_all_that_a_terminal_shows_fits_its_eighty_columns() -> None:
    display, _ = make(terminal=True)
    waits = [
        "rollout-0: vLLM loads the policy 22.0 s",
        "learner-0: DeepSpeed loads the policy 22 s",
    ]
    display.waiting = lambda: ", ".join(waits)
    more = {"time/reference/busy": 0.3, "time/verifier/busy": 0.1}
    display.step(19_999, 20_000, METRICS | more)
    display.progress(
        "starting learner-0, rollout-0, rollout-1, verifier-0, verifier-1, reference-0"
    )
    shown = display._render().plain
    assert max(map(len, shown.splitlines())) <= 80
    words = " ".join(shown.split())
    assert display.stage_line in words
    assert f"waiting for {', '.join(waits)}" in words
    assert "busy: learner 62%, rollout 90%, reference 30%, verifier 10%; rollout, the" in words


def test_a_check_stands_in_the_row_of_its_own_step_and_is_carried_to_no_other() -> None:
    """It ends while later steps are done."""
    display, text = make(width=200, terminal=True)
    with display:
        for step in (1, 2, 3):
            display.step(step, 200, METRICS)
        display.check(2, {"heldout/pass_at_1": 0.625}, "held-out pass@1 at step 2: 0.625")
        display.step(4, 200, METRICS)
        display.live.refresh()  # type: ignore[union-attr]
    last = text.getvalue().rsplit("left reward pass@1", 1)[1]
    cells = re.findall(r"^ *([1-4]) +\S+  0\.512 (.{6})", last, re.MULTILINE)
    assert cells == [("1", "      "), ("2", " 0.625"), ("3", "      "), ("4", "      ")]


def test_without_a_terminal_a_check_is_a_line_of_its_own_and_no_step_has_its_figure() -> None:
    display, text = make()
    with display:
        display.step(1, 10, METRICS)
        display.check(1, {"heldout/pass_at_1": 0.625}, "held-out pass@1 at step 1: 0.625")
        display.step(2, 10, METRICS)
    lines = [line.split("] ", 1)[1] for line in text.getvalue().splitlines()]
    assert lines[2] == "held-out pass@1 at step 1: 0.625"
    assert not [
        line for line in (lines[0], lines[1], lines[3]) if "0.625" in line or "pass" in line
    ]


def test_the_live_table_is_closed_when_the_run_fails() -> None:
    display, _ = make(terminal=True)
    with pytest.raises(RuntimeError), display:
        raise RuntimeError
    assert display.live is not None
    assert not display.live.is_started
