"""A policy's weights in buckets, with a manifest that proves each tensor.

A bucket is one contiguous buffer of whole tensors; buckets are what travels. The manifest is
small, travels beside them and holds name, dtype, shape, place and fingerprint of each tensor, so
that a receiver can show that it loaded exactly what the learner held.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided

from rlsys.errors import WeightSyncError
from rlsys.weights.fingerprint import Proof, fingerprint, proving
from rlsys.weights.mapping import address
from rlsys.weights.staging import Ring, Staged

T = TypeVar("T")
Named = tuple[str, torch.Tensor]
_PIECE = 1 << 20
"""Bytes. Ray copies a larger array with six threads that it starts for it, which takes longer than
the copy itself below 64 MiB: 1.3 against 5 GB/s at 3 MiB on two cores."""


@dataclass(frozen=True)
class TensorRecord:
    """Which tensor, in which bucket, where in it, and the fingerprint of its bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bucket: int
    offset: int
    num_bytes: int
    fingerprint: int


@dataclass(frozen=True)
class Manifest:
    """The tensors of one published policy version, in the order of their places."""

    version: int
    bucket_bytes: tuple[int, ...]
    tensors: tuple[TensorRecord, ...]

    @property
    def total_bytes(self) -> int:
        """Of all tensors."""
        return sum(t.num_bytes for t in self.tensors)

    def to_dict(self) -> dict[str, Any]:
        """Plain built-in types, as vLLM's RPC carries them."""
        return {
            "version": self.version,
            "bucket_bytes": list(self.bucket_bytes),
            "tensors": [
                [t.name, t.dtype, list(t.shape), t.bucket, t.offset, t.num_bytes, t.fingerprint]
                for t in self.tensors
            ],
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "Manifest":
        """The inverse of to_dict."""
        records = tuple(
            TensorRecord(name, dtype, tuple(shape), *place)
            for name, dtype, shape, *place in plain["tensors"]
        )
        return cls(plain["version"], tuple(plain["bucket_bytes"]), records)


def plan_buckets(sizes: Sequence[int], limit: int) -> list[list[int]]:
    """Which tensors travel together.

    Args:
        sizes: [n] bytes of each tensor.
        limit: bytes of a bucket; a larger tensor has a bucket to itself.
    Returns: indices of each bucket's tensors, in order.
    """
    buckets: list[list[int]] = []
    filled = limit
    for index, size in enumerate(sizes):
        if filled + size > limit:
            buckets.append([])
            filled = 0
        buckets[-1].append(index)
        filled += size
    return buckets


def pack(
    version: int,
    buckets: Iterable[list[Named]],
    send: Callable[[list[np.ndarray]], T],
    ring: Ring | None = None,
) -> tuple[Manifest, list[T]]:
    """Send each bucket, with its fingerprints taken meanwhile.

    A bucket goes out as pieces, views of the learner's memory where it is the CPU's. A store that
    puts them one after another has every tensor in one span of memory: see `found`.

    Args:
        buckets: named tensors; a bucket is asked for when the one before has been sent, or is on
            its way into the ring.
        send: called with the pieces, uint8 [bytes] each; is done with them when it returns.
        ring: by which a GPU's buckets come, the next one while one is sent.
    Returns: the manifest, and what `send` returned for each bucket.
    """
    records: list[TensorRecord] = []
    sizes: list[int] = []
    sent: list[T] = []
    with proving() as prove:
        for number, bucket in enumerate(_readable(buckets, prove, ring)):
            sent.append(send([piece for _, tensor, _ in bucket for piece in _pieces(tensor)]))
            offset = 0
            for name, tensor, proof in bucket:
                dtype, shape = str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)
                size = tensor.nbytes
                records.append(
                    TensorRecord(name, dtype, shape, number, offset, size, proof.result())
                )
                offset += size
            sizes.append(offset)
    return Manifest(version, tuple(sizes), tuple(records)), sent


def _readable(
    buckets: Iterable[list[Named]], prove: Callable[[torch.Tensor], Proof], ring: Ring | None
) -> Iterator[list[tuple[str, torch.Tensor, Proof]]]:
    """Each bucket in the CPU's memory, with its proofs on their way."""
    before: tuple[list[str], Staged, list[Proof]] | None = None
    for bucket in buckets:
        names, tensors = [name for name, _ in bucket], [tensor for _, tensor in bucket]
        proofs = [prove(tensor) for tensor in tensors]
        if ring is None:
            yield list(zip(names, tensors, proofs, strict=True))
            continue
        staged = ring.fill(tensors)
        if before is not None:
            yield _arrived(*before)
        before = names, staged, proofs
    if before is not None:
        yield _arrived(*before)


