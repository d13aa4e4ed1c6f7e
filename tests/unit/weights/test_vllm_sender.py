"""vLLM's own trainer engines with stand-ins for GPUs: who is asked for what, and in which order."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from rlsys.config.run import Transport
from rlsys.weights.bundle import Named
from rlsys.weights.fingerprint import fingerprint

pytestmark = pytest.mark.slow

nccl_engine = pytest.importorskip("vllm.distributed.weight_transfer.nccl_engine")

WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(5), "c": torch.zeros(4)}
SHAPES = {name: tuple(tensor.shape) for name, tensor in WEIGHTS.items()}


class Client:
    """Notes what the engines are asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self.calls.append(("init", init_info))

    def start_weight_update(self) -> None:
        self.calls.append(("start", None))

    def update_weights(self, update_info: dict[str, Any]) -> None:
        self.calls.append(("update", update_info))

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self.calls.append(("finish", weight_version))


class Group:
    """A process group of one, that keeps what is broadcast."""

    def __init__(self) -> None:
        self.sent: list[torch.Tensor] = []

    def broadcast(self, tensor: torch.Tensor, src: int, stream: Any = None) -> None:
        self.sent.append(tensor.clone())


def gathered() -> Iterator[list[Named]]:
    """Two buckets in the same memory, as ZeRO-3 may gather them."""
    memory = torch.empty(11)
    for names in (["a", "b"], ["c"]):
        parts = memory.split(
            [WEIGHTS[n].numel() for n in names] + [11 - sum(WEIGHTS[n].numel() for n in names)]
        )
        bucket = [(n, p.view(SHAPES[n])) for n, p in zip(names, parts, strict=False)]
        for name, part in bucket:
            part.copy_(WEIGHTS[name])
        yield bucket


def sender(
    monkeypatch: pytest.MonkeyPatch, rank: int, bucket_bytes: int = 48
) -> tuple[Any, Client, Group]:
    from rlsys.weights.vllm_sender import BucketSource, Meeting, VllmSender, piece_bytes

    client, group = Client(), Group()
    monkeypatch.setattr(nccl_engine, "open_trainer_endpoint", lambda info: group)
    largest = piece_bytes(Transport.nccl, bucket_bytes)
    source = BucketSource(SHAPES, dict.fromkeys(SHAPES, torch.float32), gathered, largest)
    meeting = Meeting(rank, "10.0.0.1", 4321, num_gpus=6)
    return VllmSender(Transport.nccl, meeting, source, client), client, group


def packed_on_cpu(iterator: Any, group: Group, src: int, post_iter_func: Any, **sizes: int) -> None:
    """In place of vLLM's packing on CUDA streams: everything at once."""
    tensors = [post_iter_func(item) for item in iterator]
    group.broadcast(torch.cat([t.reshape(-1) for t in tensors]), src)


def test_rank_0_meets_the_engines_with_the_wires_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, client, _ = sender(monkeypatch, rank=0)
    ((name, info),) = client.calls
    assert name == "init"
    # Seven in all; half of a bucket of 48 bytes, which is the largest tensor, a.
    assert info["world_size"] == 7
    assert (info["master_address"], info["master_port"]) == ("10.0.0.1", 4321)
    assert (info["packed"], info["packed_buffer_size_bytes"]) == (True, 24)


def test_a_publish_sends_every_tensor_and_says_what_it_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, client, group = sender(monkeypatch, rank=0)
    monkeypatch.setattr(nccl_engine, "packed_nccl_broadcast_producer", packed_on_cpu)
    for version in (1, 2):
        client.calls.clear()
        manifest = made.send(version)
        assert [name for name, _ in client.calls] == ["start", "update", "finish"]
        assert client.calls[1][1] == {
            "names": ["a", "b", "c"],
            "dtype_names": ["float32"] * 3,
            "shapes": [[2, 3], [5], [4]],
        }
        assert manifest.version == version
        expected = {name: fingerprint(tensor) for name, tensor in WEIGHTS.items()}
        assert {t.name: t.fingerprint for t in manifest.tensors} == expected
        # 15 numbers of 4 bytes.
        assert manifest.total_bytes == 60
        assert group.sent[-1].tolist() == [0, 1, 2, 3, 4, 5, 1, 1, 1, 1, 1, 0, 0, 0, 0]


def test_the_other_ranks_gather_and_ask_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made, client, group = sender(monkeypatch, rank=1)
    manifest = made.send(1)
    assert [t.name for t in manifest.tensors] == ["a", "b", "c"]
    assert client.calls == []
    assert group.sent == []


