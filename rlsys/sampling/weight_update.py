"""A sampler's weight update: pause between two tokens, load, prove, go on.

    begin -> receive (once, or once per bucket) -> finish

From the object store, `load` does all three. With vLLM's NCCL and CUDA IPC transports the
learner's rank 0 asks for `begin` and `receive`, since its sending and their receiving meet; `load`
then only finishes, with the manifest that the learner made while it sent. A sampler that was not
there when they met loads from the store.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from rlsys.config.run import PrefixCache, WeightsConfig
from rlsys.errors import WeightSyncError
from rlsys.weights.bundle import Manifest, check_names, found
from rlsys.weights.mapping import locate

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM


class WeightUpdate:
    """The updates of one vLLM engine.

    Requests in flight stop between two tokens and go on with the new weights; their later tokens
    carry the new version. What becomes of keys and values that old weights made is
    config.prefix_cache's to say.
    """

    def __init__(self, name: str, vllm: AsyncLLM, config: WeightsConfig) -> None:
        self.name, self.vllm, self.config = name, vllm, config
        self.names: list[str] = []
        """The tensors that every update must bring."""
        self.version = 0
        self._paused_at: float | None = None
        """Since when, while an update is under way."""

    @property
    def cache_salt(self) -> str | None:
        """What a new request's keys and values are filed under: requests of one salt may share."""
        return str(self.version) if self.config.prefix_cache is PrefixCache.by_version else None

    async def connect(self, init_info: dict[str, Any]) -> None:
        """Meet the learner, as the transport needs it."""
        await self._call("init_weight_transfer_engine", init_info=init_info)

    async def changed_by_reloading(self) -> list[str]:
        """Load the weights from disk once more, by an update's road; names the sampler's tensors
        that are then not what they were. For a sampler that has no requests yet."""
        wrong = await self._call("reload_from_disk")
        return sorted({name for names in wrong for name in names})

    async def load_policy(self, path: str) -> None:
        """Hold another policy of the same shapes; what the one before made of prompts is let go."""
        await self.vllm.engine_core.pause_scheduler_async(mode="keep", clear_cache=True)
        await self._call("load_policy", path=path)
        await self.vllm.resume_generation()

    async def begin(self) -> None:
        """Hold sampling up and make the model ready for new weights."""
        self._paused_at = time.monotonic()
        # Not AsyncLLM.pause_generation: it sleeps for 0.02 s, for the order of log lines only.
        clear = self.config.prefix_cache is PrefixCache.recompute
        await self.vllm.engine_core.pause_scheduler_async(mode="keep", clear_cache=clear)
        await self._call("start_weight_update")

    async def receive(self, update_info: dict[str, Any]) -> None:
        """Take weights in, as the transport describes them."""
        await self._call("update_weights", update_info=update_info)

    async def load(self, manifest: Manifest, buckets: list[list[np.ndarray]]) -> float:
        """Hold `manifest.version`, proved, when this returns.

        Args:
            buckets: each bucket's pieces (see bundle.pack) as one store object shows them; none
                where the learner has sent already.
        Returns: seconds for which sampling stood still.
        Raises:
            WeightSyncError: a tensor is missing, unknown, altered, or was loaded nowhere; named.
        """
        check_names(manifest, self.names)
        if buckets:
            update_info = _update_info(manifest, buckets)
            await self.begin()
            await self._call("receive_stored", update_info=update_info)
        if self._paused_at is None:
            raise WeightSyncError(
                f"{self.name}: the learner sent it nothing of version {manifest.version}, by "
                f"weights.transport={self.config.transport.value}"
            )
        await self._call("finish_proved", manifest=manifest.to_dict())
        await self.vllm.update_weight_version(str(manifest.version))
        self.version = manifest.version
        await self.vllm.resume_generation()
        pause = time.monotonic() - self._paused_at
        self._paused_at = None
        return pause

    async def differing(self, manifest: Manifest, buckets: list[list[np.ndarray]]) -> list[str]:
        """Published tensors that the sampler's model does not hold, as far as it can be read back;
        nothing without the buckets."""
        if not buckets:
            return []
        (names, *_) = await self._call("differing", update_info=_update_info(manifest, buckets))
        return names

    async def _call(self, method: str, **arguments: Any) -> list[Any]:
        """A method of vLLM's worker, in each of its processes."""
        try:
            return await self.vllm.collective_rpc(method, kwargs=arguments)
        except Exception as error:
            # vLLM carries its worker's error over as a bare Exception with the message only.
            raise WeightSyncError(f"{self.name}: {error}") from error


def _update_info(manifest: Manifest, buckets: list[list[np.ndarray]]) -> dict[str, Any]:
    placed, spans = found(manifest, buckets)
    return {"places": locate(spans), "manifest": placed.to_dict()}
