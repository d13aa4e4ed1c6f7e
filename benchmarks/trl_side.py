"""What the sides of TRL have in common in `sft.py` and `trl_grpo.py`: its trainers on CPUs."""

import time
from typing import Any

from transformers import TrainerCallback


def settings(folder: str, steps: int) -> dict[str, Any]:
    """Of both trainers, as quick as TRL is here: a fused AdamW, and nothing saved or shown."""
    return {
        "output_dir": folder,
        "max_steps": steps,
        "optim": "adamw_torch_fused",
        # The weights are in the precision: quicker than autocast, which keeps them in float32.
        "bf16": False,
        "fp16": False,
        "gradient_checkpointing": False,
        "use_cpu": True,
        "report_to": [],
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
    }


class Ends(TrainerCallback):
    """When each step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Of the trainer's."""
        self.times.append(time.monotonic())
