"""Proof that a model can be trained in packed rows: each sequence is as if it were alone.

A row is one sequence to whatever is not attention by the plan: a state that runs along the row, a
convolution, positions that are counted from the row's start. Such a model's logprobs depend on
what happens to lie before them, and nothing else would show it.
"""

import numpy as np
import torch

from rlsys.config.run import Precision
from rlsys.errors import ConfigError
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.network import Network
from rlsys.learning.policy import PolicyModel
from rlsys.learning.reference import score_sequences
from rlsys.learning.scores import ScoreModel

_ROUNDING = {Precision.float32: 1e-3, Precision.bfloat16: 0.25}
"""By what rows of other shapes are rounded otherwise: nats, or shares of a state's mean size."""


def check_packing(policy: Network, token_ids: np.ndarray, precision: Precision) -> None:
    """Compare three sequences alone with the same in one row, two of them behind one prompt.

    Args:
        token_ids: [T] of any text; the sequences are parts of it.
    Raises:
        ConfigError: names the model and the largest difference; or what it says are no numbers.
    """
    first, second, third = np.array_split(np.resize(token_ids, max(24, len(token_ids))), 3)
    prompts = [first[:4], second[:2], second[:2]]
    completions = [first[4:], second[2:], third]
    together = _numbers(policy, prompts, completions)
    apart = [_numbers(policy, [p], [a])[0] for p, a in zip(prompts, completions, strict=True)]
    if not all(np.isfinite(one).all() for one in apart):
        raise ConfigError(
            f"model.path: what the {type(policy.model).__name__} says of a text are no finite "
            "numbers: its weights hold such, or are too large; take an earlier checkpoint of it, "
            "or copy or download it again"
        )
    error = max(np.abs(x - y).max() for x, y in zip(together, apart, strict=True))
    if not error <= _ROUNDING[precision]:
        raise ConfigError(
            f"model.path: {type(policy.model).__name__} cannot be trained in packed rows: what it "
            f"says of a sequence changes by {error:.3g} with what else lies in its row. "
            "docs/models.md lists the models that work"
        )


@torch.no_grad()
def _numbers(
    network: Network, prompts: list[np.ndarray], completions: list[np.ndarray]
) -> list[np.ndarray]:
    """Of each sequence what the network makes of it: a policy's logprobs, or the hidden state that
    a head reads, in units of its mean size, since a head that is new says nothing."""
    groups = [0, 1, 1][: len(completions)]
    if isinstance(network, PolicyModel):
        return score_sequences(network, prompts, completions, groups, True, 1 << 30)
    assert isinstance(network, ScoreModel)
    blocks = blocks_of(groups, len(completions), share_prompts=True)
    layout = lay_out(blocks, prompts, completions).to(next(network.parameters()).device)
    states = network.states(layout).float()
    return list((states / states.abs().mean(1, keepdim=True)).cpu().numpy())
