"""vLLM's own trainer engines with stand-ins for GPUs: who is asked for what, and in which order."""

from collections.abc import Iterator
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


def sender(monkeypatch: pytest.MonkeyPatch, rank: int) -> tuple[Any, Client, Group]:
    from rlsys.weights.vllm_sender import BucketSource, Meeting, VllmSender

    client, group = Client(), Group()
    monkeypatch.setattr(nccl_engine, "open_trainer_endpoint", lambda info: group)
    source = BucketSource(SHAPES, torch.float32, gathered)
    meeting = Meeting(rank, "10.0.0.1", 4321, num_gpus=6)
    made = VllmSender(Transport.nccl, meeting, source, client, bucket_bytes=8)
    return made, client, group


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
    # Seven in all; the largest tensor, a, has 24 bytes and the bucket only 8.
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
