from dataclasses import replace

import pytest

from rlsys.simulate.clock import run
from rlsys.simulate.fleet import Costs, Members
from rlsys.simulate.laws import Constant, LengthLaw, LogNormal
from rlsys.simulate.overlap import Scenario, overlap, simulate
from rlsys.simulate.sampler import SamplerLaw

# A step is 2 groups of 2 answers of 10 tokens. Seconds: sampling 10 x (0.1 + 4 x 0.025) = 2;
# grading 2 calls x 2 answers x 0.25 = 1; learning 1 + 40 x 0.05 = 3; publishing 0.5 + 0.5.
SCENARIO = Scenario(
    SamplerLaw(step_s=0.1, sequence_s=0.025, max_sequences=4),
    Constant(10),
    costs=Costs(
        grade_s=0.25,
        reference_token_s=0.0,
        learn_token_s=0.05,
        learn_step_s=1.0,
        pack_s=0.5,
        pull_s=0.5,
    ),
    members=Members(rollout=1, verifier=1, reference=1),
    groups_per_step=2,
    group_size=2,
)


def test_overlap_is_the_share_of_avoidable_time_that_was_avoided() -> None:
    assert overlap(sync_s=10.0, async_s=6.0, ideal_s=5.0) == 0.8
    assert overlap(sync_s=10.0, async_s=10.0, ideal_s=5.0) == 0.0


def test_overlap_of_a_loop_without_avoidable_time_is_refused() -> None:
    with pytest.raises(ValueError, match="ideal 5 s is not below synchronous 5 s"):
        overlap(5.0, 5.0, 5.0)


def test_a_synchronous_step_takes_all_stages_after_one_another() -> None:
    block = run(simulate(SCENARIO, max_staleness=0, steps=5, seed=0))
    assert block.token_s * 40 == pytest.approx(2 + 1 + 3 + 1)
    assert block.step_tokens == 40


def test_an_asynchronous_step_takes_as_long_as_the_slowest_stage() -> None:
    block = run(simulate(SCENARIO, max_staleness=2, steps=5, seed=0))
    # The learner learns and packs.
    assert block.token_s * 40 == pytest.approx(3.5)
    assert {role: s * 40 for role, s in block.busy_token_s.items()} == pytest.approx(
        {"rollout": 2.0, "verifier": 1.0, "reference": 0.0, "learner": 3.5}, abs=0.5
    )
    assert block.ledger == "admitted 44 = trained 44 + dropped 0 + alive 0"


def test_an_automatic_bound_makes_such_a_run_as_fast_on_younger_data() -> None:
    sampler = replace(SCENARIO.sampler, max_sequences=64)
    slow = replace(SCENARIO, sampler=sampler, lengths=LogNormal(mean=10, sigma=1.2, limit=100))
    automatic = run(simulate(slow, "auto", steps=40, seed=0))
    fixed = run(simulate(slow, automatic.bound, steps=40, seed=0))
    small = run(simulate(slow, 2, steps=40, seed=0))
    assert automatic.token_s < 0.9 * small.token_s
    # Two waits of up to 5 % each are worth their younger data.
    assert automatic.token_s < 1.1 * fixed.token_s
    assert automatic.mean_staleness < 3 < 7 < fixed.mean_staleness


def test_a_run_held_up_by_its_longest_answers_advises_a_bound_that_makes_it_faster() -> None:
    # The longest answers take 100 x 0.125 s and more, three steps of the learner and more.
    sampler = replace(SCENARIO.sampler, max_sequences=64)
    slow = replace(SCENARIO, sampler=sampler, lengths=LogNormal(mean=10, sigma=1.2, limit=100))
    block = run(simulate(slow, max_staleness=1, steps=40, seed=0))
    assert block.advised_bound > 2
    better = run(simulate(slow, block.advised_bound, steps=40, seed=0))
    assert better.token_s < 0.8 * block.token_s


@pytest.mark.parametrize("lengths", [Constant(10), LogNormal(mean=10, sigma=0.7, limit=60)])
def test_where_samplers_are_what_is_slow_an_automatic_bound_returns_to_where_it_began(
    lengths: LengthLaw,
) -> None:
    costs = replace(SCENARIO.costs, learn_token_s=0.0125)
    slow = replace(SCENARIO, lengths=lengths, groups_per_step=16, costs=costs)
    automatic = run(simulate(slow, "auto", steps=40, seed=0))
    fixed = [run(simulate(slow, bound, steps=40, seed=0)) for bound in (2, 4, 8)]
    assert automatic.bound == 2
    assert automatic.token_s < 1.02 * min(block.token_s for block in fixed)
    assert automatic.mean_staleness < 2.3
