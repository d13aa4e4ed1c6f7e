"""Merging policies: one tensor of each, as float32, becomes one of the merged policy.

A task vector is what a policy has learned since a base: tau_i = theta_i - theta_base. Weights w_i
are shares and sum to 1; scale is lambda of the papers. Every method works on a tensor by itself,
so what a share of entries means holds for each tensor, not for the policy as a whole.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_PARALLEL = 0.9995
"""A cosine from which on the arc is taken for its chord: sin(omega) is too small to divide by."""


def linear(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Model soup (arXiv:2203.05482, section 2), with weights.

        theta = sum_i w_i theta_i

    Args:
        tensors: one of each policy, float32, of one shape.
    """
    merged = torch.zeros_like(tensors[0])
    for tensor, weight in zip(tensors, weights, strict=True):
        merged.add_(tensor, alpha=weight)
    return merged


def slerp(first: Tensor, second: Tensor, t: float) -> Tensor:
    """Spherical linear interpolation (Shoemake 1985, Animating rotation with quaternion curves).

        theta = sin((1 - t) omega) / sin(omega) theta_1 + sin(t omega) / sin(omega) theta_2
        cos(omega) = <theta_1, theta_2> / (|theta_1| |theta_2|)

    The whole tensor is one vector. Where the two are parallel, opposite, or one of them is 0, there
    is no arc, and the result is linear.

    Args:
        t: 0 is the first, 1 the second.
    """
    norms = torch.linalg.vector_norm(first) * torch.linalg.vector_norm(second)
    cosine = float(torch.sum(first * second) / norms) if norms > 0 else 1.0
    if abs(cosine) > _PARALLEL:
        return linear((first, second), (1 - t, t))
    omega = math.acos(cosine)
    shares = [math.sin(part * omega) / math.sin(omega) for part in (1 - t, t)]
    return linear((first, second), shares)


def task_arithmetic(
    base: Tensor, tensors: Sequence[Tensor], weights: Sequence[float], scale: float
) -> Tensor:
    """Task arithmetic (arXiv:2212.04089, section 2).

        theta = theta_base + lambda sum_i w_i tau_i

    A scale below 0 takes away what was learned. The paper's sum of n task vectors times lambda is
    equal weights with a scale of n lambda.
    """
    vectors = [tensor - base for tensor in tensors]
    return base.add(linear(vectors, weights), alpha=scale)


def ties(
    base: Tensor,
    tensors: Sequence[Tensor],
    weights: Sequence[float],
    scale: float,
    density: float,
) -> Tensor:
    """TIES (arXiv:2306.01708, algorithm 1): trim, elect a sign, merge those that agree.

        tau'_i = the entries of tau_i with the largest magnitudes, 0 elsewhere
        gamma = sgn(sum_i w_i tau'_i), for each entry
        theta = theta_base + lambda sum_A w_i tau'_i / sum_A w_i,  A = {i: sgn(tau'_i) = gamma}

    An entry whose sum is 0 elects no sign and stays as in the base.

    Args:
        density: share of entries that are kept, at least one; entries of equal magnitude stand and
            fall together.
    """
    vectors = [_trimmed(tensor - base, density) for tensor in tensors]
    return base.add(_mean_of_agreeing(vectors, weights), alpha=scale)


def dare_linear(
    base: Tensor,
    tensors: Sequence[Tensor],
    weights: Sequence[float],
    scale: float,
    density: float,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """DARE (arXiv:2311.03099, eq. 1): drop at random and rescale, then task arithmetic.

        m_i ~ Bernoulli(density), for each entry
        theta = theta_base + lambda sum_i w_i m_i tau_i / density

    The paper's drop rate p is 1 - density. The expectation is that of task arithmetic.

    Args:
        generators: one for each policy, which draws its m_i.
    """
    vectors = _dropped(base, tensors, density, generators)
    return base.add(linear(vectors, weights), alpha=scale)


def dare_ties(
    base: Tensor,
    tensors: Sequence[Tensor],
    weights: Sequence[float],
    scale: float,
    density: float,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """DARE (arXiv:2311.03099, section 3.3) before TIES, whose trimming it takes the place of.

    tau'_i of `ties` is m_i tau_i / density of `dare_linear`.
    """
    vectors = _dropped(base, tensors, density, generators)
    return base.add(_mean_of_agreeing(vectors, weights), alpha=scale)


def _trimmed(vector: Tensor, density: float) -> Tensor:
    """The entries of the largest magnitudes, in place."""
    sizes = vector.abs().flatten()
    kept = max(1, math.ceil(round(density * sizes.numel(), 6)))
    if kept >= sizes.numel():
        return vector
    smallest = torch.kthvalue(sizes, sizes.numel() - kept + 1).values
    return vector.mul_(vector.abs() >= smallest)


def _dropped(
    base: Tensor,
    tensors: Sequence[Tensor],
    density: float,
    generators: Sequence[torch.Generator],
) -> list[Tensor]:
    """Task vectors, rescaled where they were kept."""
    vectors = []
    for tensor, generator in zip(tensors, generators, strict=True):
        kept = torch.rand(tensor.shape, generator=generator) < density
        vectors.append((tensor - base).mul_(kept).div_(density))
    return vectors


def _mean_of_agreeing(vectors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Of each entry, the weighted mean over those vectors that have the elected sign there."""
    elected = linear(vectors, weights).sign()
    total, share = torch.zeros_like(elected), torch.zeros_like(elected)
    for vector, weight in zip(vectors, weights, strict=True):
        agrees = (vector.sign() == elected) & (elected != 0)
        total.add_(vector * agrees, alpha=weight)
        share.add_(agrees, alpha=weight)
    return torch.where(share > 0, total / share, 0.0)
