"""Logprobs of given tokens without the [tokens, vocabulary] logits.

The head is applied to chunks of hidden states under activation checkpointing, so at any moment
only one chunk's logits exist, in the forward and in the backward pass alike. Peak memory is
proportional to chunk_tokens * vocabulary, whatever the number of tokens.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint


def chunked_logprobs(
    lm_head: Callable[[Tensor], Tensor],
    hidden: Tensor,
    targets: Tensor,
    temperature: float,
    chunk_tokens: int,
    *,
    kept: Tensor | None = None,
    entropy_gradient: bool = False,
    num_chunks: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities of target tokens, as the sampler has them: log_softmax(logits / T).

    Exact to float32 rounding, forward and gradient: logits become float32 before the division,
    as in vLLM's sampler. With `kept`, the softmax is over those tokens alone: where the sampler
    truncated by top-k, top-p or min-p, and says what it kept, these are the logprobs of the policy
    as sampled (the keep sampling mask of DeepSeek-V3.2, arXiv:2512.02556, section 3.1).

    Args:
        lm_head:      [n, H] -> [n, V]. A module is called as a module, so hooks fire (ZeRO-3
            gathers its weight for each chunk, forward and backward).
        hidden:       [N, H] final hidden states that predict the targets; gradient flows here.
        targets:      [N] int64 token ids.
        temperature:  above 0.
        chunk_tokens: most tokens whose logits exist at once.
        kept:         [N, K] int64 token ids, the target among them, -1 where there are fewer than
            K. They are constants: no gradient says which tokens are kept, and the logits of the
            others have none.
        entropy_gradient: let gradients flow through the entropy (an entropy bonus needs it).
        num_chunks:   exact number of calls of lm_head, empty chunks included. Under ZeRO-3 every
            rank must make the same number: pass the largest ceil(N / chunk_tokens) of any rank.
    Returns: logprobs [N] and entropies [N], float32 (float64 for a float64 head), nats.
    Raises:
        ValueError: temperature, chunk_tokens or num_chunks is not positive.
    """
    if temperature <= 0 or chunk_tokens < 1 or (num_chunks is not None and num_chunks < 1):
        raise ValueError(
            f"temperature={temperature}, chunk_tokens={chunk_tokens} and num_chunks={num_chunks} "
            "must be positive"
        )
    needed = max(1, -(-hidden.shape[0] // chunk_tokens))
    pieces = needed if num_chunks is None else num_chunks

    def on_chunk(states: Tensor, ids: Tensor, among: Tensor | None) -> tuple[Tensor, Tensor]:
        return _chunk(lm_head, states, ids, among, temperature, entropy_gradient)

    results = []
    amongs = [None] * pieces if kept is None else kept.tensor_split(pieces)
    chunks = zip(hidden.tensor_split(pieces), targets.tensor_split(pieces), amongs, strict=True)
    for chunk in chunks:
        # The backward pass begins with the head: a single chunk's logits may as well be kept.
        if torch.is_grad_enabled() and pieces > 1:
            results.append(
                checkpoint(on_chunk, *chunk, use_reentrant=False, preserve_rng_state=False)
            )
        else:
            results.append(on_chunk(*chunk))
    logprobs, entropies = zip(*results, strict=True)
    return torch.cat(logprobs), torch.cat(entropies)


def _chunk(
    lm_head: Callable[[Tensor], Tensor],
    hidden: Tensor,
    targets: Tensor,
    kept: Tensor | None,
    temperature: float,
    entropy_gradient: bool,
) -> tuple[Tensor, Tensor]:
    logits = lm_head(hidden)
    if logits.dtype is not torch.float64:
        logits = logits.float()
    if temperature != 1.0:
        logits = logits / temperature
    # Picks logits[i, targets[i]]; gather's backward pass takes as long as the head's on a CPU.
    picked = -functional.nll_loss(logits, targets, reduction="none")
    if kept is not None:
        # The least finite number instead of -inf, whose product with a probability of 0 is NaN.
        least = torch.finfo(logits.dtype).min
        logits = logits.gather(1, kept.clamp(min=0)).masked_fill(kept < 0, least)
    normalizer = logits.logsumexp(dim=1)
    # After everything that the gradient needs: the recomputation in backward stops before it.
    with torch.set_grad_enabled(entropy_gradient and torch.is_grad_enabled()):
        entropy = _entropy(logits, normalizer)
    return picked - normalizer, entropy


def _entropy(logits: Tensor, normalizer: Tensor) -> Tensor:
    """H = -sum_v p_v log p_v, which keeps its precision where one token has nearly all of p."""
    logprobs = logits - normalizer[:, None]
    return -torch.einsum("nv,nv->n", logprobs.exp(), logprobs)
