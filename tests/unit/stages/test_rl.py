"""The stage of reinforcement around a fake fleet: what it tells of its steps."""

import json
from pathlib import Path

from rlsys.run.folder import METRICS
from tests.helpers.fake_run import STEPS, Fleet, trained


def test_calls_that_were_made_again_are_counted_in_the_metrics_of_their_step(
    tmp_path: Path,
) -> None:
    fleet = Fleet(fails=lambda call, group, attempt: (call, group, attempt) == ("grade", 5, 1))
    trained(tmp_path, fleet, lambda step: None)
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["retries/failed"] for line in lines] == [0.0, 1.0, *[0.0] * (STEPS - 2)]
    assert {line["retries/lost"] for line in lines} == {0.0}
