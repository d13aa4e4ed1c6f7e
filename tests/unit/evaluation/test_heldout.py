import asyncio
import random

import numpy as np
import pytest

from rlsys.config.run import RunConfig, SamplingConfig
from rlsys.errors import StallError, VerifierError
from rlsys.evaluation.heldout import evaluate
from rlsys.loop.fleet import GroupBatch, Sampled
from rlsys.loop.retries import Retries
from rlsys.roles import ROLLOUT, VERIFIER
from rlsys.simulate.clock import run
from rlsys.watch.waits import Observer, Waits
from tests.helpers.fake_fleet import FakeFleet, Latencies, long_tail, make_config, make_prompts

NAN = float("nan")


def evaluated(fleet: FakeFleet, count: int, config: RunConfig):  # type: ignore[no-untyped-def]
    async def scenario():  # type: ignore[no-untyped-def]
        retries = Retries(Waits(100.0, Observer()), config.loop)
        return await evaluate(
            fleet, make_prompts(count), config, retries, 3, lambda remaining: None
        )

    return run(scenario())


def test_every_held_out_prompt_is_sampled_with_the_evaluations_own_settings() -> None:
    seen: list[tuple[GroupBatch, SamplingConfig]] = []

    class Watched(FakeFleet):
        async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
            seen.append((batch, sampling))
            return await super().sample(batch, sampling)

    config = make_config()
    config.evaluation.samples, config.evaluation.temperature = 2, 0.6
    config.sampling.max_tokens, config.sampling.stop = 77, ["\n"]
    config.sampling.top_k, config.sampling.top_p, config.sampling.min_p = 20, 0.9, 0.1
    result = evaluated(Watched(), 35, config)
    prompts = [p.prompt_id for batch, _ in seen for p in batch.prompts]
    assert sorted(prompts) == sorted(p.prompt_id for p in make_prompts(35))
    assert all(g < 0 for batch, _ in seen for g in batch.group_ids)
    assert {s.temperature for _, s in seen} == {0.6}
    assert {(s.top_k, s.top_p, s.min_p) for _, s in seen} == {(20, 0.9, 0.1)}
    assert {(s.max_tokens, tuple(s.stop)) for _, s in seen} == {(77, ("\n",))}
    # Each prompt has one wrong and one right answer.
    assert (result.pass_at_1, result.low, result.high) == (0.5, 0.5, 0.5)
    assert (result.prompts, result.samples, result.mean_tokens) == (35, 2, 5.0)


def test_answers_stay_with_their_prompt_however_long_each_part_takes() -> None:
    latencies = Latencies(sample=long_tail(random.Random(1), 3.0))
    config = make_config()
    config.evaluation.samples = 2
    # Groups of checks are numbered from -1: the first of each message of 16 is right.
    right = {-1, -17, -33}
    fleet = FakeFleet(latencies, rewards=lambda group, size: np.full(size, float(group in right)))
    result = evaluated(fleet, 40, config)
    assert result.pass_at_1 == pytest.approx(3 / 40)
    assert {prompt for prompt, rate in result.rates.items() if rate} == {"p0", "p16", "p32"}


def test_all_answers_of_a_check_are_kept_in_the_order_of_their_prompts() -> None:
    latencies = Latencies(sample=long_tail(random.Random(2), 3.0))
    config = make_config()
    config.evaluation.samples = 2
    fleet = FakeFleet(latencies)
    result = evaluated(fleet, 40, config)
    (kept,) = fleet.written
    assert (kept.file, kept.step, kept.split) == ("heldout/step-000003.parquet", 3, "held_out")
    assert [rows.size for rows in kept.groups] == [32, 32, 16]
    ids = [group for rows in kept.groups for group in rows.annotations[ROLLOUT].group_ids]
    assert ids == list(range(-1, -41, -1))
    assert all(set(rows.annotations) == {ROLLOUT, VERIFIER} for rows in kept.groups)
    assert result.step == 3


def test_prompts_without_a_verdict_are_left_out() -> None:
    config = make_config()
    config.evaluation.samples = 2
    fleet = FakeFleet(rewards=lambda g, size: np.full(size, NAN if g == -1 else 1.0))
    result = evaluated(fleet, 5, config)
    assert (result.pass_at_1, result.prompts) == (1.0, 4)
    assert result.rates == dict.fromkeys(["p1", "p2", "p3", "p4"], 1.0)


def test_a_check_without_any_verdict_is_an_error_and_not_a_nan() -> None:
    fleet = FakeFleet(rewards=lambda g, size: np.full(size, NAN))
    with pytest.raises(VerifierError, match=r"none of 20 .* the first: the sandbox is gone"):
        evaluated(fleet, 5, make_config())


def test_a_check_ends_at_the_first_answers_that_no_verifier_can_grade() -> None:
    fleet = FakeFleet(Latencies(sample=iter([1.0, *[500.0] * 9]).__next__))
    fleet.rewards = lambda g, size: np.full(size, NAN)

    async def seconds() -> float:
        config = make_config()
        retries = Retries(Waits(1e4, Observer()), config.loop)
        with pytest.raises(VerifierError, match=r"100% of the newest 64 .* the sandbox is gone"):
            await evaluate(fleet, make_prompts(64), config, retries, 0, lambda remaining: None)
        return asyncio.get_running_loop().time()

    assert run(seconds()) < 2


def test_the_versions_of_the_tokens_are_reported() -> None:
    fleet = FakeFleet(held=4)

    async def scenario():  # type: ignore[no-untyped-def]
        config = make_config()
        retries = Retries(Waits(100.0, Observer()), config.loop)
        check = asyncio.create_task(
            evaluate(fleet, make_prompts(3), config, retries, 4, lambda remaining: None)
        )
        await asyncio.sleep(0.5)
        fleet.held = 5
        return await check

    assert run(scenario()).versions == (4, 5)


def test_a_check_that_hangs_is_a_stall_with_a_name() -> None:
    fleet = FakeFleet(Latencies(sample=1e6))
    with pytest.raises(StallError, match="driver: held-out completions"):
        evaluated(fleet, 3, make_config())


def test_a_result_reads_as_value_and_interval() -> None:
    config = make_config()
    config.evaluation.samples = 2
    assert str(evaluated(FakeFleet(), 3, config)) == "0.500 [0.500, 0.500]"
