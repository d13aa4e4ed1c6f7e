"""What recording an engine's steps costs the process of its client, by hand-made steps.

    python benchmarks/engine_log.py [--completions 128] [--repeats 300]

The last line of stdout is one JSON object: microseconds of a step of so many completions, the least
of all repeats, and of a law. `engine_step` of a real run to hold them against: `sampler/step_s` +
completions x `sampler/sequence_s` of its metrics.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from vllm.envs import disable_envs_cache, enable_envs_cache
from vllm.v1.engine import EngineCoreOutput
from vllm.v1.metrics.stats import (
    IterationStats,
    LoRARequestStates,
    RequestStateStats,
    SchedulerStats,
)

from rlsys.sampling.cpu_clock import cpu_clock
from rlsys.sampling.engine_log import EngineLog

_STEP_S = 0.02


def least_us(work: Callable[[], Any], repeats: int) -> float:
    """Microseconds of the quickest of so many calls."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--completions", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=300)
    arguments = parser.parse_args()
    outputs = [EngineCoreOutput(str(i), [5]) for i in range(arguments.completions)]
    requests = [RequestStateStats() for _ in outputs]
    adapters = LoRARequestStates()

    def made() -> IterationStats:
        """As vLLM makes the figures of a step in which each completion gets a token."""
        stats = IterationStats()
        for output, request in zip(outputs, requests, strict=True):
            now = request.last_token_ts + _STEP_S
            stats.update_from_output(output, now, False, request, adapters, None)
        return stats

    no_config: Any = None
    log = EngineLog(no_config)
    log.clock = cpu_clock(os.getpid())
    scheduled, iteration = SchedulerStats(), made()
    buckets = Histogram("token_s", "of a token", registry=CollectorRegistry())

    def observed() -> None:
        """The dearest part of vLLM's Prometheus logger."""
        for seconds in iteration.inter_token_latencies_iter:
            buckets.observe(seconds)

    disable_envs_cache()
    found = {"vllm_as_it_comes_us": least_us(made, arguments.repeats)}
    found["prometheus_us"] = least_us(observed, arguments.repeats)
    enable_envs_cache()
    found["vllm_us"] = least_us(made, arguments.repeats)
    found["record_us"] = least_us(lambda: log.record(scheduled, iteration), arguments.repeats)
    for number in range(2000):
        log.timed.add(1 + number % 200, number % 7 == 0, 0.005 + 1e-4 * (number % 200))
    found["law_us"] = least_us(log.timed.law, 20)
    print(json.dumps({name: round(us, 1) for name, us in found.items()}))


if __name__ == "__main__":
    main()
