"""The receiving end inside vLLM: three transports, one proof of what was loaded.

Registered with vLLM's own factory through the `vllm.general_plugins` entry point, and again by
WorkerExtension's import, since `ray job submit` from a clean clone has no installed entry point.

vLLM packs linear weights for the CPU's kernels after loading, so an update has to go through its
layerwise reload. Two kinds of layer it leaves behind (seen with 0.32.0), which is mended here:

- A tied output head shares its parameter with the embedding and is skipped, keeping its old packed
  copy (logprobs off by up to 1.05); packing it again brings it to the new weights.
- Experts are packed when their kernel is built, and it is built at the first load alone: after an
  update the kernel reads unpacked rows as packed ones (off by up to 1.3). Without its kernel, a
  layer builds and packs as at the first load.

rlsys.weights.reload_proof compares what the engine holds with what it held from disk.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from vllm.config import set_current_vllm_config
from vllm.distributed.weight_transfer.base import (
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
)
from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory
from vllm.distributed.weight_transfer.ipc_engine import IPCWeightTransferEngine
from vllm.distributed.weight_transfer.nccl_engine import NCCLWeightTransferEngine
from vllm.model_executor.layers.fused_moe.unquantized_fused_moe_method import (
    UnquantizedFusedMoEMethod,
)
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.model_executor.model_loader import DefaultModelLoader, get_model_loader
from vllm.model_executor.model_loader.reload import (
    finalize_layerwise_reload,
    initialize_layerwise_reload,
)
from vllm.platforms import current_platform

from rlsys.config.run import Transport
from rlsys.errors import WeightSyncError
from rlsys.watch import stacks
from rlsys.weights.bundle import Manifest, Named, views
from rlsys.weights.load_proof import LoadProof
from rlsys.weights.mapping import Mapper
from rlsys.weights.pieces import Joiner
from rlsys.weights.readback import differing
from rlsys.weights.reload_proof import changed, held

BACKENDS = {transport: f"rlsys_{transport.value}" for transport in Transport}


class ProvedTransfer:
    """What the transports share: loading under watch, and the proof before an update ends."""

    model: Any
    model_config: Any

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        stacks.register()
        self.mapper = Mapper()

    def start_weight_update(self) -> None:
        initialize_layerwise_reload(self.model)
        if current_platform.is_cpu():
            for module in self.model.modules():
                method = getattr(module, "quant_method", None)
                if isinstance(method, UnquantizedFusedMoEMethod):
                    method.moe_kernel = None
        self.proof = LoadProof(self.model)
        self.joiner = Joiner(self.proof.load)

    def load_weights(self, tensors: Iterable[Named]) -> None:
        """What vLLM's engines call as their model's load_weights while they receive."""
        self.proof.load(tensors)

    def receive_stored(self, stored: "SharedMemoryUpdate") -> None:
        """Load what lies in the node's object store; so can a sampler of any transport, which has
        to when it is new to a group that is formed already."""
        self.load_weights(self.mapped(stored))

    def mapped(self, stored: "SharedMemoryUpdate") -> Iterator[Named]:
        """Views of what the learner published, in this process."""
        manifest = Manifest.from_dict(stored.manifest)
        spans = zip(stored.places, manifest.bucket_bytes, strict=True)
        return views(manifest, [self.mapper.view(*place, size) for place, size in spans])

    def finish_weight_update(self) -> None:
        finalize_layerwise_reload(self.model, self.model_config)
        for module in self.model.modules():
            if isinstance(module, ParallelLMHead):
                module.quant_method.process_weights_after_loading(module)


@dataclass
class SharedMemoryInit(WeightTransferInitInfo):
    """Nothing has to be agreed on."""


@dataclass
class SharedMemoryUpdate(WeightTransferUpdateInfo):
    """places: path and offset of each bucket; manifest: Manifest.to_dict()."""

    places: list[tuple[str, int]]
    manifest: dict[str, Any]


class SharedMemoryTransfer(
    ProvedTransfer, WeightTransferEngine[SharedMemoryInit, SharedMemoryUpdate]
):
    """Loads from the pages of the node's object store, mapped into this process."""

    init_info_cls = SharedMemoryInit
    update_info_cls = SharedMemoryUpdate

    def init_transfer_engine(self, init_info: SharedMemoryInit) -> None:
        """Nobody has to be met."""

    def receive_weights(self, update_info: SharedMemoryUpdate) -> None:
        self.receive_stored(update_info)

    def shutdown(self) -> None:
        """Nothing is held between updates."""


class _Receiver(torch.nn.Module):
    """Stands in for the model while one of vLLM's own engines receives."""

    def __init__(self, joiner: Joiner) -> None:
        super().__init__()
        self.load_weights = joiner.load


class NcclTransfer(ProvedTransfer, NCCLWeightTransferEngine):
    """vLLM's NCCL engine, proved."""

    def init_transfer_engine(self, init_info: Any) -> None:
        # A group that has lost a member is formed anew, and nothing is waited for in the old one.
        self.shutdown()
        NCCLWeightTransferEngine.init_transfer_engine(self, init_info)

    def receive_weights(self, update_info: Any) -> None:
        model, self.model = self.model, _Receiver(self.joiner)
        try:
            NCCLWeightTransferEngine.receive_weights(self, update_info)
        finally:
            self.model = model


