import json

import numpy as np

from rlsys.loop.clock import Times
from rlsys.loop.heldout import HeldOut
from rlsys.loop.progress import Progress


def test_progress_comes_back_from_a_checkpoint_as_it_was() -> None:
    check = HeldOut(0.5, 0.25, 0.75, 16, 2, 8.5, 0.125, (3, 4))
    progress = Progress(before=check, train_s=1.5, times={"learner": Times(1.0, 3.0, {"x": 2.0})})
    progress.saw(40, np.array([0, 1, 1]))
    progress.saw(60, np.array([2]))
    back = Progress.from_dict(json.loads(json.dumps(progress.to_dict())))
    assert back == progress
    assert back.before == check
    assert (back.consumed_tokens, back.staleness_mean, back.staleness_max) == (100, 1.0, 2)


def test_a_new_run_has_no_progress() -> None:
    progress = Progress()
    assert (progress.staleness_mean, progress.staleness_max, progress.before) == (0.0, 0, None)
    assert Progress.from_dict(json.loads(json.dumps(progress.to_dict()))) == progress
