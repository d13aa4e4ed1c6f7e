"""Where a run's time went, as the page's bands draw it."""

import json
from pathlib import Path
from typing import Any

from rlsys.report.folder import read_record
from rlsys.report.times import DETAILED, bands
from rlsys.watch.course import PARTS
from tests.helpers.reported_run import make_run, metrics


def told(run: Path, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The bands of a run with these lines of its members."""
    (run / "members.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return bands(read_record(run))


def test_members_have_bands_of_their_own_where_a_role_has_several(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1), metrics(2), metrics(3)])
    shares = [
        {"rollout-0": {"busy": 1.0}, "learner-0": {"busy": 0.5, "ready groups": 0.5}},
        {"rollout-0": {"busy": 0.25, "slots": 0.75}, "rollout-1": {"busy": 1.0}},
    ]
    lines = [{"step": step, "members": own} for step, own in zip((1, 3), shares, strict=True)]
    found = told(run, lines)
    assert found["step"] == [1, 2, 3]
    assert found["bands"]["rollout-0"] == {"busy": [1.0, None, 0.25], "slots": [0.0, None, 0.75]}
    assert found["bands"]["rollout-1"] == {"busy": [None, None, 1.0]}
    assert found["bands"]["rollout"] == {"busy": [0.9] * 3, "slots": [0.1] * 3}
    assert "learner-0" not in found["bands"]
    assert {"rollout", "learner", "driver"} == set(told(run, lines[:1])["bands"])


def test_a_step_is_told_in_parts_and_a_role_as_the_mean_of_its_members(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1), metrics(2)])
    half = PARTS // 2
    early = {"busy": [100] * half + [0] * half, "slots": [0] * half + [100] * half}
    always = {"busy": [100] * PARTS}
    line = {
        "step": 2,
        "members": {"rollout-0": {"busy": 0.5, "slots": 0.5}, "rollout-1": {"busy": 1.0}},
        "parts": {"rollout-0": early, "rollout-1": always},
    }
    found = told(run, [line])
    assert found["step"] == [1] + [2] * PARTS
    assert found["s"] == [2.0] + [2.0 / PARTS] * PARTS
    assert found["bands"]["rollout-0"]["slots"] == [None] + [0.0] * half + [1.0] * half
    assert found["bands"]["rollout"]["slots"] == [0.1] + [0.0] * half + [0.5] * half
    assert found["bands"]["driver"]["busy"] == [found["bands"]["driver"]["busy"][0]] * (1 + PARTS)


def test_older_steps_of_a_long_run_are_wholes_and_all_of_its_seconds_are_there(
    tmp_path: Path,
) -> None:
    steps = range(1, 2002 + DETAILED)
    run = make_run(tmp_path / "a", [metrics(step) for step in steps])
    parts = {"rollout-0": {"busy": [90] * PARTS, "slots": [10] * PARTS}}
    members = {"rollout-0": {"busy": 0.9, "slots": 0.1}}
    found = told(run, [{"step": step, "members": members, "parts": parts} for step in steps])
    assert len(found["step"]) == 667 + DETAILED * PARTS
    assert found["step"][:2] == [3, 6]
    assert found["step"][-1] == steps[-1]
    assert abs(sum(found["s"]) - 2 * len(steps)) < 1e-6
    assert all(abs(share - 0.9) < 1e-9 for share in found["bands"]["rollout"]["busy"])
