import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsys.errors import WeightSyncError
from rlsys.weights import bundle
from rlsys.weights.bundle import Manifest, Named, check_names, found, plan_buckets, unpack

TENSORS = {
    "embed": torch.arange(12, dtype=torch.float32).reshape(3, 4) / 7,
    "norm": torch.tensor([1.0, -2.5, 3.140625], dtype=torch.bfloat16),
    "half": torch.tensor([[0.1], [65504.0]], dtype=torch.float16),
    "scale": torch.tensor(2.5, dtype=torch.float64),
    "codes": torch.tensor([-128, 127], dtype=torch.int8),
    "steps": torch.tensor([2**40], dtype=torch.int64),
    "flags": torch.tensor([True, False, True]),
}


def stored(pieces: list[np.ndarray]) -> list[np.ndarray]:
    """Copies one after another, each at the next multiple of 64 bytes, as a store may hold them."""
    starts = np.cumsum([0] + [-(-piece.nbytes // 64) * 64 for piece in pieces])
    memory = np.zeros(starts[-1], dtype=np.uint8)
    copies = [memory[s : s + p.nbytes] for s, p in zip(starts[:-1], pieces, strict=True)]
    for copy, piece in zip(copies, pieces, strict=True):
        copy[:] = piece
    return copies


def pack(version: int, tensors: Iterable[Named]) -> tuple[Manifest, list[np.ndarray]]:
    """Two buckets, the first of three tensors, as they were found in the store."""
    named = list(tensors)
    placed, spans = found(*bundle.pack(version, [named[:3], named[3:]], stored))
    return placed, [span.copy() for span in spans]


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype is tensor.dtype
        assert found[name].shape == tensor.shape
        assert torch.equal(found[name], tensor)


def test_every_dtype_and_shape_survives_the_buffer() -> None:
    manifest, buckets = pack(7, TENSORS.items())
    assert manifest.version == 7
    assert [b.dtype for b in buckets] == [np.uint8, np.uint8]
    # Tensors of 48, 6 and 4 bytes, each in a block of 64 but the last; then of 8, 2, 8 and 3.
    assert manifest.bucket_bytes == (132, 195)
    assert manifest.total_bytes == 48 + 6 + 4 + 8 + 2 + 8 + 3
    assert_same(dict(unpack(manifest, buckets)), TENSORS)


def test_tensors_are_found_where_the_store_put_them() -> None:
    manifest, _ = pack(0, TENSORS.items())
    places = [(t.bucket, t.offset) for t in manifest.tensors]
    assert places == [(0, 0), (0, 64), (0, 128), (1, 0), (1, 64), (1, 128), (1, 192)]


def test_buckets_are_filled_in_order_and_a_larger_tensor_is_alone() -> None:
    assert plan_buckets([100, 100, 100, 1000, 1, 1], 256) == [[0, 1], [2], [3], [4, 5]]
    assert plan_buckets([], 256) == []


def test_a_bucket_is_asked_for_when_the_one_before_has_been_sent() -> None:
    weight = torch.zeros(2)
    sent = []

    def buckets() -> Iterator[list[Named]]:
        for number in range(3):
            weight.fill_(number)  # as ZeRO-3 does: the tensors live until the next bucket
            yield [(f"w{number}", weight)]

    def send(pieces: list[np.ndarray]) -> int:
        sent.append([piece.view(np.float32).tolist() for piece in pieces])
        return len(sent)

    manifest, results = bundle.pack(0, buckets(), send)
    assert sent == [[[0.0, 0.0]], [[1.0, 1.0]], [[2.0, 2.0]]]
    assert results == [1, 2, 3]
    assert [t.bucket for t in manifest.tensors] == [0, 1, 2]
    # Two float32 are one word of 8 bytes: 8, and twice the bits of 1.0 or 2.0.
    assert [t.fingerprint for t in manifest.tensors] == [
        8,
        8 + 0x3F800000_3F800000,
        8 + 0x40000000_40000000,
    ]


def test_large_tensors_travel_in_pieces_of_one_mebibyte_of_the_learners_own_memory() -> None:
    weight = torch.arange(600_000, dtype=torch.float32)
    _, (pieces,) = bundle.pack(0, [[("w", weight)]], lambda pieces: pieces)
    assert [piece.nbytes for piece in pieces] == [1 << 20, 1 << 20, 2_400_000 - (2 << 20)]
    assert np.shares_memory(pieces[0], weight.numpy())


def large(pieces: list[np.ndarray]) -> np.ndarray:
    """One tensor's pieces as a store would hold them, in one memory."""
    return np.concatenate(pieces)


def test_a_tensor_in_pieces_is_one_span_of_the_stores_memory() -> None:
    weight = torch.arange(600_000, dtype=torch.float32)
    manifest, (memory,) = bundle.pack(0, [[("w", weight)]], large)
    placed, (span,) = found(
        manifest, [[memory[: 1 << 20], memory[1 << 20 : 2 << 20], memory[2 << 20 :]]]
    )
    assert np.shares_memory(span, memory)
    assert_same(dict(unpack(placed, [memory])), {"w": weight})


def test_a_piece_that_is_missing_or_elsewhere_names_its_tensor() -> None:
    weight = torch.arange(600_000, dtype=torch.float32)
    manifest, (memory,) = bundle.pack(2, [[("w", weight)]], large)
    first, second, third = memory[: 1 << 20], memory[1 << 20 : 2 << 20], memory[2 << 20 :]
    with pytest.raises(
        WeightSyncError, match="version 2: tensor w arrived with 2097152 bytes, pub"
    ):
        found(manifest, [[first, second]])
    with pytest.raises(WeightSyncError, match="version 2: tensor w does not lie in one span"):
        found(manifest, [[first, second.copy(), third]])


def test_a_failure_of_sending_is_the_senders_error() -> None:
    def full(pieces: list[np.ndarray]) -> None:
        raise MemoryError("the store is full")

    with pytest.raises(MemoryError, match="the store is full"):
        bundle.pack(0, [[("w", torch.ones(1))]], full)


def test_a_copy_that_differs_from_the_learners_tensor_is_named() -> None:
    """Altered at the sender, after its fingerprint was taken."""

    def send(pieces: list[np.ndarray]) -> list[np.ndarray]:
        copies = stored(pieces)
        copies[1][0] ^= 1
        return copies

    placed, spans = found(*bundle.pack(4, [list(TENSORS.items())], send))
    with pytest.raises(WeightSyncError, match="version 4: tensor norm was altered"):
        dict(unpack(placed, [span.copy() for span in spans]))


def test_transposed_and_sliced_tensors_are_packed_by_value() -> None:
    wide = torch.arange(24.0).reshape(4, 6)
    tensors = {"transposed": wide.T, "strided": wide[:, ::2], "parameter": torch.nn.Parameter(wide)}
    manifest, buckets = pack(0, tensors.items())
    assert_same(dict(unpack(manifest, buckets)), tensors)


def test_unpacked_tensors_are_views_of_the_buckets() -> None:
    manifest, buckets = pack(0, [("weight", torch.ones(3))])
    ((_, view),) = unpack(manifest, buckets)
    view.fill_(2.0)
    assert buckets[0][:12].view(np.float32).tolist() == [2.0, 2.0, 2.0]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    which=st.sampled_from(sorted(TENSORS)), position=st.integers(0, 10**6), bit=st.integers(0, 7)
)
def test_an_altered_bit_names_its_tensor(which: str, position: int, bit: int) -> None:
    manifest, buckets = pack(7, TENSORS.items())
    (record,) = [t for t in manifest.tensors if t.name == which]
    buckets[record.bucket][record.offset + position % record.num_bytes] ^= 1 << bit
    with pytest.raises(WeightSyncError, match=f"version 7: tensor {which} was altered"):
        dict(unpack(manifest, buckets))


def test_two_tensors_changed_places_are_noticed() -> None:
    manifest, buckets = pack(1, [("a", torch.zeros(4)), ("b", torch.ones(4))])
    a, b = manifest.tensors
    swapped = replace(manifest, tensors=(replace(a, offset=b.offset), replace(b, offset=a.offset)))
    with pytest.raises(WeightSyncError, match="tensor a was altered"):
        dict(unpack(swapped, buckets))


def test_a_bucket_that_does_not_arrive_is_noticed() -> None:
    manifest, (first, second) = bundle.pack(
        3, [[("a", torch.ones(1))], [("b", torch.ones(1))]], stored
    )
    with pytest.raises(WeightSyncError, match="version 3: 1 buckets arrived, published were 2"):
        found(manifest, [first])
    with pytest.raises(WeightSyncError, match="version 3: tensor b arrived with 0 bytes"):
        found(manifest, [first, second[:0]])


def test_a_span_shorter_than_the_manifest_says_is_refused() -> None:
    manifest, (first, second) = pack(3, TENSORS.items())
    with pytest.raises(WeightSyncError, match=r"buckets of \[132, 131\] bytes arrived, published"):
        dict(unpack(manifest, [first, second[:-64]]))


def test_a_manifest_travels_as_plain_json() -> None:
    manifest, buckets = pack(7, TENSORS.items())
    again = Manifest.from_dict(json.loads(json.dumps(manifest.to_dict())))
    assert again == manifest
    assert_same(dict(unpack(again, buckets)), TENSORS)


def test_expected_names_are_accepted_in_any_order() -> None:
    manifest, _ = pack(0, TENSORS.items())
    check_names(manifest, reversed(TENSORS))


def test_a_missing_tensor_is_named() -> None:
    manifest, _ = pack(5, TENSORS.items())
    with pytest.raises(WeightSyncError, match=r"version 5: missing tensors \['lm_head'\], unknown"):
        check_names(manifest, [*TENSORS, "lm_head"])


def test_a_tensor_that_nobody_expects_is_named() -> None:
    manifest, _ = pack(5, TENSORS.items())
    with pytest.raises(WeightSyncError, match=r"unknown tensors \['codes'\] \(0 and 1 in all\)"):
        check_names(manifest, set(TENSORS) - {"codes"})
