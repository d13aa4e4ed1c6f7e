"""vLLM's figures of a step, as it makes them, are summed up."""

from types import SimpleNamespace
from typing import Any

import pytest
from vllm.v1.metrics.loggers import PerEngineStatLoggerAdapter, PrometheusStatLogger
from vllm.v1.metrics.stats import IterationStats, PrefixCacheStats, SchedulerStats

from rlsys.sampling.engine_log import EngineLog, _only_log


def scheduled(usage: float, waiting: int = 0, found: int = 0) -> SchedulerStats:
    prefix = PrefixCacheStats(requests=1, queries=10, hits=found)
    return SchedulerStats(num_waiting_reqs=waiting, kv_cache_usage=usage, prefix_cache_stats=prefix)


def iteration(since_last: list[float], begun: int = 0, preempted: int = 0) -> IterationStats:
    stats = IterationStats()
    stats.inter_token_latencies_iter = since_last
    stats.time_to_first_tokens_iter = [1.0] * begun
    stats.num_preempted_reqs = preempted
    return stats


@pytest.fixture
def log() -> EngineLog:
    no_config: Any = None
    return EngineLog(no_config)


def test_steps_are_summed_up_until_somebody_takes_them(log: EngineLog) -> None:
    log.record(scheduled(0.2, waiting=4), iteration([0.5, 0.5], begun=1))
    log.record(scheduled(0.7, found=5), iteration([0.5, 0.5, 0.5], preempted=1))
    # When all have ended there are figures of the scheduler alone.
    log.record(scheduled(0.1), None)
    taken = log.take()
    assert (taken.steps, taken.running, taken.waiting, taken.begun) == (2, 6, 4, 1)
    assert (taken.kv_cache_usage, taken.preemptions) == (0.7, 1)
    assert (taken.prefix_hits, taken.prefix_queries) == (5, 30)
    assert log.take().metrics() == {}


def test_a_steps_seconds_are_those_of_completions_that_were_not_held_up(log: EngineLog) -> None:
    log.record(scheduled(0.2), iteration([9.0, 0.5, 0.5], begun=2))
    assert log.timed._kept == [(5, 2, 0.5)]
    # All begin: how long the step took, no completion knows.
    log.record(scheduled(0.2), iteration([], begun=3))
    assert log.timed.count == 1


class Clock:
    """As CpuClock: what the process has worked since the last call."""

    def __init__(self, *worked_s: float | None) -> None:
        self.worked_s = iter(worked_s)

    def passed(self) -> float | None:
        return next(self.worked_s)


def test_on_shared_cores_a_step_takes_what_its_process_worked(log: EngineLog) -> None:
    clock: Any = Clock(0.2, 7.0, 0.3, None)
    log.clock = clock
    log.record(scheduled(0.2), iteration([0.5, 0.5]))
    log.record(scheduled(0.2), None)  # what it did between two steps
    log.record(scheduled(0.2), iteration([0.5]))
    log.record(scheduled(0.2), iteration([0.5]))  # the last output of an engine that has ended
    assert log.timed._kept == [(2, 0, 0.2), (1, 0, 0.3)]


def test_the_law_is_of_all_steps_so_far(log: EngineLog) -> None:
    for number in range(1, 101):
        begun = number % 2
        seconds = 0.01 + 0.001 * (number + begun) + 0.002 * begun
        log.record(scheduled(0.2), iteration([seconds] * number, begun))
        if number == 60:
            assert log.take().law is None
    law = log.take().law
    assert law is not None
    assert law.step_s == pytest.approx(0.01, rel=0.01)
    assert law.sequence_s == pytest.approx(0.001, rel=0.01)


def test_the_log_is_vllms_only_one() -> None:
    no_config: Any = None
    prometheus = PrometheusStatLogger.__new__(PrometheusStatLogger)
    adapter = PerEngineStatLoggerAdapter(no_config, [0], EngineLog)
    manager = SimpleNamespace(stat_loggers=[adapter, prometheus])
    vllm: Any = SimpleNamespace(logger_manager=manager)
    assert _only_log(vllm) is adapter.per_engine_stat_loggers[0]
    assert manager.stat_loggers == [adapter]