def _arrived(
    names: list[str], staged: Staged, proofs: list[Proof]
) -> list[tuple[str, torch.Tensor, Proof]]:
    return list(zip(names, staged.wait(), proofs, strict=True))


def _pieces(tensor: torch.Tensor) -> list[np.ndarray]:
    data = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    return [data[start : start + _PIECE] for start in range(0, data.nbytes, _PIECE)]


def found(
    manifest: Manifest, buckets: Sequence[Sequence[np.ndarray | memoryview]]
) -> tuple[Manifest, list[np.ndarray]]:
    """Where a store has put the pieces: its own gaps between tensors, none inside one.

    Args:
        buckets: each bucket's pieces as the store shows them, without a copy.
    Returns: the manifest with the places that were found, and each bucket as one span of memory,
        uint8 [bytes], read-only.
    Raises:
        WeightSyncError: naming the first tensor that is not there, or not in one span.
    """
    head = f"version {manifest.version}:"
    if len(buckets) != len(manifest.bucket_bytes):
        raise WeightSyncError(
            f"{head} {len(buckets)} buckets arrived, published were {len(manifest.bucket_bytes)}"
        )
    arrays = [[np.frombuffer(piece, dtype=np.uint8) for piece in bucket] for bucket in buckets]
    pieces = [iter(bucket) for bucket in arrays]
    starts = [address(bucket[0]) if bucket else 0 for bucket in arrays]
    ends = list(starts)
    records = []
    for record in manifest.tensors:
        own = list(islice(pieces[record.bucket], -(-record.num_bytes // _PIECE)))
        place = address(own[0]) if own else ends[record.bucket]
        end = place
        for piece in own:
            if address(piece) != end:
                raise WeightSyncError(f"{head} tensor {record.name} does not lie in one span")
            end += piece.nbytes
        if end - place != record.num_bytes:
            raise WeightSyncError(
                f"{head} tensor {record.name} arrived with {end - place} bytes, published were "
                f"{record.num_bytes}"
            )
        ends[record.bucket] = end
        records.append(replace(record, offset=place - starts[record.bucket]))
    sizes = [end - start for start, end in zip(starts, ends, strict=True)]
    spans = [
        as_strided(bucket[0], (size,), writeable=False) if bucket else np.empty(0, np.uint8)
        for bucket, size in zip(arrays, sizes, strict=True)
    ]
    return Manifest(manifest.version, tuple(sizes), tuple(records)), spans


def views(manifest: Manifest, buckets: Sequence[np.ndarray]) -> Iterator[Named]:
    """The buckets' tensors, without a copy and without proof.

    Args:
        buckets: uint8 [bytes] each, in the manifest's order.
    Raises:
        WeightSyncError: the buckets are not as long as those that were published.
    """
    found = [bucket.nbytes for bucket in buckets]
    if found != list(manifest.bucket_bytes):
        raise WeightSyncError(
            f"version {manifest.version}: buckets of {found} bytes arrived, published were "
            f"{list(manifest.bucket_bytes)}"
        )
    with warnings.catch_warnings():
        # Shared pages are read-only; torch warns, and nothing here writes.
        warnings.simplefilter("ignore", UserWarning)
        spans = [torch.from_numpy(bucket) for bucket in buckets]
    for record in manifest.tensors:
        dtype = getattr(torch, record.dtype)
        data = spans[record.bucket][record.offset : record.offset + record.num_bytes]
        # Behind the end of another tensor, an empty one may lie at any byte.
        flat = data.view(dtype) if record.num_bytes else torch.empty(0, dtype=dtype)
        yield record.name, flat.view(record.shape)


def unpack(manifest: Manifest, buckets: Sequence[np.ndarray]) -> Iterator[Named]:
    """As `views`, each tensor proved against its fingerprint first.

    Raises:
        WeightSyncError: naming the first tensor whose bytes are not what was published.
    """
    for record, (name, tensor) in zip(manifest.tensors, views(manifest, buckets), strict=True):
        if fingerprint(tensor) != record.fingerprint:
            raise WeightSyncError(f"version {manifest.version}: tensor {name} was altered")
        yield name, tensor


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
