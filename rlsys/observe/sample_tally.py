"""What a line says of a run that samples: figures of the completions since the line before."""

from dataclasses import dataclass

import numpy as np

from rlsys.loop.fleet import Graded, Sampled


@dataclass
class Tally:
    """Sums over some prompts and their completions."""

    prompts: int = 0
    solved: int = 0
    """Prompts with a right completion."""
    completions: int = 0
    graded: int = 0
    right: int = 0
    reward: float = 0.0
    tokens: int = 0
    truncated: int = 0

    def add(self, sampled: Sampled, graded: Graded, size: int) -> None:
        """The completions of some prompts, `size` of each."""
        has_verdict = ~np.isnan(graded.rewards)
        right = graded.correct.astype(bool) & has_verdict
        self.prompts += len(right) // size
        self.solved += int(right.reshape(-1, size).any(axis=1).sum())
        self.completions += len(right)
        self.graded += int(has_verdict.sum())
        self.right += int(right.sum())
        self.reward += float(np.nansum(graded.rewards))
        self.tokens += int(sampled.num_tokens.sum())
        self.truncated += int(sampled.truncated.sum())

    def metrics(self, seconds: float) -> dict[str, float]:
        """As a line has them; `seconds` are those that the completions took."""
        metrics = {
            "reward/missing": 1 - self.graded / self.completions,
            "reward/solved": self.solved / self.prompts,
            "completion/mean_tokens": self.tokens / self.completions,
            "completion/truncated": self.truncated / self.completions,
            "throughput/step_s": seconds / self.prompts,
            "throughput/sampled_tokens_per_s": self.tokens / max(seconds, 1e-9),
        }
        if self.graded:
            metrics["reward/accuracy"] = self.right / self.graded
            metrics["reward/mean"] = self.reward / self.graded
        return metrics
