"""The learner's ranks, met: DeepSpeed's process group, what it wraps, and sums over all ranks."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch

from rlsys.config.run import LearnerConfig
from rlsys.learning.deepspeed_config import deepspeed_config, frozen_config
from rlsys.learning.ulysses import sequence_group

N = TypeVar("N", bound=torch.nn.Module)


class Ranks:
    """This process as one of the learner's ranks.

    Every rank makes one with the same address, and waits in it for the others; what needs the
    process group is handed a Ranks, so it cannot be made too early.
    """

    def __init__(
        self,
        rank: int,
        world_size: int,
        master_address: str,
        master_port: int,
        config: LearnerConfig,
    ) -> None:
        self.rank, self.world_size, self.config = rank, world_size, config
        on_gpu = config.gpus > 0
        self.device = torch.device("cuda" if on_gpu else "cpu")
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK="0",
            WORLD_SIZE=str(world_size),
            MASTER_ADDR=master_address,
            MASTER_PORT=str(master_port),
        )
        if not on_gpu:
            os.environ["DS_ACCELERATOR"] = "cpu"
            torch.set_num_threads(config.threads)
        # Not before the lines above, which it reads as it is imported.
        import deepspeed
        from deepspeed.utils import logger

        logger.setLevel("WARNING")
        if not on_gpu:
            # Its shared-memory collective is compiled at the first start: 40 s, and a C++ compiler.
            deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        # gloo on CPU, NCCL on GPU.
        deepspeed.init_distributed(dist_backend="nccl" if on_gpu else "gloo", verbose=False)
        self._deepspeed = deepspeed
        self.sequence_group = sequence_group(rank, world_size, config.sequence_parallel)
        """The ranks that hold rows with this one; None: it holds its own alone."""

    def into_deepspeed(self, module: torch.nn.Module, learning_rate: float) -> Any:
        """A model as DeepSpeed wraps it, with AdamW, the configured ZeRO stage and precision."""
        config, settings = self.config, self.config.optimizer
        optimizer = torch.optim.AdamW(
            [parameter for parameter in module.parameters() if parameter.requires_grad],
            lr=learning_rate,
            betas=(settings.beta1, settings.beta2),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        wrapped, _, _, _ = self._deepspeed.initialize(
            model=module,
            optimizer=optimizer,
            config=deepspeed_config(config),
        )
        return wrapped

    def frozen(self, module: N) -> N:
        """A network that is only computed with: under ZeRO-3 in shards, which DeepSpeed gathers
        layer by layer, else whole on this rank's device. All ranks must call."""
        module.requires_grad_(False)
        if not self.shards_weights:
            return module.to(self.device)
        self._deepspeed.initialize(model=module, config=frozen_config(self.config))
        return module

    @property
    def dtype(self) -> torch.dtype:
        """In which models are loaded: DeepSpeed makes its float32 master weights from what it is
        given in the learner's precision, so nothing is lost by loading in that one."""
        dtype: torch.dtype = getattr(torch, self.config.dtype.value)
        return dtype

    @property
    def data_parallel_size(self) -> int:
        """How many rows are computed at the same time."""
        return self.world_size // self.config.sequence_parallel

    @property
    def data_parallel_rank(self) -> int:
        """Which of them this rank computes, or holds a slice of."""
        return self.rank // self.config.sequence_parallel

    @property
    def speaks(self) -> bool:
        """Whether what is known of a row counts as this rank's in sums over all ranks: one of the
        row's ranks, which all know it, is asked."""
        return self.sequence_group is None or self.sequence_group.rank == 0

    @property
    def shards_weights(self) -> bool:
        """Whether a parameter is whole only while it is gathered: ZeRO-3."""
        return self.config.zero_stage == 3

    def gathered(
        self, parameters: Sequence[torch.nn.Parameter], writer: int | None = None
    ) -> AbstractContextManager[None]:
        """Whole parameters, where ZeRO-3 has sharded them; all ranks must enter it.

        writer: the rank whose values all of them take over at the end; None: nothing is written.
        """
        return self._deepspeed.zero.GatheredParameters(
            parameters, modifier_rank=writer, enabled=self.shards_weights
        )

    def sharding(self) -> AbstractContextManager[None]:
        """Parameters that are made in this context are sharded at once, as ZeRO-3 has them."""
        # Not with dtype=, which DeepSpeed 0.19.8 takes for bfloat16 on a CPU without float16.
        return self._deepspeed.zero.Init(config_dict_or_path=deepspeed_config(self.config))

    def sums(self, values: dict[str, float]) -> dict[str, float]:
        """Each value summed over all ranks; all of them must call, with the same names."""
        names = sorted(values)
        sums = torch.tensor([values[name] for name in names], dtype=torch.float64)
        if self.world_size > 1:
            sums = sums.to(self.device)
            torch.distributed.all_reduce(sums)
        return dict(zip(names, sums.tolist(), strict=True))

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """[n] values on this rank's device, each summed over all ranks; all of them must call."""
        if self.world_size > 1:
            torch.distributed.all_reduce(values)
        return values

    def once(self, values: torch.Tensor) -> torch.Tensor:
        """What all ranks of a row know of it, for a sum over all ranks: 0 on all but one."""
        return values if self.speaks else torch.zeros_like(values)

    def concatenated(self, values: torch.Tensor) -> torch.Tensor:
        """[n] values on the CPU, those of all ranks; all of them must call."""
        if self.world_size == 1:
            return values
        gathered: list[torch.Tensor] = [values] * self.world_size
        torch.distributed.all_gather_object(gathered, values)
        return torch.cat(gathered)
