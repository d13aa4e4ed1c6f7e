"""The policy's weights as they leave the learner: in buckets, with the canary that proves them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch

from rlsys.learning.layout import lay_out
from rlsys.learning.lora import Weight, weights_of
from rlsys.learning.network import Network
from rlsys.learning.policy import PolicyModel
from rlsys.learning.ranks import Ranks
from rlsys.learning.reference import score_sequences
from rlsys.thinking.latents import latents_of
from rlsys.weights.bundle import Manifest, Named, pack, plan_buckets
from rlsys.weights.canary import Canary
from rlsys.weights.copied_weights import CopiedWeights
from rlsys.weights.saved_form import SavedForm
from rlsys.weights.staging import ALIGNED, Ring

T = TypeVar("T")


class WeightsOut:
    """Of one rank's policy, which DeepSpeed may have sharded."""

    def __init__(self, policy: Network, ranks: Ranks) -> None:
        self.policy, self.ranks = policy, ranks
        self.saved_form = SavedForm(policy.model, self._own_shapes())
        self._ring: Ring | None = None
        self._copied = CopiedWeights()

    def publish(
        self, version: int, bucket_bytes: int, send: Callable[[list[np.ndarray]], T]
    ) -> tuple[Manifest, list[T]] | None:
        """The weights in buckets, each given to `send`; see bundle.pack. All ranks must call, with
        the same bucket_bytes; rank 0 returns the manifest and what `send` returned."""
        buckets = self.buckets(bucket_bytes)
        if self.ranks.rank == 0:
            if self.ranks.device.type != "cpu" and self._ring is None:
                self._ring = Ring(self._bucket_room(bucket_bytes))
            return pack(version, buckets, send, self._ring)
        for _ in buckets:
            pass
        return None

    def copy(self, version: int, bucket_bytes: int) -> None:
        """Copy the weights as they are, on rank 0's device; the learner may go on when this
        returns. All ranks must call, with the same bucket_bytes."""
        buckets = self.buckets(bucket_bytes)
        if self.ranks.rank == 0:
            self._copied.copy(version, buckets)
        for _ in buckets:
            pass

    def publish_copy(
        self, version: int, send: Callable[[list[np.ndarray]], T]
    ) -> tuple[Manifest, list[T]]:
        """As `publish`, of what `copy` has copied on rank 0: on another thread than the learner's,
        and beside it."""
        return self._copied.send(version, send)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors that every publish holds, by their names in a checkpoint; whole shapes."""
        return self.saved_form.shapes

    @property
    def dtype(self) -> torch.dtype:
        """What the policy is published in, but for its routers' biases."""
        return getattr(torch, self.ranks.config.dtype.value)

    def dtypes(self) -> dict[str, torch.dtype]:
        """Of the tensors that every publish holds, by their names in a checkpoint."""
        kept = {w.name: w.dtype(self.dtype) for w in weights_of(self.policy.model)}
        return {name: kept.get(name, self.dtype) for name in self.shapes()}

    def buckets(self, bucket_bytes: int) -> Iterator[list[Named]]:
        """All weights as a checkpoint holds them, on the learner's device; whole tensors, no more
        than bucket_bytes (or one parameter) at a time. They live as those of `gathered` do."""
        for bucket in self.gathered(bucket_bytes):
            yield list(self.saved_form.of(bucket))

    def gathered(self, bucket_bytes: int) -> Iterator[list[Named]]:
        """All parameters under their own names, an adapter's within the weight that it changes.

        ZeRO-3 gathers a bucket as it is asked for and lets it go when the next one is: its
        tensors must not be used after that. All ranks must go through all buckets.
        """
        dtype = self.dtype
        weights = weights_of(self.policy.model)
        sizes = [
            math.prod(shape) * max(dtype.itemsize, weight.parameter.itemsize)
            for shape, weight in zip(self._own_shapes().values(), weights, strict=True)
        ]
        for indices in plan_buckets(sizes, bucket_bytes):
            bucket = [weights[i] for i in indices]
            with self.ranks.gathered([p for weight in bucket for p in weight.parameters]):
                yield [(weight.name, weight.whole(dtype)) for weight in bucket]

    def _bucket_room(self, bucket_bytes: int) -> int:
        """Bytes of a buffer that takes any bucket, with what lies between its tensors."""
        largest = max(map(math.prod, self._own_shapes().values())) * self.dtype.itemsize
        return max(bucket_bytes, largest) + ALIGNED * len(self.shapes())

    def trained(self) -> dict[str, torch.Tensor]:
        """Copies on the CPU of what is trained of a policy with an adapter, by its name in the
        model. All ranks must call."""
        own = {n: p for n, p in self.policy.model.named_parameters() if p.requires_grad}
        with self.ranks.gathered(list(own.values())):
            return {n: p.detach().to("cpu", self.dtype, copy=True) for n, p in own.items()}

    def canary(self, token_ids: list[int]) -> Canary:
        """Logprobs of a fixed sequence under the present weights, at temperature 1 and without
        latents, which stand beside them."""
        assert isinstance(self.policy, PolicyModel)
        prompt, completion = np.array(token_ids[:1]), np.array(token_ids[1:])
        policy, own = self.policy, (self.policy.temperature, self.policy.latents)
        policy.temperature, policy.latents = 1.0, 0
        (logprobs,) = score_sequences(policy, [prompt], [completion], [0], False, 1 << 30)
        policy.temperature, policy.latents = own
        canary = Canary(token_ids, logprobs.tolist(), self.ranks.config.dtype)
        return replace(canary, latents=self._latents(canary.latent_prompt))

    @torch.no_grad()
    def _latents(self, token_ids: list[int]) -> list[list[float]]:
        """[K, H] that the policy makes of a prompt."""
        assert isinstance(self.policy, PolicyModel)
        if not self.policy.latents:
            return []
        nothing = [np.empty(0, dtype=np.int64)]
        layout = lay_out([[0]], [np.array(token_ids)], nothing, latents=self.policy.latents)
        part = layout.to(self.ranks.device).latents
        assert part is not None
        decoder = self.policy.model.get_decoder()
        (found,) = latents_of(decoder, part.rows, part.passes())
        return found.float().tolist()

    def _own_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the policy's weights, by their names in the model; whole shapes."""
        weights = weights_of(self.policy.model)
        return {weight.name: self._whole_shape(weight) for weight in weights}

    def _whole_shape(self, weight: Weight) -> tuple[int, ...]:
        own: Any = weight.parameter
        is_sharded = self.ranks.shards_weights and weight.is_trained
        return tuple(own.ds_shape if is_sharded else own.shape)
