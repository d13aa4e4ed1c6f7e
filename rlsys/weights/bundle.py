"""One contiguous buffer of a policy's weights, with a manifest that proves each tensor.

The buffer is what travels (Ray's store, shared memory); the manifest is small, travels beside it
and holds name, dtype, shape, place and fingerprint of each tensor, so that a receiver can show
that it loaded exactly what was published.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rlsys.errors import WeightSyncError

_ALIGNMENT = 64


@dataclass(frozen=True)
class TensorRecord:
    """Where one tensor lies in the buffer, and the CRC-32 of its bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    num_bytes: int
    fingerprint: int


@dataclass(frozen=True)
class Manifest:
    """The tensors of one published policy version, in buffer order."""

    version: int
    total_bytes: int
    tensors: tuple[TensorRecord, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain built-in types, as vLLM's RPC carries them."""
        return {
            "version": self.version,
            "total_bytes": self.total_bytes,
            "tensors": [
                [t.name, t.dtype, list(t.shape), t.offset, t.num_bytes, t.fingerprint]
                for t in self.tensors
            ],
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Manifest":
        """The inverse of to_dict."""
        records = tuple(
            TensorRecord(name, dtype, tuple(shape), offset, num_bytes, fingerprint)
            for name, dtype, shape, offset, num_bytes, fingerprint in plain["tensors"]
        )
        return cls(plain["version"], plain["total_bytes"], records)


def pack(version: int, tensors: Iterable[tuple[str, torch.Tensor]]) -> tuple[Manifest, np.ndarray]:
    """Copy named tensors into one buffer.

    Returns: the manifest, and the buffer as uint8 [total_bytes].
    """
    arrays = [(name, _bytes_of(tensor), tensor) for name, tensor in tensors]
    total = sum(_aligned(len(data)) for _, data, _ in arrays)
    buffer = np.empty(total, dtype=np.uint8)
    records, offset = [], 0
    for name, data, tensor in arrays:
        buffer[offset : offset + len(data)] = data
        dtype = str(tensor.dtype).removeprefix("torch.")
        crc = zlib.crc32(data.data)
        records.append(TensorRecord(name, dtype, tuple(tensor.shape), offset, len(data), crc))
        offset += _aligned(len(data))
    return Manifest(version, total, tuple(records)), buffer


def unpack(manifest: Manifest, buffer: np.ndarray) -> Iterator[tuple[str, torch.Tensor]]:
    """Views of the buffer's tensors, each proved against its fingerprint first.

    Raises:
        WeightSyncError: naming the first tensor whose bytes are not what was published.
    """
    if buffer.nbytes < manifest.total_bytes:
        raise WeightSyncError(
            f"version {manifest.version}: the buffer holds {buffer.nbytes} bytes, "
            f"published were {manifest.total_bytes}"
        )
    for record in manifest.tensors:
        data = buffer[record.offset : record.offset + record.num_bytes]
        if zlib.crc32(data.data) != record.fingerprint:
            raise WeightSyncError(
                f"version {manifest.version}: tensor {record.name} was altered on its way"
            )
        tensor = torch.frombuffer(data, dtype=getattr(torch, record.dtype))
        yield record.name, tensor.reshape(record.shape)


def check_names(manifest: Manifest, expected: Iterable[str]) -> None:
    """Raise WeightSyncError naming the tensors that are missing or that nobody expects."""
    published, wanted = {t.name for t in manifest.tensors}, set(expected)
    missing = sorted(wanted - published)
    unknown = sorted(published - wanted)
    if missing or unknown:
        raise WeightSyncError(
            f"version {manifest.version}: missing tensors {missing[:3]}, unknown tensors "
            f"{unknown[:3]} ({len(missing)} and {len(unknown)} in all)"
        )


def _bytes_of(tensor: torch.Tensor) -> np.ndarray:
    flat = tensor.detach().to("cpu").contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()


def _aligned(num_bytes: int) -> int:
    return -(-num_bytes // _ALIGNMENT) * _ALIGNMENT