def test_nothing_is_sent_before_the_learners_step_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rlsys.weights import vllm_sender

    made, client, _ = sender(monkeypatch, rank=0)
    client.calls.clear()
    monkeypatch.setattr(nccl_engine, "packed_nccl_broadcast_producer", packed_on_cpu)
    monkeypatch.setattr(vllm_sender, "_finish_step", lambda: client.calls.append(("wait", None)))
    made.send(1)
    assert [name for name, _ in client.calls] == ["wait", "start", "update", "finish"]


class Stream:
    """In place of a CUDA stream: everything is done at once."""

    def synchronize(self) -> None:
        """Nothing is left to wait for."""


class Arriving:
    """The receivers' end of a Group."""

    def __init__(self, group: Group) -> None:
        self.coming = iter(group.sent)

    def broadcast(self, tensor: torch.Tensor, src: int, stream: Any = None) -> None:
        tensor.copy_(next(self.coming))


def test_proofs_are_read_when_everything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is read between two chunks makes the second wait for the first."""
    from rlsys.weights import vllm_sender

    made, client, _ = sender(monkeypatch, rank=0)
    monkeypatch.setattr(nccl_engine, "packed_nccl_broadcast_producer", packed_on_cpu)

    class Late:
        def result(self) -> int:
            client.calls.append(("proof", None))
            return 7

    monkeypatch.setattr(vllm_sender, "proof", lambda tensor: Late())
    client.calls.clear()
    manifest = made.send(1)
    assert [name for name, _ in client.calls] == ["start", "update", "finish"] + ["proof"] * 3
    assert [record.fingerprint for record in manifest.tensors] == [7] * 3


class Reading:
    """A stream on which a chunk is packed; the log says what it waits for and reads."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def wait_event(self, event: Any) -> None:
        self.log.append(f"{self.name} waits for what {event.stream.name} gathered")


class Gathered:
    def record(self, stream: Reading) -> None:
        self.stream = stream


class Held(torch.Tensor):
    """Its memory stays for the streams that read it."""

    def record_stream(self, stream: Any) -> None:
        stream.log.append(f"kept for {stream.name}")


def test_a_bucket_that_goes_into_two_chunks_is_read_by_both_streams_when_it_is_gathered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rlsys.weights.vllm_sender import BucketSource

    log: list[str] = []
    first, second = Reading("first", log), Reading("second", log)
    current = [first]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: current[0])
    monkeypatch.setattr(torch.cuda, "Event", Gathered)
    bucket = [(name, WEIGHTS[name].as_subclass(Held)) for name in ("a", "b")]
    coming = iter(
        BucketSource(SHAPES, dict.fromkeys(SHAPES, torch.float32), lambda: iter([bucket]), 1 << 20)
    )
    assert next(coming)[0] == "a"
    log.clear()
    current[0] = second
    assert next(coming)[0] == "b"
    assert set(log) == {"second waits for what first gathered", "kept for second"}
    assert log[0] == "second waits for what first gathered"


@pytest.mark.parametrize("bucket_bytes", [8, 16, 24, 40, 64, 4096])
def test_no_chunk_of_vllms_own_packing_is_larger_than_a_bucket(
    monkeypatch: pytest.MonkeyPatch, bucket_bytes: int
) -> None:
    """A row of the widest tensor has 12 bytes, which is what a bucket of 8 has to carry at once."""
    from vllm.distributed.weight_transfer import packed_tensor

    from rlsys.weights.pieces import Joiner

    monkeypatch.setattr(packed_tensor, "_get_streams", lambda _, count: (Stream(),) * count)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.accelerator, "current_device_index", lambda: 0)
    made, client, group = sender(monkeypatch, 0, bucket_bytes)
    manifest = made.send(1)
    assert max(chunk.nbytes for chunk in group.sent) <= max(bucket_bytes, 2 * 12)
    assert [record.shape for record in manifest.tensors] == [(2, 3), (5,), (4,)]

    loaded: dict[str, torch.Tensor] = {}

    def load(tensors: Iterable[Named]) -> None:
        loaded.update(tensors)

    (_, wires), (_, update) = client.calls[0], client.calls[2]
    described = zip(update["names"], update["shapes"], strict=True)
    packed_tensor.packed_nccl_broadcast_consumer(
        iterator=iter([(name, (shape, torch.float32)) for name, shape in described]),
        group=Arriving(group),
        src=0,
        post_unpack_func=Joiner(load).load,
        buffer_size_bytes=wires["packed_buffer_size_bytes"],
        device="cpu",
    )
    assert loaded.keys() == WEIGHTS.keys()
    assert all(torch.equal(loaded[name], WEIGHTS[name]) for name in WEIGHTS)
