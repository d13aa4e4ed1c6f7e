import asyncio

import pytest

from rlsys.simulate.clock import run
from rlsys.simulate.sampler import SamplerLaw, SimulatedSampler

# A step of n sequences takes 1 + n seconds.
LAW = SamplerLaw(step_s=1.0, sequence_s=1.0, max_sequences=2)


async def finished_at(sampler: SimulatedSampler, start: float, *lengths: int) -> float:
    await asyncio.sleep(start)
    await sampler.generate(list(lengths))
    return asyncio.get_running_loop().time()


def together(sampler: SimulatedSampler, *requests: tuple[float, list[int]]) -> list[float]:
    async def scenario() -> list[float]:
        return await asyncio.gather(*(finished_at(sampler, at, *ls) for at, ls in requests))

    return run(scenario())


def test_full_speed_is_that_of_a_full_batch() -> None:
    assert LAW.full_speed == 2 / 3


def test_a_sequence_alone_takes_a_step_per_token() -> None:
    sampler = SimulatedSampler(LAW)
    assert together(sampler, (10.0, [5])) == [20.0]
    assert (sampler.tokens, sampler.busy_s) == (pytest.approx(5.0), pytest.approx(10.0))


def test_sequences_slow_each_other_down_until_the_shorter_one_ends() -> None:
    # 3 steps of 3 s together, then 2 steps of 2 s.
    assert together(SimulatedSampler(LAW), (0.0, [3, 5])) == [13.0]


def test_a_request_that_joins_later_slows_the_first_one_from_then_on() -> None:
    # First: 2 tokens alone (4 s), 2 together (6 s), 2 alone (4 s).
    assert together(SimulatedSampler(LAW), (0.0, [6]), (4.0, [2])) == [14.0, 10.0]


def test_sequences_beyond_the_batch_wait_for_a_place() -> None:
    # Two of 2 tokens together (6 s), then the third alone (4 s).
    sampler = SimulatedSampler(LAW)
    assert together(sampler, (0.0, [2]), (0.0, [2]), (0.0, [2])) == [6.0, 6.0, 10.0]
    assert sampler.tokens == pytest.approx(6.0)


def test_a_sequence_that_begins_holds_the_others_up_while_its_prompt_is_computed() -> None:
    law = SamplerLaw(step_s=1.0, sequence_s=1.0, max_sequences=2, begin_s=0.5)
    sampler = SimulatedSampler(law)
    # First: its prompt (0.5 s), 2 tokens alone (4 s), the other's prompt, 2 together, 2 alone.
    assert together(sampler, (0.0, [6]), (4.5, [2])) == [15.0, 11.0]
    assert (sampler.begun, sampler.busy_s) == (2, pytest.approx(15.0))


def test_a_sampler_kept_full_computes_the_prompts_of_those_that_take_a_place() -> None:
    law = SamplerLaw(step_s=0.0, sequence_s=1.0, max_sequences=2, begin_s=0.5)
    (end,) = together(SimulatedSampler(law), (0.0, [2, 2, 2, 2]))
    assert end == pytest.approx(4 * 0.5 + 2 * 2 * 2)


def test_a_pause_holds_every_sequence_up_and_brings_the_version() -> None:
    sampler = SimulatedSampler(LAW)

    async def update() -> None:
        await asyncio.sleep(3.0)
        sampler.pause()
        await asyncio.sleep(100.0)
        sampler.resume(version=7)

    async def scenario() -> float:
        updating = asyncio.create_task(update())
        end = await finished_at(sampler, 0.0, 4)
        await updating
        return end

    assert run(scenario()) == pytest.approx(108.0)
    assert sampler.held == 7
    assert sampler.paused_s == pytest.approx(100.0)
    assert sampler.busy_s == pytest.approx(8.0)


def test_a_sampler_kept_full_decodes_at_full_speed() -> None:
    law = SamplerLaw(step_s=0.01, sequence_s=0.001, max_sequences=8)
    sampler = SimulatedSampler(law)
    (end, *_) = together(sampler, (0.0, [10] * 64))
    assert sampler.tokens / end == pytest.approx(law.full_speed)
