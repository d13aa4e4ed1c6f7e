"""The learner's end of vLLM's own transports: NCCL broadcast and CUDA IPC.

vLLM's trainer engines drive the whole update: they ask the rollout workers to begin and to
receive, through a client, and meanwhile send what a weight source yields. The source here is the
learner's buckets. A fingerprint of each tensor is taken as it is sent and read when all are, so
nothing is gathered twice, and no tensor waits for another's proof. A large tensor goes in pieces.

Written against vLLM 0.32.0 and tested with stand-ins for the process group and the client; it
has not been run on GPUs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from vllm.distributed.weight_transfer.base import (
    ParamMeta,
    VLLMWeightSyncClient,
    WeightSource,
)
from vllm.distributed.weight_transfer.factory import WeightTransferTrainerFactory
from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo
from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

from rlsys.config.run import Transport
from rlsys.weights.bundle import Manifest, Named, TensorRecord
from rlsys.weights.fingerprint import Proof, proof
from rlsys.weights.pieces import Piece, pieces


@dataclass(frozen=True)
class Meeting:
    """Where learner and engines meet, and how many they are."""

    rank: int
    address: str
    port: int
    num_gpus: int
    """Of all rollout workers together; the learner's rank 0 is one more."""


def piece_bytes(transport: Transport, bucket_bytes: int) -> int:
    """Of the largest piece of a tensor, so that no chunk on the wire is larger than a bucket."""
    return bucket_bytes // 2 if transport is Transport.nccl else bucket_bytes


@dataclass
class BucketSource(WeightSource):
    """The learner's buckets, one fresh pass per publish.

    shapes: of the whole tensors, by name, in order.
    dtypes: of the same.
    gathered: makes the pass; its tensors live until the next bucket is asked for.
    piece_bytes: of what is sent at a time of a large tensor.
    """

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, torch.dtype]
    gathered: Callable[[], Iterator[list[Named]]]
    piece_bytes: int
    sent: list[tuple[str, torch.Tensor, Proof]] = field(default_factory=list)
    """Of the newest pass, the tensors as they are known without their bytes."""

    def pieces_of(self, name: str) -> list[Piece]:
        """In which a tensor goes."""
        return pieces(name, self.shapes[name], self.piece_bytes // self.dtypes[name].itemsize)

    @property
    def largest(self) -> int:
        """Bytes of the largest piece."""
        return max(
            piece.numel * self.dtypes[name].itemsize
            for name in self.shapes
            for piece in self.pieces_of(name)
        )

    def metadata(self) -> list[ParamMeta]:
        return [
            ParamMeta(piece.name, self.dtypes[name], piece.shape)
            for name in self.shapes
            for piece in self.pieces_of(name)
        ]

    def __iter__(self) -> Iterator[Named]:
        self.sent = []
        for bucket in self.gathered():
            ready = _Ready() if torch.cuda.is_available() else None
            for name, tensor in bucket:
                if ready:
                    ready.read(tensor)
                self.sent.append((name, tensor.to("meta"), proof(tensor)))
                for piece in self.pieces_of(name):
                    if ready:
                        ready.read(tensor)
                    part = tensor[piece.start : piece.stop] if tensor.dim() else tensor
                    # vLLM packs later than it asks: ZeRO-3 has let the bucket go by then.
                    yield piece.name, part.clone()


class _Ready:
    """A bucket that one stream has gathered, and others read: vLLM packs each chunk on a stream of
    its own, and a bucket goes into several. As nobody waits for the GPU between them, reading has
    to come after gathering, and memory that is let go to stay until it is read."""

    def __init__(self) -> None:
        self.gathered = torch.cuda.Event()
        self.gathered.record(torch.cuda.current_stream())

    def read(self, tensor: torch.Tensor) -> None:
        """Before the stream of this moment reads it."""
        stream = torch.cuda.current_stream()
        stream.wait_event(self.gathered)
        tensor.record_stream(stream)


class VllmSender:
    """One learner rank's end; every rank builds one and calls `send`, rank 0's bytes travel.

    Args:
        client: the line to the rollout workers.
    """

    def __init__(
        self,
        transport: Transport,
        meeting: Meeting,
        source: BucketSource,
        client: VLLMWeightSyncClient,
    ) -> None:
        # By NCCL a chunk goes on growing until it is above its size: by one piece at most.
        size = max(source.piece_bytes, source.largest)
        if transport is Transport.nccl:
            info: NCCLTrainerInitInfo | IPCTrainerInitInfo = NCCLTrainerInitInfo(
                master_address=meeting.address,
                master_port=meeting.port,
                world_size=1 + meeting.num_gpus,
                packed=True,
                packed_buffer_size_bytes=size,
                rank=meeting.rank,
            )
        else:
            info = IPCTrainerInitInfo(packed=True, packed_buffer_size_bytes=size, rank=meeting.rank)
        self.source = source
        self.engine = WeightTransferTrainerFactory.trainer_init(info, client=client, source=source)

    def send(self, version: int) -> Manifest:
        """Send all weights; the engines have received, and not yet proved, when this returns."""
        _finish_step()
        self.engine.send_weights()
        # The bytes are not in buckets, so no bucket has a size.
        return Manifest(version, (), tuple(_record(*sent) for sent in self.source.sent))

    def close(self) -> None:
        """Leave the group, for another one."""
        self.engine.shutdown()


def _finish_step() -> None:
    """vLLM reads on streams of its own, which do not wait for a step that is under way."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _record(name: str, tensor: torch.Tensor, proof: Proof) -> TensorRecord:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorRecord(name, dtype, tuple(tensor.shape), 0, 0, tensor.nbytes, proof.result())
