"""Members that share a machine's cores: their time is stretched, by hand-made figures."""

import asyncio

import pytest

from rlsys.simulate.clock import run
from rlsys.simulate.cores import SharedCores
from rlsys.simulate.fleet import Pool
from rlsys.simulate.sampler import SamplerLaw, SimulatedSampler


def test_time_is_stretched_while_more_members_work_than_there_are_cores() -> None:
    async def work() -> tuple[float, dict[str, float]]:
        cores = SharedCores(2)
        pools = [Pool(1, name, cores) for name in ("a", "b", "c")]
        # Three on two cores for 2 s of work: 3 s. Then two for 2 s, then one for 1 s.
        await asyncio.gather(*(pool.work(s) for pool, s in zip(pools, (2, 4, 5), strict=True)))
        return cores.wall_s, cores.busy_s

    wall_s, busy_s = run(work())
    assert wall_s == pytest.approx(3 + 2 + 1)
    assert busy_s == pytest.approx({"a": 3, "b": 3 + 2, "c": 3 + 2 + 1})


def test_a_sampler_that_takes_new_weights_works_as_one_that_decodes_does() -> None:
    async def work() -> dict[str, float]:
        cores = SharedCores(1)
        sampler = SimulatedSampler(SamplerLaw(0.0, 1.0, 2), cores)
        generating = asyncio.create_task(sampler.generate([4]))
        await asyncio.sleep(1.0)
        sampler.pause()
        await asyncio.sleep(2.0)
        sampler.resume(1)
        await generating
        sampler.pause()
        await asyncio.sleep(3.0)
        return cores.busy_s

    assert run(work()) == pytest.approx({"rollout": 4.0, "weights": 2.0 + 3.0})


def test_a_member_that_waits_for_its_turn_does_not_work() -> None:
    async def work() -> tuple[float, float]:
        cores = SharedCores(1)
        pool = Pool(1, "a", cores)
        await asyncio.gather(pool.work(2), pool.work(2))
        return cores.wall_s, cores.busy_s["a"]

    assert run(work()) == pytest.approx((4, 4))
