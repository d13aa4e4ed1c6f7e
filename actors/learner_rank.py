"""A learner rank: a Learner as a Ray actor. Rank 0 also publishes, and writes samples."""

import socket
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from pickle import PickleBuffer
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import ray

from actors.member import Member
from actors.rollout_client import RolloutClient
from actors.spans import Span, rows_of
from rlsys.config.adapter import learner_is_reference
from rlsys.config.algorithm import is_per_token
from rlsys.config.run import LearnerConfig, RolloutConfig, WeightsConfig
from rlsys.determinism import make_deterministic
from rlsys.disk import write_table
from rlsys.errors import WeightSyncError
from rlsys.imports import imports
from rlsys.learning.join import (
    annotated,
    read_kept,
    samples_table,
    spread,
    training_batch,
    write_kept,
)
from rlsys.learning.nccl import limit_collectives
from rlsys.learning.tasks import ReinforcementTask, Task
from rlsys.network import free_port
from rlsys.roles import Annotations
from rlsys.run.folder import require_mark
from rlsys.watch.accounting import TURN, Accounting
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary

if TYPE_CHECKING:
    from rlsys.learning.checkpoint import Copied
    from rlsys.weights.vllm_sender import VllmSender


Head = tuple[tuple[Manifest, Canary] | None, list[ray.ObjectRef]]
"""What a publish returns, from rank 0: what was published, and where it lies in the store."""
STREAMING_COPIES = {"GLIBC_TUNABLES": "glibc.cpu.x86_non_temporal_threshold=1000000"}
"""Environment of a process that publishes: glibc copies 1 MB and more past the caches, which is
twice as fast on x86, since memory that is overwritten whole need not be read first. By itself it
does so from 3/4 of the cache it believes in: 192 MB on some virtual machines."""

KEPT = "kept"
"""Folder of a checkpoint with what was sampled and not yet trained."""


@dataclass(frozen=True)
class RankSettings:
    """What a rank needs of a run's settings beside its task."""

    learner: LearnerConfig
    weights: WeightsConfig
    rollout: RolloutConfig
    """Of those who are given the weights."""
    peer_timeout_s: float
    deterministic: bool


