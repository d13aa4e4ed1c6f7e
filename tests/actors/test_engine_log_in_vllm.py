"""What the real vLLM tells of its steps adds up to what it did."""

import asyncio
import time

import pytest

from rlsys.config.run import SamplingConfig
from rlsys.sampling.engine_figures import EngineFigures
from rlsys.sampling.sampler import Sampler

pytestmark = pytest.mark.slow

PLACES, SIZE = 32, 8
"""The sampler's, and of a group."""


def sampled(
    sampler: Sampler, event_loop: asyncio.Runner, groups: int
) -> tuple[list[int], EngineFigures]:
    """Tokens of each of so many groups' completions, and what the log says of them."""

    async def scenario() -> list[int]:
        # Of many lengths, so that batches are of many sizes.
        asked = [
            sampler._generate(
                sampler.prompt([5 + i, 6]), SamplingConfig(max_tokens=2 + 4 * i), SIZE
            )
            for i in range(groups)
        ]
        outputs = await asyncio.gather(*asked)
        return [len(one.token_ids) for output in outputs for one in output.outputs]

    sampler.log.take()
    tokens = event_loop.run(scenario())
    return tokens, sampler.log.take()


def test_every_token_and_completion_is_counted_once(
    sampler: Sampler, event_loop: asyncio.Runner
) -> None:
    tokens, figures = sampled(sampler, event_loop, PLACES // SIZE)
    # In each step each completion that runs gets a token.
    assert (figures.begun, figures.running) == (len(tokens), sum(tokens))
    assert max(tokens) <= figures.steps <= sum(tokens)
    assert (figures.waiting, figures.preemptions) == (0, 0)
    assert 0 < figures.kv_cache_usage < 1
    assert figures.prefix_queries >= 2 * len(tokens)


def test_completions_beyond_the_samplers_places_wait(
    sampler: Sampler, event_loop: asyncio.Runner
) -> None:
    _, figures = sampled(sampler, event_loop, 2 * PLACES // SIZE)
    assert figures.waiting > 0
    assert figures.running / figures.steps <= PLACES


def test_on_cpus_a_step_takes_what_the_engines_process_worked(
    sampler: Sampler, event_loop: asyncio.Runner
) -> None:
    clock = sampler.log.clock
    assert clock is not None
    before = sampler.log.timed.count
    sampled(sampler, event_loop, PLACES // SIZE)
    assert sampler.log.timed.count > before
    clock.passed()
    time.sleep(0.3)
    idle_s = clock.passed()
    assert idle_s is not None
    assert idle_s < 0.15


def test_many_steps_tell_their_law(sampler: Sampler, event_loop: asyncio.Runner) -> None:
    figures = EngineFigures()
    while sampler.log.timed.count < 200:
        _, figures = sampled(sampler, event_loop, PLACES // SIZE)
    assert figures.law is not None
    # A tiny model's step of 32 completions, on any machine.
    assert 1e-4 < figures.law.step_s + 32 * figures.law.sequence_s < 10
