"""Members that share a machine's cores: their time is stretched, by hand-made figures."""

import asyncio

import pytest

from rlsys.simulate.clock import run
from rlsys.simulate.cores import SharedCores
from rlsys.simulate.fleet import Pool


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


def test_a_member_that_waits_for_its_turn_does_not_work() -> None:
    async def work() -> tuple[float, float]:
        cores = SharedCores(1)
        pool = Pool(1, "a", cores)
        await asyncio.gather(pool.work(2), pool.work(2))
        return cores.wall_s, cores.busy_s["a"]

    assert run(work()) == pytest.approx((4, 4))
