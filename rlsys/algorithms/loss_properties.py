"""What has to hold of every loss, built in or a user's own."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from rlsys.algorithms.clipping import surrogate_of
from rlsys.algorithms.contract import Bound, TokenLoss
from rlsys.algorithms.losses import LossInputs, policy_loss
from rlsys.algorithms.properties import Broken, Finding, Trials, found, require_close
from rlsys.algorithms.registry import batch_columns
from rlsys.config.algorithm import (
    AlgorithmConfig,
    KlConfig,
    LossConfig,
    OffPolicyConfig,
    WeightRule,
)

ROWS, LONGEST = 6, 5


def check_loss(loss: Bound[TokenLoss]) -> Iterator[Finding]:
    """The policy term of a loss by itself: no KL, no bonus, weights only measured."""
    trials: Trials[TokenLoss] = {
        "an advantage of zero gives no gradient": _zero_advantage,
        "at ratio 1 each token's gradient goes where its advantage points": _direction,
        "loss and gradient are finite, however far the policies are apart": _extremes,
        "the order of completions does not matter": _order,
        "microbatches add up to the whole": _split,
        "tokens outside of the mask have no part": _masked,
        "its columns are left as they are": _untouched,
        "its gradient is the slope of its value": _slope,
    }
    return found(trials, loss)


def _config(loss: Bound[TokenLoss]) -> AlgorithmConfig:
    return AlgorithmConfig(
        loss=LossConfig(loss.name),
        kl=KlConfig(coefficient=0.0),
        off_policy=OffPolicyConfig(weight_rule=WeightRule.metrics_only),
    )


def _batch(loss: Bound[TokenLoss], apart: float = 0.1, seed: int = 0) -> LossInputs:
    """Completions of 0 to LONGEST tokens; the logprobs of two policies are so many nats apart."""
    rng = np.random.default_rng(seed)
    shape = (ROWS, LONGEST)

    def logprobs() -> Tensor:
        return torch.from_numpy(-1.0 - rng.random(shape) - apart * rng.random(shape))

    columns = {"policy_versions": torch.from_numpy(rng.integers(0, 3, shape)).double()}
    mask = torch.from_numpy(np.arange(LONGEST)[None, :] < rng.permutation(ROWS)[:, None])
    rollout = logprobs()
    near = torch.from_numpy(apart * rng.uniform(-1, 1, shape))
    return LossInputs(
        policy_logprobs=(rollout + near).clamp(max=-1e-3).requires_grad_(),
        rollout_logprobs=rollout,
        proximal_logprobs=None,
        reference_logprobs=logprobs(),
        advantages=torch.from_numpy(rng.normal(size=shape)),
        mask=mask,
        weights=torch.from_numpy(rng.uniform(0.1, 1.0, ROWS)),
        entropy=torch.from_numpy(rng.random(shape)),
        columns={name: columns.get(name, logprobs()) for name in batch_columns(loss)},
    )


def _taken(loss: Bound[TokenLoss], batch: LossInputs) -> tuple[float, Tensor]:
    """The loss, and its gradient by the policy's logprobs."""
    total = policy_loss(batch, loss, _config(loss)).loss
    (slope,) = torch.autograd.grad(total, batch.policy_logprobs, allow_unused=True)
    if slope is None:
        raise Broken("it does not depend on the policy")
    return float(total.detach()), slope


def _rows(batch: LossInputs, rows: list[int]) -> LossInputs:
    """Some of its completions, in this order; gradients reach the same logprobs."""

    def some(column: Tensor | None) -> Tensor | None:
        return None if column is None else column[rows]

    return replace(
        batch,
        policy_logprobs=batch.policy_logprobs[rows],
        rollout_logprobs=batch.rollout_logprobs[rows],
        reference_logprobs=some(batch.reference_logprobs),
        advantages=batch.advantages[rows],
        mask=batch.mask[rows],
        weights=batch.weights[rows],
        entropy=some(batch.entropy),
        columns={name: column[rows] for name, column in batch.columns.items()},
    )


def _zero_advantage(loss: Bound[TokenLoss]) -> str:
    batch = _batch(loss)
    slope = _taken(loss, replace(batch, advantages=torch.zeros_like(batch.advantages)))[1]
    if (largest := float(slope.abs().max())) > 0:
        raise Broken(
            f"a gradient of up to {largest:.2g}; a step in which no completion has an advantage is "
            "left out, so what it asks for then would be followed in some steps alone"
        )
    return ""


def _direction(loss: Bound[TokenLoss]) -> str:
    batch = _batch(loss)
    on_policy = replace(batch, policy_logprobs=batch.rollout_logprobs.clone().requires_grad_())
    slope = _taken(loss, on_policy)[1][batch.mask]
    wanted = (-batch.weights[:, None] * batch.advantages)[batch.mask]
    against = slope * wanted < 0
    if against.any():
        where = int(torch.nonzero(against)[0])
        raise Broken(
            f"{int(against.sum())} of {against.numel()} tokens go the other way: one of advantage "
            f"{float(batch.advantages[batch.mask][where]):.2g} has the gradient "
            f"{float(slope[where]):.2g} by its logprob"
        )
    if not slope.any():
        raise Broken("no token has a gradient")
    return f"cosine with the policy gradient {_cosine(slope, wanted):.3f}"


def _cosine(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum() / (a.norm() * b.norm()))


def _extremes(loss: Bound[TokenLoss]) -> str:
    for apart in (1.0, 30.0, 1e4):
        for dtype in (torch.float64, torch.float32):
            batch = _as(_batch(loss, apart), dtype)
            total, slope = _taken(loss, batch)
            if not np.isfinite(total) or not bool(slope.isfinite().all()):
                raise Broken(f"the loss is {total:g} with policies {apart:g} nats apart, {dtype}")
    return "up to 10,000 nats, float32 and float64"


