from collections.abc import Callable

import pytest

from rlsys.errors import VerifierError, WorkerDiedError, WorkerError
from rlsys.loop.retries import Retries
from rlsys.loop.verdict_watch import VerdictWatch
from rlsys.simulate.clock import run
from rlsys.watch.waits import Observer, Waits
from tests.helpers.fake_fleet import make_config


def insisting(outcomes: list[Exception | int], **loop: int) -> tuple[Retries, Callable[[], int]]:
    retries = Retries(Waits(10.0, Observer()), make_config(**loop).loop)
    left = iter(outcomes)

    async def call() -> int:
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return retries, lambda: run(retries.with_retries("driver: verifier", call))


def test_lost_calls_do_not_spend_the_budget_of_calls_that_raise() -> None:
    lost, raised = WorkerDiedError("gone"), WorkerError("no")
    outcomes: list[Exception | int] = [lost, raised, lost, lost, raised, 7]
    retries, with_retries = insisting(outcomes, max_group_failures=3, max_group_losses=4)
    assert with_retries() == 7
    assert retries.take() == {"retries/lost": 3.0, "retries/failed": 2.0}
    assert retries.take() == {"retries/lost": 0.0, "retries/failed": 0.0}


@pytest.mark.parametrize("kind", [WorkerDiedError, WorkerError])
def test_each_budget_ends_and_the_last_error_says_why(kind: type[WorkerError]) -> None:
    outcomes: list[Exception | int] = [kind(f"try {i}") for i in range(9)]
    _, with_retries = insisting(outcomes, max_group_failures=3, max_group_losses=3)
    with pytest.raises(kind, match="try 2"):
        with_retries()


def watch(limit: float) -> VerdictWatch:
    config = make_config(groups_per_step=4)  # groups of 4: a window of 64, judged from 32 on
    return VerdictWatch(limit, config.loop, lambda line: None)


def test_missing_verdicts_are_judged_over_the_newest_answers_alone() -> None:
    seen = watch(0.1)
    for _ in range(1000):
        seen.saw(16, [])
    seen.saw(16, ["down"] * 6)  # 6 of the newest 64
    with pytest.raises(
        VerifierError, match=r"12% of the newest 64 completions.*share=0.1; last: late"
    ):
        seen.saw(16, ["late"] * 2)


def test_a_bad_start_is_forgiven_when_it_is_past() -> None:
    seen = watch(0.2)
    seen.saw(16, ["down"] * 6)
    for _ in range(20):
        seen.saw(32, [])
    seen.saw(16, ["down"] * 12)  # 12 of the newest 80
    with pytest.raises(VerifierError):
        seen.saw(16, ["down"] * 8)
