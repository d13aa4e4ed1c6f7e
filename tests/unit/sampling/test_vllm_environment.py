"""What vLLM is told before it starts."""

import json
from pathlib import Path

import pytest

from rlsys.config.run import RolloutConfig
from rlsys.sampling.vllm_environment import custom_ops


@pytest.mark.parametrize(
    ("gpus", "latent", "left_out"), [(0, 512, True), (0, None, False), (1, 512, False)]
)
def test_latent_attention_on_cpu_turns_by_torch(
    tmp_path: Path, gpus: float, latent: int | None, left_out: bool
) -> None:
    config = {"model_type": "deepseek_v2", "kv_lora_rank": latent}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = custom_ops(str(tmp_path), RolloutConfig(gpus=gpus))
    assert found == (["-rotary_embedding"] if left_out else [])
