import json

import numpy as np

from rlsys.loop.loop import StepReport
from rlsys.loop.ready import ReadyGroup
from rlsys.run.progress import Progress
from rlsys.watch.accounting import Times


def report(
    tokens: list[int], staleness: list[int], waited_for_old_s: float, longest_group_s: float
) -> StepReport:
    """A step of groups of one answer each."""
    one = np.zeros(1)
    groups = [
        ReadyGroup(i, "p", 0, (), 0, one, one > 0, np.array([n]), one > 0, None, {}, 0.0)
        for i, n in enumerate(tokens)
    ]
    return StepReport(
        1, groups, np.array(staleness), {}, None, waited_for_old_s, 2, 2, longest_group_s
    )


def test_progress_comes_back_from_a_checkpoint_as_it_was() -> None:
    progress = Progress(train_s=1.5, times={"learner": Times(1.0, 3.0, {"x": 2.0})})
    progress.saw(report([10, 15, 15], [0, 1, 1], waited_for_old_s=0.0, longest_group_s=3.0))
    progress.saw(report([60], [2], waited_for_old_s=1.5, longest_group_s=2.0))
    back = Progress.from_dict(json.loads(json.dumps(progress.to_dict())))
    assert back == progress
    assert (back.consumed_tokens, back.staleness_mean, back.staleness_max) == (100, 1.0, 2)
    assert (back.waited_for_old_s, back.longest_group_s) == (1.5, 3.0)


def test_a_new_run_has_no_progress() -> None:
    progress = Progress()
    assert (progress.staleness_mean, progress.staleness_max) == (0.0, 0)
    assert Progress.from_dict(json.loads(json.dumps(progress.to_dict()))) == progress
