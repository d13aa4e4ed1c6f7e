"""What the summary of every stage that trains has: held-out checks, steps, tokens."""

from abc import abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any

from rlsys.evaluation import curve
from rlsys.evaluation.estimators import Difference
from rlsys.evaluation.heldout import HeldOut
from rlsys.lineage.manifest import Figure
from rlsys.observe.run_summary import RunSummary


@dataclass(kw_only=True)
class StageSummary(RunSummary):
    """The evidence of one run of a stage that trains."""

    before: HeldOut | None
    after: HeldOut | None
    """None: there were no held-out prompts, or none were asked for."""
    train_s: float
    """Of the training loop alone."""
    consumed_tokens: int
    """Completion tokens that were trained on."""
    policy: str = ""
    """Folder of the newest checkpoint's policy; empty: there is none."""
    resumes: int = 0
    """How often another driver went on with the run; wall_s is the last one's."""
    checks: list[HeldOut] = field(default_factory=list)
    """All held-out checks, by step."""

    @property
    @abstractmethod
    def epochs(self) -> float:
        """Passes over what was trained on."""

    @abstractmethod
    def more_to_dict(self) -> dict[str, Any]:
        """What this stage has beside the others, as JSON values."""

    @abstractmethod
    def more_rows(self) -> list[tuple[str, str]]:
        """The same as rows of the printed table."""

    def figures(self) -> dict[str, Figure]:
        """What a gate can ask for (rlsys/lineage/kinds.py), those that were measured."""
        figures = super().figures() | {
            "epochs": round(self.epochs, 4),
            "consumed_tokens": self.consumed_tokens,
            "train_s": round(self.train_s, 3),
        }
        if self.before:
            figures["pass_at_1_before"] = _interval(self.before)
        if self.after:
            figures["pass_at_1"] = _interval(self.after)
            figures["mean_tokens"] = self.after.mean_tokens
            figures["truncated"] = self.after.truncated
        if gain := self.gain:
            figures["gain"] = {"mean": gain.mean, "low": gain.low, "high": gain.high}
        return figures

    @property
    def gain(self) -> Difference | None:
        """pass@1 after less before, on the prompts that both have."""
        if self.before is None or self.after is None:
            return None
        return curve.gain(self.before, self.after)

    def to_dict(self) -> dict[str, Any]:
        """As written to summary.json."""
        return {
            "run": self.run,
            "policy": self.policy,
            **_check_to_dict("before", self.before),
            **_check_to_dict("after", self.after),
            "heldout": self.after
            and {"prompts": self.after.prompts, "samples": self.after.samples},
            "gain": self.gain and asdict(self.gain),
            "checks": [
                {
                    "step": check.step,
                    "versions": check.versions,
                    "pass_at_1": check.pass_at_1,
                    "interval": [check.low, check.high],
                    "prompts": check.prompts,
                }
                for check in self.checks
            ],
            "steps": self.steps,
            "planned_steps": self.planned_steps,
            "epochs": round(self.epochs, 4),
            "wall_s": round(self.wall_s, 3),
            "train_s": round(self.train_s, 3),
            "consumed_tokens": self.consumed_tokens,
            "consumed_tokens_per_s": round(self.consumed_tokens / max(self.train_s, 1e-9), 1),
            "time": self.times_to_dict(),
            "resumes": self.resumes,
            **self.more_to_dict(),
            "notes": self.notes,
        }

    def places(self) -> list[str]:
        """Of the policy."""
        return [f"policy: {self.policy}"] if self.policy else []

    def table_rows(self) -> list[tuple[str, str]]:
        """pass@1 before and after, the run's length, and what the stage has beside."""
        rows = self.answer_rows()
        rows.append(("steps", f"{self.steps} in {self.train_s:.1f} s ({self.wall_s:.1f} s in all)"))
        rows += self.more_rows()
        if self.resumes:
            rows.append(("resumed", "once" if self.resumes == 1 else f"{self.resumes} times"))
        return rows

    def answer_rows(self) -> list[tuple[str, str]]:
        """pass@1 before and after; none where nothing answers."""
        rows = [("held-out pass@1 before", f"{self.before or 'not measured'}")]
        last = self.checks[-1] if self.checks else None
        if self.after is None and last and last.step:
            rows.append((f"held-out pass@1 at step {last.step}", f"{last}"))
        else:
            rows.append(("held-out pass@1 after", f"{self.after or 'not measured'}"))
        if self.after and (gain := self.gain):
            measured = f"{gain.problems} prompts x {self.after.samples}, paired, 95 % CI"
            rows.append(("gain", f"{gain} ({measured})"))
        return rows


def rate_row(consumed_tokens: int, train_s: float) -> tuple[str, str]:
    """A row of the tokens that were trained on."""
    rate = consumed_tokens / max(train_s, 1e-9)
    return "consumed tokens", f"{consumed_tokens:,} ({rate:,.0f}/s)"


def _interval(check: HeldOut) -> Figure:
    return {"mean": check.pass_at_1, "low": check.low, "high": check.high}


def _check_to_dict(when: str, check: HeldOut | None) -> dict[str, Any]:
    return {
        f"pass_at_1_{when}": check and check.pass_at_1,
        f"pass_at_1_{when}_interval": check and [check.low, check.high],
    }