def _as(batch: LossInputs, dtype: torch.dtype) -> LossInputs:
    def cast(column: Tensor | None) -> Tensor | None:
        return None if column is None else column.detach().to(dtype)

    return replace(
        batch,
        policy_logprobs=batch.policy_logprobs.detach().to(dtype).requires_grad_(),
        rollout_logprobs=batch.rollout_logprobs.to(dtype),
        reference_logprobs=cast(batch.reference_logprobs),
        advantages=batch.advantages.to(dtype),
        weights=batch.weights.to(dtype),
        entropy=cast(batch.entropy),
        columns={name: column.to(dtype) for name, column in batch.columns.items()},
    )


def _order(loss: Bound[TokenLoss]) -> str:
    return _same_in_parts(loss, [[3, 0, 5, 1, 4, 2]])


def _split(loss: Bound[TokenLoss]) -> str:
    return _same_in_parts(loss, [[0, 3], [1], [5, 4, 2]])


def _same_in_parts(loss: Bound[TokenLoss], parts: list[list[int]]) -> str:
    batch = _batch(loss, apart=0.5)
    whole, slope = _taken(loss, batch)
    config = _config(loss)
    losses = [policy_loss(_rows(batch, part), loss, config).loss for part in parts]
    total = torch.stack(losses).sum()
    (split_slope,) = torch.autograd.grad(total, batch.policy_logprobs)
    require_close(whole, float(total.detach()), "the loss")
    require_close(slope.numpy(), split_slope.numpy(), "the gradient")
    return ""


def _masked(loss: Bound[TokenLoss]) -> str:
    batch = _batch(loss, apart=0.5)
    total, slope = _taken(loss, batch)
    if slope[~batch.mask].any():
        raise Broken("a token outside of the mask has a gradient")

    def spoilt(column: Tensor) -> Tensor:
        return torch.where(batch.mask, column.detach(), float("nan"))

    other = replace(
        batch,
        policy_logprobs=spoilt(batch.policy_logprobs).requires_grad_(),
        rollout_logprobs=spoilt(batch.rollout_logprobs),
        advantages=spoilt(batch.advantages),
        columns={name: spoilt(column) for name, column in batch.columns.items()},
    )
    other_total, other_slope = _taken(loss, other)
    require_close(total, other_total, "the loss")
    require_close(slope.numpy(), other_slope.numpy(), "the gradient")
    wider_total, wider_slope = _taken(loss, _wider(other))
    require_close(total, wider_total, "with more padding the loss")
    require_close(slope.numpy(), wider_slope[:, :LONGEST].numpy(), "with more padding the gradient")
    return ""


def _wider(batch: LossInputs) -> LossInputs:
    """The same with padding behind the longest completion."""

    def padded(column: Tensor, value: float = float("nan")) -> Tensor:
        more = torch.full((ROWS, 2), value, dtype=column.dtype)
        return torch.cat([column.detach(), more], dim=1)

    return replace(
        batch,
        policy_logprobs=padded(batch.policy_logprobs).requires_grad_(),
        rollout_logprobs=padded(batch.rollout_logprobs),
        reference_logprobs=None,
        advantages=padded(batch.advantages),
        mask=padded(batch.mask, False),
        entropy=None if batch.entropy is None else padded(batch.entropy),
        columns={name: padded(column) for name, column in batch.columns.items()},
    )


def _named(loss: Bound[TokenLoss], batch: LossInputs, policy: Tensor) -> dict[str, Tensor]:
    """What a loss may read, with the ratio to the sampler."""
    assert batch.reference_logprobs is not None
    assert batch.entropy is not None
    return {
        "ratio": (policy - batch.rollout_logprobs).exp(),
        "advantages": batch.advantages,
        "policy_logprobs": policy,
        "rollout_logprobs": batch.rollout_logprobs,
        "proximal_logprobs": batch.rollout_logprobs,
        "reference_logprobs": batch.reference_logprobs,
        "entropy": batch.entropy,
        "mask": batch.mask,
        **batch.columns,
    }


def _untouched(loss: Bound[TokenLoss]) -> str:
    batch = _batch(loss, apart=0.5)
    given = {k: v.detach().clone() for k, v in _named(loss, batch, batch.policy_logprobs).items()}
    before = {name: column.clone() for name, column in given.items()}
    surrogate_of(loss, given)
    changed = [name for name in loss.columns if not torch.equal(before[name], given[name])]
    if changed:
        raise Broken(f"it writes into {', '.join(changed)}")
    return f"it reads {', '.join(loss.columns)}"


def _slope(loss: Bound[TokenLoss]) -> str:
    if loss.spec.stops_gradient:
        return "not looked at: it stops a gradient on purpose"
    batch = _batch(loss, apart=0.1)
    at = batch.policy_logprobs.detach().clone().requires_grad_()

    def value(policy: Tensor) -> Tensor:
        return surrogate_of(loss, _named(loss, batch, policy)).loss.sum()

    (slope,) = torch.autograd.grad(value(at), at)
    step = 1e-6
    for row in range(ROWS):
        for column in range(LONGEST):
            moved = torch.zeros_like(at)
            moved[row, column] = step
            with torch.no_grad():
                measured = float(value(at + moved) - value(at - moved)) / (2 * step)
            told = float(slope[row, column])
            if abs(measured - told) > 1e-5 * max(1.0, abs(told)):
                raise Broken(
                    f"the gradient is {told:.6g} where the value's slope is {measured:.6g}; where "
                    "it stops a gradient on purpose: TokenLoss(function, stops_gradient=True)"
                )
    return "in float64, by central differences"