class LearnerRank(Member):
    """Trains on what it is given; all but `restore`, `write_samples` and
    `publish_copy` is asked of every rank."""

    def __init__(
        self,
        rank: int,
        model_path: str,
        task: Task,
        settings: RankSettings,
        samples: Path,
    ) -> None:
        self.rank, self.model_path, self.samples = rank, model_path, samples
        self.task, self.settings = task, settings
        self.version = 0
        self.sender: VllmSender | None = None
        """For vLLM's own transports, once samplers have been met."""
        self.met: Mapping[str, int] = {}
        """Those that were met."""
        self.accounting = Accounting(idle=task.idle)
        self.turn = ExitStack()
        """Open while the samplers have the GPU."""
        self.writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="samples")
        self.written: Future[None] | None = None
        self.copied: Copied | None = None
        """A state on its way into a checkpoint."""

    def address(self) -> tuple[str, int]:
        """This node's address and a free port, for the ranks to meet at."""
        return ray.util.get_node_ip_address(), free_port()

    def find_folder(self, token: str) -> None:
        """See that the run's folder is the driver's own: samples and checkpoints are written here.

        Raises:
            ConfigError: it is another, or none.
        """
        require_mark(self.samples, token, f"learner-{self.rank} on {socket.gethostname()}")

    def start(
        self,
        world_size: int,
        master_address: str,
        master_port: int,
        canary_ids: list[int],
        checkpoint: Path | None = None,
        version: int = 0,
    ) -> tuple[list[str], Canary | None]:
        """Meet the other ranks and load the policy, and the state that `save` left in a
        checkpoint of `version`; returns the names of the policy's weights, and the canary's
        logprobs under those that the model has on disk; None where it is no policy."""
        # Not at the top: the driver, which makes this class an actor, computes nothing.
        with imports():
            from rlsys.learning.checkpoint import load
            from rlsys.learning.ranks import Ranks
            from rlsys.learning.weights_out import WeightsOut
        settings = self.settings
        if settings.deterministic:
            make_deterministic()
        ranks = Ranks(self.rank, world_size, master_address, master_port, settings.learner)
        self.learner = self.task.learner(self.model_path, ranks)
        self.weights_out = WeightsOut(self.learner.policy, ranks)
        self.learner.prove_packing(canary_ids)
        canary = self.weights_out.canary(canary_ids) if self.task.is_of_policy else None
        if checkpoint:
            load(checkpoint, self.learner)
        if settings.learner.gpus:
            limit_collectives(settings.peer_timeout_s)
        self.version = version
        self.accounting = Accounting(idle=self.task.idle)
        return list(self.weights_out.shapes()), canary

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
        """One optimizer step; see Learner.step. Arrays are [N], rows in span order."""
        assert isinstance(self.task, ReinforcementTask)
        with self.accounting.busy():
            groups = [rows_of(span, batches) for span in spans]
            if self._says_reference():
                groups = annotated(groups, self.learner.score_reference)
            batch = training_batch(groups, self.task.columns, advantages, rewards, trained)
            metrics = self.learner.step(batch, version)
            self.version = version + 1
            if self.rank == 0:
                per_token = is_per_token(self.task.algorithm.advantage.estimator)
                table = samples_table(
                    groups,
                    step,
                    advantages=None if per_token else np.where(trained, advantages, np.nan),
                    trained=spread(self.learner.trained, trained),
                )
                self._write_samples(table, step)
        return metrics

    def _says_reference(self) -> bool:
        """Whether the objective reads what the reference says, and the learner is that one."""
        task = self.task
        assert isinstance(task, ReinforcementTask)
        return task.asks_reference and learner_is_reference(self.settings.learner, task.algorithm)

    def sleep(self) -> None:
        """Give the GPU to the samplers: what learning needs lies in the CPU's memory until
        `wake_up`."""
        from rlsys.learning.offloading import offload

        self.turn.enter_context(self.accounting.waiting(TURN))
        offload(self.learner)

    def wake_up(self) -> None:
        """Have the GPU again."""
        from rlsys.learning.offloading import reload

        reload(self.learner)
        self.turn.close()

    def fit(self, version: int, batch: pa.RecordBatch) -> dict[str, float]:
        """One step on a batch that is the same on every rank; see Learner.step."""
        with self.accounting.busy():
            metrics = self.learner.step(batch, version)
            self.version = version + 1
        return metrics

    def measure(self, batch: pa.RecordBatch) -> dict[str, float]:
        """The objective's figures on a batch; see Learner.measure."""
        with self.accounting.busy():
            return self.learner.measure(batch, self.version)

    def _write_samples(self, table: pa.Table, step: int) -> None:
        """On a thread: the disk must not hold up training, and its errors must not be lost."""
        if self.written:
            self.written.result()
        path = self.samples / f"step-{step:06d}.parquet"
        self.written = self.writer.submit(write_table, table, path)

    @ray.method(concurrency_group="disk")
    def write_samples(
        self,
        file: str,
        step: int,
        split: str,
        reasons: list[str],
        spans: list[Span],
        *batches: pa.RecordBatch,
    ) -> None:
        """Completions that no `learn` brings along, to a file below the samples; see Untrained.
        Beside learning, which does not wait for it."""
        groups = [rows_of(span, batches) for span in spans]
        write_table(samples_table(groups, step, split, reasons), self.samples / file)

    @ray.method(num_returns=2)
    def publish(self, version: int, canary_ids: list[int], recipients: Mapping[str, int]) -> Head:
        """The manifest with the canary's logprobs, and refs of the buckets; from rank 0.

        Args:
            recipients: rollout workers to send to by vLLM's own transports, each by its name with
                how many have had that name; none: into the store.
        """
        self._require(version)
        return self._publish(version, canary_ids, recipients)

    @ray.method(num_returns=2)
    def publish_stored(self, version: int, canary_ids: list[int]) -> Head:
        """As `publish`, into the store; nothing where another version is held by now."""
        return self._publish(version, canary_ids, {}) if version == self.version else (None, [])

    def copy_weights(self, version: int, canary_ids: list[int]) -> Canary:
        """Copy the weights, for `publish_copy` while the rank goes on; the canary's logprobs under
        them."""
        self._require(version)
        with self.accounting.busy():
            self.weights_out.copy(version, self.settings.weights.bucket_mib << 20)
            return self.weights_out.canary(canary_ids)

    @ray.method(concurrency_group="weights", num_returns=2)
    def publish_copy(self, version: int) -> tuple[Manifest, list[ray.ObjectRef]]:
        """What was copied, into the store: the manifest, and refs of the buckets. Asked of rank 0
        alone, beside learning, which does not wait for it."""
        return self.weights_out.publish_copy(version, put_pieces)

    def _require(self, version: int) -> None:
        if version != self.version:
            raise WeightSyncError(
                f"learner-{self.rank} holds version {self.version} and was asked for {version}"
            )

    def _publish(self, version: int, canary_ids: list[int], recipients: Mapping[str, int]) -> Head:
        with self.accounting.busy():
            published = self._send(version, recipients)
            canary = self.weights_out.canary(canary_ids)
        if published is None:
            return None, []
        manifest, buckets = published
        return (manifest, canary), buckets

    def _send(
        self, version: int, recipients: Mapping[str, int]
    ) -> tuple[Manifest, list[ray.ObjectRef]] | None:
        """Into the store, or with vLLM's own transports into the samplers, without refs."""
        bucket_bytes = self.settings.weights.bucket_mib << 20
        if not recipients:
            return self.weights_out.publish(version, bucket_bytes, put_pieces)
        if self.sender is None or self.met != recipients:
            if self.sender is not None:
                self.sender.close()
            self.sender, self.met = self._connect(bucket_bytes, recipients), recipients
        manifest = self.sender.send(version)
        return (manifest, []) if self.rank == 0 else None

    def _connect(self, bucket_bytes: int, names: Collection[str]) -> "VllmSender":
        """These rollout workers' samplers and this rank meet."""
        # Only these transports need vLLM in the learner's process.
        from rlsys.weights.vllm_sender import BucketSource, Meeting, VllmSender, piece_bytes

        rollout, transport = self.settings.rollout, self.settings.weights.transport
        out = self.weights_out
        source = BucketSource(
            out.shapes(),
            out.dtypes(),
            lambda: out.buckets(bucket_bytes),
            piece_bytes(transport, bucket_bytes),
        )
        gpus_each = rollout.tensor_parallel
        meeting = Meeting(self.rank, *self.address(), len(names) * gpus_each)
        client = RolloutClient(names, gpus_each, transport, self.settings.peer_timeout_s)
        return VllmSender(transport, meeting, source, client)

    def copy_state(self, folder: Path) -> None:
        """Copy this rank's part of a checkpoint in `folder`, which `save` writes while the rank
        goes on."""
        from rlsys.learning.checkpoint import copied

        with self.accounting.busy():
            self.copied = copied(folder, self.learner, self.weights_out, self.model_path)

    @ray.method(concurrency_group="checkpoint")
    def save(self, folder: Path, spans: list[Span], *batches: pa.RecordBatch) -> None:
        """What was copied, once every sample written so far is on the disk; rank 0 also keeps the
        rows of `spans`."""
        copied, self.copied = self.copied, None
        assert copied is not None
        if self.written:
            self.written.result()
        if self.rank == 0:
            write_kept(folder / KEPT, [rows_of(span, batches) for span in spans])
        copied.write()

    def restore(self, folder: Path) -> list[Annotations]:
        """The rows that rank 0 kept in a checkpoint, in Ray's store again."""
        return [
            {role: ray.put(batch) for role, batch in group.items()}
            for group in read_kept(folder / KEPT)
        ]

    @ray.method(concurrency_group="control")
    def shutdown(self) -> None:
        """Wait for the last samples to be on disk."""
        self.writer.shutdown(wait=True)


def put_pieces(pieces: list[np.ndarray]) -> ray.ObjectRef:
    """Into Ray's store; what each costs beside its copy is half for a buffer of what it is for an
    array."""
    return ray.put([PickleBuffer(piece.data) for piece in pieces])
