"""Thinking budgets of a run's problems: assigned before training, or by what training measures."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace

from rlsys.config.thinking import BUDGET, BudgetRule, ThinkingConfig
from rlsys.data.rows import ChatMessage, PromptKind, Row
from rlsys.data.templates import Prompt
from rlsys.thinking.difficulty import Predictor, SolveRatePredictor, TextPredictor, budget


class Budgets:
    """The budgets of one run.

    Args:
        predictor: for rules that predict; `predictor_for` makes it.
    """

    def __init__(self, config: ThinkingConfig, seed: int, predictor: Predictor | None) -> None:
        self.config, self.seed, self.predictor = config, seed, predictor

    def of(self, prompt_id: str, question: str) -> int | None:
        """Thinking tokens for a problem; None: no budget of its own, 0: no thinking."""
        config = self.config
        if config.no_think_share and self._uniform(prompt_id, "think") < config.no_think_share:
            return 0
        if config.budgets is BudgetRule.random:
            share = self._uniform(prompt_id, "budget")
            return round(
                math.exp((1 - share) * math.log(config.least) + share * math.log(config.most))
            )
        if self.predictor is None:
            return None
        return budget(self.predictor.predict(prompt_id, question), config.least, config.most)

    def _uniform(self, prompt_id: str, what: str) -> float:
        """In [0, 1), the same for a problem in every epoch and after a resume."""
        key = f"{self.seed}/{what}/{prompt_id}".encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) / 2**64


def with_instruction(row: Row, most: int | None, config: ThinkingConfig) -> Row:
    """The row with its budget said on a line after the question, where the run wants that. The bare
    question stays known: verifiers measure against it, and predictors are fitted to it."""
    if not config.in_prompt or most is None:
        return row
    last = row.messages[-1]
    # Not str.format: what a person writes may hold other braces, as in `\boxed{}`.
    line = config.instruction.replace(BUDGET, str(most))
    told = ChatMessage(role=last["role"], content=f"{last['content']}\n{line}")
    text = row.text if row.text is None or row.kind is PromptKind.TEXT else told["content"]
    info = {"question": last["content"]} | row.info
    return replace(row, messages=(*row.messages[:-1], told), text=text, info=info)


def with_budget(prompt: Prompt, most: int | None, config: ThinkingConfig) -> Prompt:
    """The prompt with its budget: enforced in sampling where the run wants that, and known to the
    verifiers either way."""
    if most is None:
        return prompt
    return replace(
        prompt,
        token_budget=most if config.enforced or most == 0 else None,
        info=json.dumps(json.loads(prompt.info) | {"thinking_budget": most}),
    )


def predictor_for(config: ThinkingConfig, model_path: str, rows: Sequence[Row]) -> Predictor | None:
    """What the run's rule predicts with; None for rules that do not.

    Args:
        rows: whose questions will be asked about, embedded at once where that is needed.
    """
    match config.budgets:
        case BudgetRule.text:
            return TextPredictor()
        case BudgetRule.solve_rate:
            return SolveRatePredictor()
        case BudgetRule.regressor:
            from rlsys.thinking.regressor import EmbeddingRegressor

            questions = [question_of(row) for row in rows]
            return EmbeddingRegressor.load(config.regressor, model_path, questions)
        case _:
            return None


def question_of(row: Row) -> str:
    """What is asked: the last message."""
    return row.messages[-1]["content"]
