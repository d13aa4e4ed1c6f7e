import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsys.errors import WeightSyncError
from rlsys.weights.bundle import Manifest, check_names, pack, unpack

TENSORS = {
    "embed": torch.arange(12, dtype=torch.float32).reshape(3, 4) / 7,
    "norm": torch.tensor([1.0, -2.5, 3.140625], dtype=torch.bfloat16),
    "half": torch.tensor([[0.1], [65504.0]], dtype=torch.float16),
    "scale": torch.tensor(2.5, dtype=torch.float64),
    "codes": torch.tensor([-128, 127], dtype=torch.int8),
    "steps": torch.tensor([2**40], dtype=torch.int64),
    "flags": torch.tensor([True, False, True]),
}


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype is tensor.dtype
        assert found[name].shape == tensor.shape
        assert torch.equal(found[name], tensor)


def test_every_dtype_and_shape_survives_the_buffer() -> None:
    manifest, buffer = pack(7, TENSORS.items())
    assert manifest.version == 7
    assert buffer.dtype == np.uint8
    assert buffer.nbytes == manifest.total_bytes
    assert_same(dict(unpack(manifest, buffer)), TENSORS)


def test_tensors_begin_at_multiples_of_64_bytes_and_do_not_overlap() -> None:
    manifest, _ = pack(0, TENSORS.items())
    assert all(t.offset % 64 == 0 for t in manifest.tensors)
    ends = [t.offset + t.num_bytes for t in manifest.tensors]
    assert all(e <= t.offset for e, t in zip(ends[:-1], manifest.tensors[1:], strict=True))
    # 48 bytes of float32 lie in one block of 64, so the second tensor begins at 64.
    assert (manifest.tensors[0].num_bytes, manifest.tensors[1].offset) == (48, 64)


def test_transposed_and_sliced_tensors_are_packed_by_value() -> None:
    wide = torch.arange(24.0).reshape(4, 6)
    tensors = {"transposed": wide.T, "strided": wide[:, ::2], "parameter": torch.nn.Parameter(wide)}
    manifest, buffer = pack(0, tensors.items())
    assert_same(dict(unpack(manifest, buffer)), tensors)


def test_later_changes_of_the_weights_do_not_reach_the_buffer() -> None:
    weight = torch.ones(3)
    manifest, buffer = pack(0, [("weight", weight)])
    weight.zero_()
    assert dict(unpack(manifest, buffer))["weight"].tolist() == [1.0, 1.0, 1.0]


def test_unpacked_tensors_are_views_of_the_buffer() -> None:
    manifest, buffer = pack(0, [("weight", torch.ones(3))])
    ((_, view),) = unpack(manifest, buffer)
    view.fill_(2.0)
    assert buffer[:12].view(np.float32).tolist() == [2.0, 2.0, 2.0]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    which=st.sampled_from(sorted(TENSORS)), position=st.integers(0, 10**6), bit=st.integers(0, 7)
)
def test_an_altered_bit_names_its_tensor(which: str, position: int, bit: int) -> None:
    manifest, buffer = pack(7, TENSORS.items())
    (record,) = [t for t in manifest.tensors if t.name == which]
    buffer[record.offset + position % record.num_bytes] ^= 1 << bit
    with pytest.raises(WeightSyncError, match=f"version 7: tensor {which} was altered"):
        dict(unpack(manifest, buffer))


def test_two_tensors_changed_places_are_noticed() -> None:
    manifest, buffer = pack(1, [("a", torch.zeros(4)), ("b", torch.ones(4))])
    a, b = manifest.tensors
    swapped = replace(manifest, tensors=(replace(a, offset=b.offset), replace(b, offset=a.offset)))
    with pytest.raises(WeightSyncError, match="tensor a was altered"):
        dict(unpack(swapped, buffer))


def test_a_buffer_that_is_too_short_is_refused() -> None:
    manifest, buffer = pack(3, TENSORS.items())
    with pytest.raises(WeightSyncError, match=r"version 3: the buffer holds \d+ bytes, published"):
        dict(unpack(manifest, buffer[:-64]))


def test_a_manifest_travels_as_plain_json() -> None:
    manifest, buffer = pack(7, TENSORS.items())
    again = Manifest.from_dict(json.loads(json.dumps(manifest.to_dict())))
    assert again == manifest
    assert_same(dict(unpack(again, buffer)), TENSORS)


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
