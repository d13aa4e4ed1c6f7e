"""Load of experts: how even it is, and the two ways to make it even.

Switch Transformers, arXiv:2101.03961, eq. 4 to 6, for routers that choose k experts a token
(Mixtral's, Qwen-MoE's); DeepSeek-V3, arXiv:2412.19437, sec. 2.1.2, by a bias and without a loss.

    load_e   sum_t c_t [token t goes through e]            of one layer, over a batch
    f_e      load_e / sum_t c_t                            their sum is k
    P_e      sum_t c_t p_te / sum_t c_t                    p: the router's probabilities
    L        E sum_e f_e P_e                               k where all experts are alike

c_t is how many sequences of the batch a token stands for: a prompt that G completions share counts
G times, whether it was computed once or G times. Padding counts 0.
"""

import math

import torch
from torch import Tensor

STARVED = 0.1
"""Share of the mean load, below which an expert counts as starved."""


def load_of(experts: Tensor, counts: Tensor, num_experts: int) -> Tensor:
    """Args:
        experts: [S, k] int64, chosen for each token.
        counts: [S] c_t.
    Returns: [E] float64.
    """
    load = torch.zeros(num_experts, dtype=torch.float64, device=experts.device)
    each = counts.double()[:, None].expand(experts.shape)
    return load.index_add_(0, experts.flatten(), each.flatten())


def balance_loss(probabilities: Tensor, counts: Tensor, load: Tensor, num_tokens: float) -> Tensor:
    """L of one layer, as a sum over the tokens given: microbatches and ranks add up to the batch's,
    since the load is that of all of it.

    Args:
        probabilities: [S, E]; gradient flows here alone.
        counts: [S] c_t.
        load: [E] of the whole batch.
        num_tokens: sum_t c_t of the whole batch.
    Returns: [].
    """
    shares = (load / max(num_tokens, 1.0)).to(probabilities)
    mean = (counts[:, None] * probabilities).sum(0) / max(num_tokens, 1.0)
    return probabilities.shape[-1] * (shares * mean).sum()


def moved_bias(bias: Tensor, load: Tensor, speed: float) -> Tensor:
    """DeepSeek-V3's bias after a batch: up by `speed` for an expert below the mean load, down for
    one above it.

    Args:
        bias, load: [E].
    """
    return bias + speed * torch.sign(load.mean() - load).to(bias)


def max_load(load: Tensor) -> float:
    """Of [E]: the fullest expert's load in mean loads; 1 is even, E / k the most there is."""
    return float(load.max() / load.mean().clamp(min=1e-12))


def num_starved(load: Tensor) -> int:
    """Of [E]: experts with less than STARVED of the mean load."""
    return int((load < STARVED * load.mean()).sum())


def total_entropy(probabilities: Tensor, counts: Tensor) -> Tensor:
    """Sum over tokens of c_t times the entropy of a token's probabilities, in units of the even
    distribution's: 1 is a router that knows no difference, 0 one that is sure.

    Args:
        probabilities: [S, E].
        counts: [S].
    Returns: [].
    """
    entropy = torch.special.entr(probabilities.float()).sum(-1) / math.log(probabilities.shape[-1])
    return (counts * entropy).sum()
