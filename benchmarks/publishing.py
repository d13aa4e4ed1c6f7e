"""What it gains that weights leave for the store beside the learner's next step.

    python benchmarks/publishing.py [--shape 1536x12] [--tokens 128] [--repeats 6] [--sampler]

A learner's process on the CPU has weights of 1.5 GB and computes rows forward and backward. In
turns it publishes before the next step, as a run on CPUs does (`stopped`), and from a copy, on a
thread while the next step computes (`beside`, weights.publish=beside_step). `--sampler` keeps
another core busy, as sampling does. The last line of stdout is one JSON object, medians in seconds:

- `pause`: from the end of a step until the next one may begin: the whole publish, or the copy.
- `step`: the next step's forward and backward.
- `both`: from the end of a step until the next one is done: what a run's steps are made of.
- `stored`: until the samplers can be told of the version.
"""

import argparse
import json
import logging
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray
import torch
from weights import ONE_THREAD, write_policy

from actors.learner_rank import STREAMING_COPIES, put_pieces
from rlsys.weights.bundle import Manifest, Named, pack, plan_buckets
from rlsys.weights.copied_weights import CopiedWeights

Sent = tuple[Manifest, list[ray.ObjectRef]]
_COLD_ROUNDS = 4
"""The store's pages are touched for the first time in these."""


@ray.remote(num_cpus=0, runtime_env={"env_vars": ONE_THREAD | STREAMING_COPIES})
class Learner:
    """A policy that is computed with and published."""

    def __init__(self, policy: Path, bucket_mib: int, num_tokens: int) -> None:
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(1)
        self.model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32)
        self.named = [(name, p.detach()) for name, p in self.model.named_parameters()]
        self.plan = plan_buckets([t.nbytes for _, t in self.named], bucket_mib << 20)
        self.copied = CopiedWeights()
        self.ids = torch.arange(num_tokens)[None] % self.model.config.vocab_size
        self.thread = ThreadPoolExecutor(max_workers=1)

    def round(self, beside: bool) -> dict[str, float]:
        """A publish and a step."""
        started = time.monotonic()
        if beside:
            self.copied.copy(1, self._buckets())
            storing = self.thread.submit(self._stored, lambda: self.copied.send(1, put_pieces))
        else:
            stored_at, self.refs = self._stored(lambda: pack(1, self._buckets(), put_pieces))
        paused = time.monotonic()
        self.model(self.ids, labels=self.ids).loss.backward()
        stepped = time.monotonic()
        if beside:
            stored_at, self.refs = storing.result()
        return {
            "pause": paused - started,
            "step": stepped - paused,
            "both": stepped - started,
            "stored": stored_at - started,
        }

    def _buckets(self) -> Iterator[list[Named]]:
        return ([self.named[i] for i in indices] for indices in self.plan)

    def _stored(self, sent: Callable[[], Sent]) -> tuple[float, list[ray.ObjectRef]]:
        _, refs = sent()
        return time.monotonic(), refs


def _busy() -> None:
    torch.set_num_threads(1)
    matrix = torch.randn(512, 512)
    while True:
        torch.mm(matrix, matrix)


def measure(policy: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Medians by way."""
    remote: Any = Learner
    learner = remote.remote(policy, 256, options.tokens)
    found: dict[str, list[dict[str, float]]] = {"stopped": [], "beside": []}
    for number in range(_COLD_ROUNDS + options.repeats):
        # The store has two versions, each in the place of the one before the last: both ways must
        # come to both places, of which one may lie in pages that are newer.
        for way in list(found)[:: -1 if number % 2 else 1]:
            one = ray.get(learner.round.remote(way == "beside"))
            print(number, way, {name: round(value, 3) for name, value in one.items()}, flush=True)
            found[way].append(one)
    return {
        way: {
            name: round(statistics.median(one[name] for one in rounds[_COLD_ROUNDS:]), 3)
            for name in rounds[0]
        }
        for way, rounds in found.items()
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="1536x12", help="HIDDENxLAYERS")
    parser.add_argument("--tokens", type=int, default=128, help="of a step's row")
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--sampler", action="store_true", help="another core is busy")
    options = parser.parse_args()
    sampler = multiprocessing.Process(target=_busy, daemon=True)
    if options.sampler:
        sampler.start()
    with tempfile.TemporaryDirectory() as folder:
        write_policy(options.shape, Path(folder))
        ray.init(address="local", logging_level=logging.ERROR, object_store_memory=5 << 30)
        try:
            print(json.dumps(measure(Path(folder), options)))
        finally:
            ray.shutdown()
            if options.sampler:
                sampler.terminate()


if __name__ == "__main__":
    main()
