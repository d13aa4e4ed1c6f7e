"""The split of devices that makes the most of them."""

from dataclasses import replace

import pytest

from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from rlsys.simulate import split
from rlsys.simulate.fleet import Costs
from rlsys.simulate.laws import Measured
from rlsys.simulate.measured import Laws
from rlsys.simulate.sampler import SamplerLaw
from rlsys.simulate.split import plan

# A token takes a learner rank 3 ms, a full sampler of 8 sequences 80 / 8 = 10 ms, a reference 2 ms.
LAWS = Laws(
    SamplerLaw(step_s=0.0, sequence_s=0.01, max_sequences=8),
    Measured((100,)),
    Costs(
        grade_s=0.1,
        reference_token_s=0.002,
        learn_token_s=0.003,
        learn_step_s=0.0,
        pack_s=0.0,
        pull_s=0.0,
    ),
)


def config() -> RunConfig:
    made = RunConfig()
    made.rollout.max_sequences = 8
    made.loop.groups_per_step, made.loop.group_size = 30, 4
    return made


def test_devices_are_divided_as_the_work_is() -> None:
    found = plan(config(), LAWS, devices=15)
    # 10 : 3 : 2, so that each role keeps up with the others.
    best = found.best.split
    assert (best.rollout, best.ranks, best.reference) == (10, 3, 2)
    # 120 completions of 0.1 s in steps of 12 s, and a quarter to spare.
    assert best.verifier == 2
    assert found.best.tokens_per_s == pytest.approx(1000, rel=0.1)
    assert [one.tokens_per_s for one in found.tried] == sorted(
        (one.tokens_per_s for one in found.tried), reverse=True
    )
    assert found.overlap == pytest.approx(1, abs=0.1)


def test_without_a_reference_its_devices_sample() -> None:
    alone = replace(LAWS, costs=replace(LAWS.costs, reference_token_s=0.0))
    best = plan(config(), alone, devices=13).best.split
    assert (best.rollout, best.ranks, best.reference) == (10, 3, 0)
    assert best.settings() == [
        "rollout.workers=10",
        "learner.ranks=3",
        "verifiers.workers=2",
    ]


def test_ranks_divide_the_completions_of_an_update() -> None:
    for one in plan(config(), LAWS, devices=30).tried:
        assert 120 % one.split.ranks == 0


def test_a_large_batch_is_simulated_in_parts_and_comes_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = plan(config(), LAWS, devices=30)
    monkeypatch.setattr(split, "_COMPLETIONS", 60)
    in_parts = plan(config(), LAWS, devices=30)
    assert in_parts.best.split == whole.best.split
    assert in_parts.best.tokens_per_s == pytest.approx(whole.best.tokens_per_s, rel=0.1)


def test_fewer_devices_than_roles_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"--devices 2: .* need a device each; nearest valid: 3"):
        plan(config(), LAWS, devices=2)
