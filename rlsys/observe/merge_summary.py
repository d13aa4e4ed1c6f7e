"""What a merge came to: of what, by which method, and how far the result is from each input."""

from dataclasses import dataclass
from typing import Any

from rlsys.lineage.manifest import Figure
from rlsys.observe.run_summary import RunSummary


@dataclass(kw_only=True)
class MergeSummary(RunSummary):
    """The evidence of one merge. A step of it is a tensor."""

    policy: str
    method: str
    inputs: dict[str, str]
    """The folder of each: policy_1, policy_2, base."""
    weights: list[float]
    scale: float
    density: float
    seed: int
    copied: list[str]
    """Tensors of whole numbers, which are the first policy's."""
    parameters: int
    distances: dict[str, float]
    """|merged - input| / |input| over all merged tensors, of each input."""

    def figures(self) -> dict[str, Figure]:
        """What a gate can ask for (rlsys/lineage/kinds.py)."""
        return {
            "wall_s": round(self.wall_s, 3),
            "tensors": self.steps,
            "parameters": self.parameters,
            **{f"distance_{name}": value for name, value in self.distances.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """As written to summary.json."""
        return {
            "run": self.run,
            "policy": self.policy,
            "method": self.method,
            "inputs": self.inputs,
            "weights": self.weights,
            "scale": self.scale,
            "density": self.density,
            "seed": self.seed,
            "steps": self.steps,
            "planned_steps": self.planned_steps,
            "tensors": self.steps,
            "copied": self.copied,
            "parameters": self.parameters,
            "distances": self.distances,
            "wall_s": round(self.wall_s, 3),
            "notes": self.notes,
        }

    def table_rows(self) -> list[tuple[str, str]]:
        """Each input with its weight and its distance, then the method."""
        weights = [f"weight {weight:.4g}, " for weight in self.weights]
        rows = []
        for i, (name, folder) in enumerate(self.inputs.items()):
            weight = weights[i] if i < len(weights) else ""
            rows.append((name, f"{weight}{self.distances[name]:.3%} of its norm away: {folder}"))
        made = f"{self.steps:,} tensors, {self.parameters:,} parameters in {self.wall_s:.1f} s"
        return [*rows, (self.method, made)]

    def places(self) -> list[str]:
        """Of the policy."""
        return [f"policy: {self.policy}"]
