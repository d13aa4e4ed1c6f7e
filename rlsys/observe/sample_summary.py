"""What a run of `rlsys sample` ends with."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlsys.data.rates import FILE as RATES
from rlsys.evaluation.demonstrations import DEMONSTRATIONS
from rlsys.evaluation.selection import Selection
from rlsys.lineage.manifest import Figure
from rlsys.observe.run_summary import RunSummary


@dataclass(kw_only=True)
class SampleSummary(RunSummary):
    """The evidence of one run; its steps are prompts."""

    folder: Path
    n: int
    """Completions per prompt."""
    sampling_s: float
    """Of all drivers of the run, without starts and ends of fleets."""
    selection: Selection | None
    """None: the run was stopped before all was sampled."""

    def to_dict(self) -> dict[str, Any]:
        """As written to summary.json."""
        found = self.selection
        told: dict[str, Any] = {}
        if found is not None:
            told = {
                "pass_at_1": found.pass_at[1].mean if found.pass_at else None,
                "pass_at": {str(k): asdict(interval) for k, interval in found.pass_at.items()},
                "completions": found.completions,
                "tokens": found.tokens,
                "truncated": found.cut_off / found.completions,
                "never_right": found.never_right,
                "always_right": found.always_right,
                "ungraded": found.ungraded,
                "kept": found.kept,
                "kept_tokens": found.kept_tokens,
                "kept_prompts": found.kept_prompts,
                "kept_by_source": dict(sorted(found.sources.items())),
                "thrown_away": found.thrown,
            }
        return {
            "run": self.run,
            "steps": self.steps,
            "planned_steps": self.planned_steps,
            "n": self.n,
            **told,
            "wall_s": round(self.wall_s, 3),
            "sampling_s": round(self.sampling_s, 3),
            "time": self.times_to_dict(),
            "notes": self.notes,
        }

    def figures(self) -> dict[str, Figure]:
        """pass@k, and how many are kept, of how many."""
        found = self.selection
        if found is None:
            return super().figures()
        pass_at: dict[str, Figure] = {
            f"pass_at_{k}": {"mean": one.mean, "low": one.low, "high": one.high}
            for k, one in found.pass_at.items()
        }
        return {
            **super().figures(),
            **pass_at,
            "completions": found.completions,
            "tokens": found.tokens,
            "mean_tokens": found.tokens / found.completions,
            "truncated": found.cut_off / found.completions,
            "kept": found.kept,
            "kept_prompts": found.kept_prompts,
            "never_right": found.never_right,
            "always_right": found.always_right,
        }

    def table_rows(self) -> list[tuple[str, str]]:
        """How good the policy is, what was thrown away by which rule, and what is left."""
        rows = [("prompts", f"{self.steps:,} x {self.n} in {self.sampling_s:.1f} s of sampling")]
        found = self.selection
        if found is None:
            return rows
        rows += [(f"pass@{k}", f"{interval}") for k, interval in found.pass_at.items()]
        known = found.prompts - found.ungraded
        between = known - found.never_right - found.always_right
        unknown = f"; {found.ungraded:,} without a verdict" if found.ungraded else ""
        rows.append(
            (
                "right never, at times, always",
                f"{found.never_right:,}, {between:,}, {found.always_right:,} prompts{unknown}",
            )
        )
        rate = found.tokens / max(self.sampling_s, 1e-9)
        mean = found.tokens / found.completions
        rows.append(("completions", f"{found.completions:,}, of {mean:.1f} tokens each"))
        rows.append(("tokens", f"{found.tokens:,} ({rate:,.0f}/s)"))
        rows += [(f"thrown away: {rule}", f"{n:,}") for rule, n in found.thrown.items()]
        rows.append(("kept", f"{found.kept:,}, to {found.kept_prompts:,} prompts"))
        if len(found.sources) > 1:
            rows += [(f"  {source}", f"{n:,}") for source, n in sorted(found.sources.items())]
        return rows

    def advice(self) -> list[str]:
        """Where pass@n is 0, that no reinforcement will help."""
        found = self.selection
        if found is None or not found.pass_at:
            return []
        most = max(found.pass_at)
        if not found.pass_at[most].mean:
            return [
                f"pass@{most} is 0: not one completion is right, so reinforcement has nothing to "
                "reward; take easier rows, another policy, or demonstrations of somebody else's"
            ]
        return []

    def places(self) -> list[str]:
        """Of both files."""
        if self.selection is None:
            return []
        files = (("demonstrations", DEMONSTRATIONS), ("rates", RATES))
        return [f"{name}: {self.folder / file}" for name, file in files]
