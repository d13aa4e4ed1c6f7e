"""An adapter on the disk, in the form of Hugging Face's peft, which vLLM and others load, too:

folder/adapter_config.json         rank, alpha, which layers
folder/adapter_model.safetensors   base_model.model.NAME.lora_A.weight and .lora_B.weight of each
                                   layer, and whatever else was trained, by its own name
"""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from rlsys.config.adapter import layer_of
from rlsys.config.lora import LoraConfig

FOLDER = "adapter"
"""Of a checkpoint."""
_PREFIX = "base_model.model."
_A = ".lora_A.weight"


def save_adapter(
    folder: Path, trained: Mapping[str, Tensor], config: LoraConfig, base: str, whole: list[str]
) -> None:
    """Write an adapter into a new folder.

    Args:
        trained: all that was trained, by its name in the model, on the CPU.
        base: the model that it is an adapter of, a directory or hub id.
        whole: the parts of the model that were trained whole.
    """
    folder.mkdir()
    layers = [name.removesuffix(_A) for name in trained if name.endswith(_A)]
    described = {
        "peft_type": "LORA",
        "task_type": "SEQ_CLS" if whole else "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted({str(layer_of(name)) for name in layers}),
        "modules_to_save": whole or None,
        "inference_mode": True,
    }
    text = json.dumps(described, indent=2) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    tensors = {f"{_PREFIX}{name}": tensor.contiguous() for name, tensor in trained.items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
