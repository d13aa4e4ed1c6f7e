"""The receiving end inside vLLM: weights from a shared-memory file into the running model.

Registered with vLLM's own factory through the `vllm.general_plugins` entry point, and again by
WorkerExtension's import, since `ray job submit` from a clean clone has no installed entry point.

vLLM packs linear weights for the CPU's kernels after loading, so an update has to go through its
layerwise reload. A tied output head shares its parameter with the embedding and is skipped by
that reload, keeping its old packed copy (seen with 0.32.0: logprobs off by up to 1.05); packing
it again brings it to the new weights. The canary after each update would show any such fault.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from vllm.distributed.weight_transfer.base import (
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
)
from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.model_executor.model_loader.reload import (
    finalize_layerwise_reload,
    initialize_layerwise_reload,
)

from rlsys import stacks
from rlsys.weights.bundle import Manifest, check_names, unpack

BACKEND = "rlsys_shared_memory"


@dataclass
class SharedMemoryInit(WeightTransferInitInfo):
    """names: every tensor that each update must bring."""

    names: list[str]


@dataclass
class SharedMemoryUpdate(WeightTransferUpdateInfo):
    """path: a file of the bundle's bytes; manifest: Manifest.to_dict()."""

    path: str
    manifest: dict[str, Any]


class SharedMemoryTransfer(WeightTransferEngine[SharedMemoryInit, SharedMemoryUpdate]):
    """Loads a proved bundle from a memory-mapped file."""

    init_info_cls = SharedMemoryInit
    update_info_cls = SharedMemoryUpdate

    def init_transfer_engine(self, init_info: SharedMemoryInit) -> None:
        self.names = init_info.names
        stacks.register()

    def start_weight_update(self) -> None:
        initialize_layerwise_reload(self.model)

    def receive_weights(self, update_info: SharedMemoryUpdate) -> None:
        manifest = Manifest.from_dict(update_info.manifest)
        check_names(manifest, self.names)
        # Mode c: torch refuses read-only memory, and nothing here writes to it.
        buffer = np.memmap(update_info.path, dtype=np.uint8, mode="c")
        # Proved as a whole before the first tensor is loaded: never half an update.
        tensors = list(unpack(manifest, buffer))
        model: Any = self.model  # a plain nn.Module to the type checker
        model.load_weights(iter(tensors))

    def finish_weight_update(self) -> None:
        finalize_layerwise_reload(self.model, self.model_config)
        for module in self.model.modules():
            if isinstance(module, ParallelLMHead):
                module.quant_method.process_weights_after_loading(module)

    def shutdown(self) -> None:
        """Nothing is held between updates."""


def register() -> None:
    """Make the transfer known to vLLM in this process; more than one call is harmless."""
    if BACKEND not in WeightTransferEngineFactory._registry:
        WeightTransferEngineFactory.register_engine(BACKEND, SharedMemoryTransfer)


class WorkerExtension:
    """Named as vLLM's worker_extension_cls: importing it registers the transfer."""


register()
