"""The `thinking:` section: a thinking budget for each problem, and whether the policy is told."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from zipfile import is_zipfile

from rlsys.config.ranges import ranged
from rlsys.errors import ConfigError

BUDGET = "{budget}"
"""In an instruction, where the budget stands."""


class BudgetRule(Enum):
    """Where a problem's thinking budget comes from."""

    none = "none"
    """No budgets but sampling.max_reasoning_tokens."""
    random = "random"
    """Log-uniform over the range, fixed for each problem: what budget-conditioned training needs,
    so that a budget says nothing about its problem."""
    text = "text"
    """From the difficulty that the question's text suggests."""
    solve_rate = "solve_rate"
    """From the policy's own share of wrong completions so far; changes while training goes on."""
    regressor = "regressor"
    """From a regression on the policy's embeddings, fitted to measured solve rates."""


class ThinkingMode(Enum):
    """What stands between a prompt and its completion."""

    auto = "auto"
    """latent where the policy was trained so, which its config.json says; else words."""
    words = "words"
    """Nothing: whatever thinking there is, is in the completion."""
    latent = "latent"
    """`latents` hidden states that the policy feeds back to itself (rlsys/thinking/latents.py)."""


@dataclass
class ThinkingConfig:
    """How long training lets the policy think, and in what form."""

    budgets: BudgetRule = BudgetRule.none
    least: int = ranged(16, least=1)
    """Thinking tokens of the easiest problem."""
    most: int = ranged(4096, least=1)
    """Thinking tokens of the hardest problem."""
    enforced: bool = True
    """Close the thinking at the budget. false only asks for it: combine with in_prompt and a
    `budget` reward, as L1 does (arXiv:2503.04697)."""
    in_prompt: bool = False
    """Say the budget in the prompt, so that the policy can learn to keep it."""
    instruction: str = "Think for at most {budget} tokens."
    """How the prompt says it, on a line after the question."""
    no_think_share: float = ranged(0.0, least=0, most=1)
    """Share of the problems whose thinking is closed as soon as it opens, so that a policy learns
    to answer with and without thinking; they are told so where budgets are in the prompt."""
    regressor: str = ""
    """File of the fitted regression (`rlsys thinking fit`), for budgets=regressor."""
    mode: ThinkingMode = ThinkingMode.auto
    latents: int = ranged(0, least=0)
    """K, hidden states behind each prompt with mode=latent; they count in model.max_context. 0 is
    the same as mode=words, such as a curriculum's first stage, and a run says so."""

    @property
    def fed_back(self) -> int:
        """Hidden states that are fed back behind each prompt."""
        return self.latents if self.mode is ThinkingMode.latent else 0


def require_budget_in(instruction: str, where: str) -> None:
    """Raise ConfigError where an instruction has no place for the budget that it is to say."""
    if BUDGET not in instruction:
        raise ConfigError(
            f"{where}={instruction!r} does not hold {BUDGET}; nearest valid: "
            f"{f'{instruction} {BUDGET}'.strip()!r}"
        )


def validate(config: ThinkingConfig, max_tokens: int) -> None:
    """Raise ConfigError on a setting that cannot work or would have no effect."""
    if config.latents and config.mode is not ThinkingMode.latent:
        raise ConfigError(
            f"thinking.latents={config.latents} with thinking.mode={config.mode.name} has no "
            "effect; nearest valid: thinking.mode=latent"
        )
    if config.budgets is not BudgetRule.none and not 1 <= config.least <= config.most < max_tokens:
        raise ConfigError(
            f"thinking.least={config.least} and thinking.most={config.most}: need 1 <= least <= "
            f"most < sampling.max_tokens={max_tokens}; nearest valid: thinking.most="
            f"{max(1, max_tokens // 2)}"
        )
    if config.in_prompt and config.budgets in (BudgetRule.none, BudgetRule.solve_rate):
        raise ConfigError(
            f"thinking.in_prompt=true with thinking.budgets={config.budgets.name}: prompts are "
            "made before training, and need a budget that is known then; nearest valid: "
            "thinking.budgets=random"
        )
    if config.in_prompt:
        require_budget_in(config.instruction, "thinking.instruction")
    if not config.enforced and not config.in_prompt:
        raise ConfigError(
            "thinking.enforced=false: a budget that is neither enforced nor in the prompt has no "
            "effect; nearest valid: thinking.in_prompt=true"
        )
    # What it is fitted to is stored as numpy's archive, a zip file.
    if config.budgets is BudgetRule.regressor and not is_zipfile(config.regressor):
        state = "not a fitted regression" if Path(config.regressor).is_file() else "no such file"
        raise ConfigError(
            f"thinking.regressor={config.regressor!r}: {state}; `rlsys thinking fit` makes one"
        )
