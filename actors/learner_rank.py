"""A learner rank: a LearnerEngine as a Ray actor. Rank 0 also publishes, and writes samples."""

import socket
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from rlsys.config.schema import RunConfig
from rlsys.engines.deepspeed_setup import Rank
from rlsys.engines.learner_engine import LearnerEngine
from rlsys.engines.vllm_engine import Canary
from rlsys.errors import WeightSyncError
from rlsys.loop.clock import Clock, Times
from rlsys.loop.join import samples_table, training_batch
from rlsys.weights.bundle import Manifest


@dataclass(frozen=True)
class Span:
    """One group's rows in the batches of a learn call: indices into the call's batches."""

    rollouts: int
    scores: int
    reference: int | None
    row: int
    size: int


class LearnerRank:
    """Trains on what it is given; `learn`, `publish` and `save` are called on every rank."""

    def __init__(self, rank: int, model_path: str, config: RunConfig, samples: Path) -> None:
        self.rank, self.model_path, self.config, self.samples = rank, model_path, config, samples
        self.version = 0
        self.clock = Clock(idle="ready groups")
        self.writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="samples")
        self.written: Future[None] | None = None

    def address(self) -> tuple[str, int]:
        """This node's address and a free port, for the ranks to meet at."""
        with socket.socket() as probe:
            probe.bind(("", 0))
            return ray.util.get_node_ip_address(), probe.getsockname()[1]

    def start(self, world_size: int, master_address: str, master_port: int) -> list[str]:
        """Meet the other ranks and load the policy; returns the names of its weights."""
        config = self.config
        self.engine = LearnerEngine(
            self.model_path,
            config.learner,
            config.algorithm,
            config.sampling.temperature,
            config.sampling.max_tokens,
            Rank(self.rank, world_size, master_address, master_port),
            config.run.seed,
        )
        self.clock = Clock(idle="ready groups")
        return self.engine.weight_names()

    def learn(
        self,
        step: int,
        version: int,
        spans: list[Span],
        advantages: np.ndarray,
        rewards: np.ndarray,
        trained: np.ndarray,
        *batches: pa.RecordBatch,
    ) -> dict[str, float]:
        """One optimizer step; see LearnerEngine.step. Arrays are [N], rows in span order."""
        with self.clock.busy():
            rollouts = [batches[s.rollouts].slice(s.row, s.size) for s in spans]
            references = [
                batches[s.reference].slice(s.row, s.size) for s in spans if s.reference is not None
            ]
            batch = training_batch(rollouts, references or None, advantages, rewards, trained)
            metrics = self.engine.step(batch, version)
            self.version = version + 1
            if self.rank == 0:
                scores = [batches[s.scores].slice(s.row, s.size) for s in spans]
                self._write_samples(samples_table(rollouts, scores, step), step)
        return metrics

    def _write_samples(self, table: pa.Table, step: int) -> None:
        """On a thread: the disk must not hold up training, and its errors must not be lost."""
        if self.written:
            self.written.result()
        path = self.samples / f"step-{step:06d}.parquet"
        self.written = self.writer.submit(pq.write_table, table, path, compression="zstd")

    @ray.method(num_returns=2)
    def publish(
        self, version: int, canary_ids: list[int]
    ) -> tuple[tuple[Manifest, Canary] | None, np.ndarray | None]:
        """The weights as a bundle, with the canary's logprobs under them; from rank 0."""
        if version != self.version:
            raise WeightSyncError(
                f"learner-{self.rank} holds version {self.version} and was asked for {version}"
            )
        with self.clock.busy():
            bundle = self.engine.publish(version)
            canary = self.engine.canary(canary_ids)
        if bundle is None:
            return None, None
        manifest, buffer = bundle
        return (manifest, canary), buffer

    def save(self, folder: Path) -> None:
        """This rank's part of a checkpoint, and every sample written so far."""
        with self.clock.busy():
            if self.written:
                self.written.result()
            self.engine.save(folder, self.model_path)

    def times(self) -> Times:
        """Busy and waits since the start."""
        return self.clock.times()

    def shutdown(self) -> None:
        """Wait for the last samples to be on disk."""
        self.writer.shutdown(wait=True)