class CudaIpcTransfer(ProvedTransfer, IPCWeightTransferEngine):
    """vLLM's CUDA IPC engine, proved."""

    def receive_weights(self, update_info: Any) -> None:
        model, self.model = self.model, _Receiver(self.joiner)
        try:
            IPCWeightTransferEngine.receive_weights(self, update_info)
        finally:
            self.model = model

    def finish_weight_update(self) -> None:
        ProvedTransfer.finish_weight_update(self)
        # As vLLM's own: the learner's staging buffer is free again.
        self._packed_importer.close()


_ENGINES: dict[Transport, type[WeightTransferEngine]] = {
    Transport.object_store: SharedMemoryTransfer,
    Transport.nccl: NcclTransfer,
    Transport.cuda_ipc: CudaIpcTransfer,
}


def register() -> None:
    """Make the transports known to vLLM in this process; more than one call is harmless."""
    for transport, name in BACKENDS.items():
        if name not in WeightTransferEngineFactory._registry:
            WeightTransferEngineFactory.register_engine(name, _ENGINES[transport])


class WorkerExtension:
    """Named as vLLM's worker_extension_cls: importing it registers the transports."""

    weight_transfer_engine: Any
    from_disk: Mapping[str, int] = MappingProxyType({})
    """What the model held when it had loaded the weights from disk, by reload_proof.held; nothing
    where that was not asked for."""
    placed: Mapping[str, list[str]] = MappingProxyType({})
    """Which tensors of its files went where then; see LoadProof."""

    def reload_from_disk(self) -> list[str]:
        """Load the weights from disk once more, as an update does; names the tensors that are then
        not what they were."""
        engine = self.weight_transfer_engine
        self.from_disk = held(engine.model)
        self.placed = self._load_files(engine.model_config.model)
        return changed(self.from_disk, held(engine.model))

    def load_policy(self, path: str) -> None:
        """Hold another policy of the same shapes, for good. After reload_from_disk, which has shown
        that loading again works and where each tensor goes.

        Raises:
            WeightSyncError: one of its tensors went elsewhere, or nowhere.
        """
        placed = self._load_files(path)
        if astray := sorted(
            place
            for place in placed.keys() | self.placed.keys()
            if sorted(placed.get(place, [])) != sorted(self.placed.get(place, []))
        ):
            raise WeightSyncError(
                f"{path}: {astray[:3]} did not take the tensors that they took of the policy "
                f"before ({len(astray)} of {len(self.placed)} layers)"
            )

    def _load_files(self, path: str) -> dict[str, list[str]]:
        """Load a policy's files as an update does; returns which tensors went where."""
        engine = self.weight_transfer_engine
        self.start_weight_update()  # type: ignore[attr-defined]
        loader = get_model_loader(engine.vllm_config.load_config)
        assert isinstance(loader, DefaultModelLoader)  # of safetensors and torch's own files
        model_config = copy(engine.model_config)
        model_config.model = path
        tensors = loader.get_all_weights(model_config, engine.model)
        with set_current_vllm_config(engine.vllm_config):
            engine.proof.watch(tensors)
        engine.proof.release()
        self.finish_weight_update()  # type: ignore[attr-defined]
        placed: dict[str, list[str]] = engine.proof.placed
        return placed

    def receive_stored(self, update_info: dict[str, Any]) -> None:
        """Load what lies in the node's object store, whatever the transport."""
        engine = self.weight_transfer_engine
        with set_current_vllm_config(engine.vllm_config):
            engine.receive_stored(SharedMemoryUpdate(**update_info))

    def finish_proved(self, manifest: dict[str, Any]) -> None:
        """Prove what was received and loaded, and end the update. Version 0 has the weights from
        disk, so the model must hold them bit for bit as it did then, unless their precision on the
        way was less than the engine's own."""
        published = Manifest.from_dict(manifest)
        engine = self.weight_transfer_engine
        engine.proof.check(published)
        self.finish_weight_update()  # type: ignore[attr-defined]
        own = str(engine.model_config.dtype).removeprefix("torch.")
        exact = {tensor.dtype for tensor in published.tensors} <= {"float32", own}
        if published.version or not exact or not self.from_disk:
            return
        if wrong := changed(self.from_disk, held(engine.model)):
            raise WeightSyncError(
                "version 0 has the weights from disk, but vLLM does not hold them as it did then: "
                f"{wrong[:3]} ({len(wrong)} of {len(self.from_disk)} tensors differ)"
            )

    def differing(self, update_info: dict[str, Any]) -> list[str]:
        """Published tensors that the model does not hold; see readback.differing."""
        engine = self.weight_transfer_engine
        tensors = engine.mapped(SharedMemoryUpdate(**update_info))
        return differing(engine.model, engine.proof.placed, tensors)


register()
