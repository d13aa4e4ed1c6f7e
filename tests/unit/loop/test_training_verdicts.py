"""The training loop under virtual time: missing verdicts, and groups without signal."""

import itertools

import numpy as np
import pytest

from rlsys.errors import NoSignalError, VerifierError
from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import (
    FakeFleet,
    Latencies,
    make_config,
    make_loop,
    trained_groups,
)


def without_verdict(missing: int):  # type: ignore[no-untyped-def]
    def rewards(group_id: int, size: int) -> np.ndarray:
        values = np.arange(size) % 2 * 1.0
        values[:missing] = np.nan
        return values

    return rewards


def test_too_many_answers_without_a_verdict_stop_the_run() -> None:
    fleet = FakeFleet(rewards=without_verdict(1))
    config = make_config()
    config.verifiers.max_infrastructure_share = 0.2
    with pytest.raises(
        VerifierError, match=r"25% of the newest 32 completions.*share=0.2.*the sandbox is gone"
    ):
        run(make_loop(fleet, config).train(50))


def test_the_first_missing_verdicts_are_said_at_once_and_once() -> None:
    config = make_config()
    config.verifiers.max_infrastructure_share = 1.0
    said: list[str] = []
    fleet = FakeFleet(rewards=without_verdict(1))
    loop = make_loop(fleet, config, notice=said.append)
    run(loop.train(3))
    assert said == ["warning: 1 of 4 completions got no verdict: the sandbox is gone"]


def test_a_share_of_missing_verdicts_below_the_limit_is_masked() -> None:
    fleet = FakeFleet(rewards=without_verdict(1))
    config = make_config()
    config.verifiers.max_infrastructure_share = 0.3
    run(make_loop(fleet, config).train(3))
    for request in fleet.requests:
        assert request.trained.tolist() == [False, True, True, True] * 4
        # Rewards 1, 0, 1: mean 2/3, sample standard deviation 1/sqrt(3).
        np.testing.assert_allclose(
            request.advantages.reshape(4, 4)[0],
            [0.0, 1 / 3**0.5, -2 / 3**0.5, 1 / 3**0.5],
            rtol=1e-3,
        )


def test_a_missing_verdict_is_reported_even_when_the_last_message_had_all_of_its_own() -> None:
    """Verdicts fail early on, before enough are graded to judge; the message that makes it enough
    has none missing."""

    def rewards(group_id: int, size: int) -> np.ndarray:
        return without_verdict(2 if group_id < 4 else 0)(group_id, size)

    config = make_config()
    config.verifiers.max_infrastructure_share = 0.2
    in_turn = (1.0 + 0.01 * i for i in itertools.count())
    fleet = FakeFleet(Latencies(sample=lambda: next(in_turn)), rewards=rewards)
    with pytest.raises(
        VerifierError, match=r"25% of the newest 32 completions.*the sandbox is gone"
    ):
        run(make_loop(fleet, config).train(50))


def test_a_group_without_two_verdicts_is_dropped_as_infrastructure() -> None:
    def rewards(group_id: int, size: int) -> np.ndarray:
        return without_verdict(3 if group_id == 2 else 0)(group_id, size)

    config = make_config()
    config.verifiers.max_infrastructure_share = 1.0
    fleet = FakeFleet(rewards=rewards)
    loop = make_loop(fleet, config)
    run(loop.train(3))
    assert loop.state.ledger.dropped == {"infrastructure": 1}
    assert 2 not in trained_groups(fleet)


def equal_rewards_for_even_groups(group_id: int, size: int) -> np.ndarray:
    return np.ones(size) if group_id % 2 == 0 else np.arange(size) % 2 * 1.0


def test_dynamic_sampling_replaces_groups_without_signal_and_counts_them() -> None:
    config = make_config()
    config.algorithm.drop_no_signal = True
    fleet = FakeFleet(rewards=equal_rewards_for_even_groups)
    loop = make_loop(fleet, config)
    run(loop.train(3))
    trained = trained_groups(fleet)
    assert len(trained) == 12
    assert all(group % 2 == 1 for group in trained)
    ledger = loop.state.ledger
    assert ledger.dropped["no_signal"] == ledger.admitted - 12
    assert ledger.dropped["no_signal"] >= 11


def test_a_run_that_finds_no_signal_ends_instead_of_sampling_for_ever() -> None:
    config = make_config(max_batches_without_signal=5)
    config.algorithm.drop_no_signal = True
    fleet = FakeFleet(rewards=lambda group, size: np.full(size, float(group % 2)))
    loop = make_loop(fleet, config)
    with pytest.raises(NoSignalError, match=r"20 groups .* before step 1, .*=5\)"):
        run(loop.train(3))
    assert set(loop.state.ledger.dropped) == {"no_signal"}
    assert loop.state.ledger.trained == 0


def test_without_dynamic_sampling_groups_of_equal_rewards_are_trained_with_zero_advantage() -> None:
    fleet = FakeFleet(rewards=equal_rewards_for_even_groups)
    loop = make_loop(fleet, make_config())
    run(loop.train(1))
    assert loop.state.ledger.dropped == {}
    advantages = fleet.requests[0].advantages.reshape(4, 4)
    assert np.abs(advantages[0]).max() == 0.0
    assert np.abs(advantages[1]).min() > 0.5
