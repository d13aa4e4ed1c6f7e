"""The 1/|o| of GRPO by itself: a policy that only decides when to stop, under three denominators.

    python benchmarks/length_bias.py [--steps 300] [--plot docs/images/length_bias.svg]

Whether an answer will be right is tossed before it begins, and the policy sees the toss: it has one
stop logit per position for answers that will be right and one for those that will be wrong. So no
length earns anything, and a gradient without bias leaves lengths where they are. What moves them
is the denominator. The loss is the system's own (rlsys/algorithms), on-policy, with Adam. Takes
half a minute on one core and starts nothing. The last line is one JSON object: mean lengths of the
first and last 20 steps.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from rlsys.algorithms.advantages import sequence_advantages
from rlsys.algorithms.aggregation import sequence_weights
from rlsys.algorithms.losses import LossInputs, policy_loss
from rlsys.algorithms.registry import Registry
from rlsys.config.algorithm import Aggregation, AlgorithmConfig, KlConfig, LossConfig

DENOMINATORS = {
    "GRPO": Aggregation.sequence_mean,
    "DAPO": Aggregation.token_mean,
    "Dr. GRPO": Aggregation.constant,
}
GROUPS, SIZE, LONGEST, MEAN_LENGTH = 32, 16, 128, 20


def train(aggregation: Aggregation, steps: int, seed: int) -> np.ndarray:
    """[steps, 2] mean tokens of wrong and of right answers."""
    config = AlgorithmConfig(loss=LossConfig(aggregation=aggregation), kl=KlConfig(coefficient=0.0))
    estimator, loss = Registry().estimator_of(config), Registry().loss_of(config)
    generator = torch.Generator().manual_seed(seed)
    start = float(np.log(1 / (MEAN_LENGTH - 1)))  # stops with probability 1 / MEAN_LENGTH
    logits = torch.full((2, LONGEST), start, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.01)
    groups = np.repeat(np.arange(GROUPS), SIZE)
    lengths_of = np.zeros((steps, 2))
    for step in range(steps):
        right = torch.randint(2, (GROUPS * SIZE,), generator=generator)
        own = logits[right]
        stops = torch.rand(own.shape, generator=generator) < own.detach().sigmoid()
        stops[:, -1] = True
        lengths = stops.int().argmax(dim=1) + 1
        position = torch.arange(LONGEST)[None, :]
        is_last = position == lengths[:, None] - 1
        logprobs = torch.where(is_last, logsigmoid(own), logsigmoid(-own))
        advantages = sequence_advantages(
            estimator, {"rewards": right.double().numpy(), "groups": groups}
        )
        weights = sequence_weights(lengths.numpy(), groups, aggregation, LONGEST)
        inputs = LossInputs(
            policy_logprobs=logprobs,
            rollout_logprobs=logprobs.detach(),
            proximal_logprobs=None,
            reference_logprobs=None,
            advantages=torch.from_numpy(advantages)[:, None].expand(logprobs.shape),
            mask=position < lengths[:, None],
            weights=torch.from_numpy(weights).float(),
            entropy=None,
        )
        optimizer.zero_grad()
        policy_loss(inputs, loss, config).loss.backward()
        optimizer.step()
        for kind in (0, 1):
            lengths_of[step, kind] = lengths[right == kind].float().mean()
    return lengths_of


def plot(curves: dict[str, np.ndarray], path: Path) -> None:
    """Two panels, wrong and right answers, one line per denominator: means over 20 steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3), sharey=True)
    for axis, kind, title in zip(axes, (0, 1), ("wrong answers", "right answers"), strict=True):
        for name, lengths in curves.items():
            smooth = np.convolve(lengths[:, kind], np.ones(20) / 20, mode="valid")
            axis.plot(np.arange(len(smooth)) + 20, smooth, label=name, linewidth=1.4)
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("mean tokens")
    axes[0].legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--plot", type=Path, default=None, help="an .svg or .png file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    curves, results = {}, {}
    print("| denominator | wrong answers: tokens | right answers: tokens |")
    print("|---|---|---|")
    for name, aggregation in DENOMINATORS.items():
        runs = np.stack([train(aggregation, arguments.steps, seed) for seed in arguments.seeds])
        curves[name] = runs.mean(axis=0)
        first, last = runs[:, :20].mean(axis=1), runs[:, -20:].mean(axis=1)
        cells = [
            f"{first[:, k].mean():.1f} to {last[:, k].mean():.1f} "
            f"({last[:, k].min():.1f} to {last[:, k].max():.1f} over seeds)"
            for k in (0, 1)
        ]
        print(f"| {name} | {cells[0]} | {cells[1]} |", flush=True)
        results[name] = {"first": first.tolist(), "last": last.tolist()}
    if arguments.plot:
        plot(curves, arguments.plot)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
