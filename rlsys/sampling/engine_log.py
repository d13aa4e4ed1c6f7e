"""vLLM's figures of each step of its engine, summed up (vllm.v1.metrics).

They come to the process of the engine's client, with the step's tokens. A step's seconds are the
time between two outputs by the clock of the engine's own process: the shortest since their last
token among the completions that go on. One that was preempted has waited longer. On CPUs, which
others share, they are the time that the engine's process worked.
"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

from vllm.envs import disable_envs_cache, enable_envs_cache
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.metrics.loggers import (
    PerEngineStatLoggerAdapter,
    PrometheusStatLogger,
    StatLoggerBase,
)

from rlsys.sampling.cpu_clock import CpuClock, cpu_clock
from rlsys.sampling.engine_figures import EngineFigures
from rlsys.sampling.step_law import TimedSteps

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.metrics.stats import IterationStats, MultiModalCacheStats, SchedulerStats


class EngineLog(StatLoggerBase):
    """One of vLLM's loggers, for its `stat_loggers`."""

    def __init__(self, vllm_config: VllmConfig, engine_index: int = 0) -> None:
        self.timed = TimedSteps()
        self.clock: CpuClock | None = None
        """Of the engine's process, where others share its cores."""
        self._lately = EngineFigures()

    def record(
        self,
        scheduler_stats: SchedulerStats | None,
        iteration_stats: IterationStats | None,
        mm_cache_stats: MultiModalCacheStats | None = None,
        engine_idx: int = 0,
    ) -> None:
        """See StatLoggerBase: a step is over."""
        lately, worked_s = self._lately, self.clock.passed() if self.clock else None
        if scheduler_stats is not None:
            prefix = scheduler_stats.prefix_cache_stats
            lately.prefix_queries += prefix.queries
            lately.prefix_hits += prefix.hits
            lately.kv_cache_usage = max(lately.kv_cache_usage, scheduler_stats.kv_cache_usage)
        if scheduler_stats is None or iteration_stats is None:
            return  # nobody got a token
        since_last = iteration_stats.inter_token_latencies_iter
        begun = len(iteration_stats.time_to_first_tokens_iter)
        lately.steps += 1
        lately.running += len(since_last) + begun
        lately.waiting += scheduler_stats.num_waiting_reqs
        lately.begun += begun
        lately.preemptions += iteration_stats.num_preempted_reqs
        if not since_last:
            return  # all of them begin: the engine stood still before, nobody knows for how long
        seconds = worked_s if self.clock else min(since_last)
        if seconds:
            self.timed.add(len(since_last) + begun, begun, seconds)

    def log_engine_initialized(self) -> None:
        """Nothing."""

    def take(self) -> EngineFigures:
        """What was recorded since the last call."""
        lately, self._lately = self._lately, EngineFigures()
        lately.law = self.timed.law()
        return lately


def logged(
    arguments: AsyncEngineArgs, context: UsageContext, on_shared_cores: bool
) -> tuple[AsyncLLM, EngineLog]:
    """An engine, and its log.

    Args:
        on_shared_cores: it computes in its own process, on CPUs.

    vLLM's figures would take 3 us a token of this process: it looks up a variable of the
    environment for each, and has a second logger for its own Prometheus endpoint, which nobody
    reads. With the environment as it is now, for good, and without that logger, it is 0.6 us.
    """
    before = multiprocessing.active_children()
    disable_envs_cache()  # an engine before this one may have had other settings
    vllm = AsyncLLM.from_engine_args(arguments, usage_context=context, stat_loggers=[EngineLog])
    enable_envs_cache()
    log, started = _only_log(vllm), set(multiprocessing.active_children()) - set(before)
    if on_shared_cores and len(started) == 1:
        log.clock = cpu_clock(started.pop().pid)
    return vllm, log


def _only_log(vllm: AsyncLLM) -> EngineLog:
    manager = vllm.logger_manager
    assert manager is not None
    manager.stat_loggers = [
        one for one in manager.stat_loggers if not isinstance(one, PrometheusStatLogger)
    ]
    (own,) = manager.stat_loggers
    assert isinstance(own, PerEngineStatLoggerAdapter)
    log = own.per_engine_stat_loggers[0]
    assert isinstance(log, EngineLog)
    return log
