"""By which number a canary tells rounding from a fault, in bfloat16.

    python benchmarks/canary.py POLICY

The same weights are computed twice, the second time with each product's sum in two halves, which
is what another kernel does to rounding; then with weights that are wrong. For forty texts of 64
tokens: the largest difference, what nine in ten tokens are below, and the root of the mean square,
nats. Of POLICY, a directory, and of a small random mixture of experts.
"""

import argparse
import copy
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from rlsys.learning import attention
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.reference import score_sequences
from rlsys.pretrained import load_tokenizer

TEXTS, TOKENS = 40, 64
STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "largest": lambda d: d.max(1),
    "nine in ten": lambda d: np.quantile(d, 0.9, axis=1),
    "mean square": lambda d: np.sqrt((d**2).mean(1)),
}
EXPERTS = {
    "vocab_size": 4000,
    "hidden_size": 128,
    "intermediate_size": 256,
    "moe_intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "initializer_range": 0.08,
}


def texts_of(policy: str) -> list[np.ndarray]:
    """Sums that the small policy was taught."""
    tokenizer = load_tokenizer(policy)
    texts = []
    for a, b, c in np.random.default_rng(0).integers(1, 50, (TEXTS, 3)):
        sum_ = f"What is {a}*{b}+{c}? {a}*{b}={a * b}. {a * b}+{c}={a * b + c}. {a * b + c} "
        texts.append(np.array((tokenizer(sum_)["input_ids"] * TOKENS)[:TOKENS]))
    return texts


def logprobs(model: PreTrainedModel, texts: list[np.ndarray]) -> np.ndarray:
    """[texts, tokens]."""
    policy = PolicyModel(model, 1.0, 2048).eval()
    prompts, answers = [t[:1] for t in texts], [t[1:] for t in texts]
    return np.array(score_sequences(policy, prompts, answers, [0] * len(texts), False, 1))


def in_halves(module: nn.Linear, x: Tensor) -> Tensor:
    """A linear layer whose sums are rounded once more, in the middle."""
    half = x.shape[-1] // 2
    y = x[..., :half] @ module.weight[:, :half].T + x[..., half:] @ module.weight[:, half:].T
    return y if module.bias is None else y + module.bias


def otherwise_rounded(model: PreTrainedModel) -> None:
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.forward = partial(in_halves, module)  # type: ignore[method-assign]


def in_another_order(weight: Tensor) -> None:
    order = torch.randperm(len(weight), generator=torch.Generator().manual_seed(0))
    weight.data.copy_(weight.data[order])


def experts_of(model: PreTrainedModel) -> nn.Module:
    return [m for m in model.modules() if type(m).__name__.endswith("Experts")][1]


def wrong_values(model: PreTrainedModel) -> None:
    in_another_order(model.get_decoder().layers[1].self_attn.v_proj.weight)


def wrong_head(model: PreTrainedModel) -> None:
    model.get_output_embeddings().weight.data.mul_(1.02)


def wrong_experts(model: PreTrainedModel) -> None:
    for weight in experts_of(model).parameters():
        in_another_order(weight)


FAULTS: dict[str, Callable[[PreTrainedModel], None]] = {
    "values of a layer in another order": wrong_values,
    "head off by 2 %": wrong_head,
    "experts of a layer in another order": wrong_experts,
}


def study(name: str, model: PreTrainedModel, texts: list[np.ndarray]) -> None:
    right = logprobs(model, texts)

    def off_by(change: Callable[[PreTrainedModel], None]) -> np.ndarray:
        changed = copy.deepcopy(model)
        change(changed)
        return np.abs(logprobs(changed, texts) - right)

    noise = {key: of(off_by(otherwise_rounded)) for key, of in STATISTICS.items()}
    for key, found in noise.items():
        print(f"{name}, rounding, {key}: median {np.median(found):.3f}, most {found.max():.3f}")
    for fault, change in FAULTS.items():
        if change is wrong_experts and not hasattr(model.config, "num_experts"):
            continue
        differences = off_by(change)
        for key, of in STATISTICS.items():
            median = np.median(of(differences))
            times = median / noise[key].max()
            print(f"{name}, {fault}, {key}: median {median:.3f}, {times:.1f} x rounding's most")


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy", help="a model's directory")
    policy = parser.parse_args().policy
    study("policy", load_causal_lm(policy, torch.bfloat16), texts_of(policy))
    torch.manual_seed(0)
    config = AutoConfig.for_model("qwen3_moe", **EXPERTS)
    mixture = AutoModelForCausalLM.from_config(
        config, dtype=torch.bfloat16, attn_implementation=attention.NAME
    )
    texts = list(np.random.default_rng(0).integers(0, config.vocab_size, (TEXTS, TOKENS)))
    study("mixture", mixture, texts)


if __name__ == "__main__":
    main()
