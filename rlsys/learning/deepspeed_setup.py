"""DeepSpeed as this project uses it: the process group, and one engine per model."""

import os
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch

from rlsys.config.run import LearnerConfig


@dataclass(frozen=True)
class Rank:
    """This process's place among the learner's ranks."""

    rank: int
    world_size: int
    master_address: str
    master_port: int


def import_deepspeed(place: Rank, on_gpu: bool, threads: int) -> ModuleType:
    """DeepSpeed with its process group made; gloo on CPU, NCCL on GPU."""
    os.environ.update(
        RANK=str(place.rank),
        LOCAL_RANK="0",
        WORLD_SIZE=str(place.world_size),
        MASTER_ADDR=place.master_address,
        MASTER_PORT=str(place.master_port),
    )
    if not on_gpu:
        os.environ["DS_ACCELERATOR"] = "cpu"
        torch.set_num_threads(threads)
    import deepspeed
    from deepspeed.utils import logger

    logger.setLevel("WARNING")
    if not on_gpu:
        # Its shared-memory collective is compiled at the first start: 40 s, and a C++ compiler.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(dist_backend="nccl" if on_gpu else "gloo", verbose=False)
    return deepspeed


def initialize(
    deepspeed: ModuleType, module: torch.nn.Module, config: LearnerConfig, learning_rate: float
) -> Any:
    """An engine with AdamW, the configured ZeRO stage and precision."""
    settings = config.optimizer
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=learning_rate,
        betas=(settings.beta1, settings.beta2),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    engine, _, _, _ = deepspeed.initialize(
        model=module,
        optimizer=optimizer,
        config={
            # Microbatches and their accumulation are the caller's: see LearnerEngine.
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": 1,
            "gradient_clipping": settings.gradient_clip,
            "zero_optimization": {"stage": config.zero_stage},
            "zero_allow_untested_optimizer": True,
            "bf16": {"enabled": config.dtype.value == "bfloat16"},
        },
    )
    return engine
