"""How hard is a question, before anybody has answered it? Predictors of a number in [0, 1], and the
thinking budget that follows from it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_OPERATOR = re.compile(
    r"[-+*/^=<>≤≥≠∑∫√π]|\\(?:frac|sum|int|sqrt|prod|lim|binom|cdot|times|leq|geq)"
)
_LOGIC = re.compile(
    r"\b(?:if|then|only|every|each|all|none|no|exactly|at least|at most|prove|show that|suppose|"
    r"given|let|find|how many|probability|integer|prime|divisible|remainder|maximum|minimum|"
    r"sequence|recursive|complexity|algorithm|optimal|constraint|edge case)\b|"
    r"如果|那么|所有|任意|至少|至多|证明|求|多少|概率|整数|最大|最小|算法",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z]+|[\u4e00-\u9fff]")


class Predictor(Protocol):
    """Predicts how hard a question is."""

    def predict(self, prompt_id: str, question: str) -> float:
        """In [0, 1]: 0 needs no thought, 1 all there is."""
        ...


@dataclass(frozen=True)
class TextPredictor:
    """From the text alone: its length, and how dense numbers, operators and logical words are.

        difficulty = 1 - exp(-(words / 60 + operators / 6 + numbers / 8 + logic / 5))

    The scales are where each alone makes a question 63 % as hard as the hardest: 60 words are a
    GSM8K problem, six operators a formula of some size.
    """

    def predict(self, prompt_id: str, question: str) -> float:
        """See Predictor; the id plays no part."""
        found = {
            60.0: len(_WORD.findall(question)),
            6.0: len(_OPERATOR.findall(question)),
            8.0: len(_NUMBER.findall(question)),
            5.0: len(_LOGIC.findall(question)),
        }
        return 1.0 - math.exp(-sum(count / scale for scale, count in found.items()))


@dataclass
class SolveRatePredictor:
    """From what the policy itself made of the question so far: the share of wrong completions.

    A running mean with `memory` completions' weight, begun at the prior, so that one lucky group
    does not make a question easy. Questions never seen have the prior.
    """

    prior: float = 0.5
    memory: float = 16.0
    _rates: dict[str, float] = field(default_factory=dict)

    def observe(self, prompt_id: str, right: int, answers: int) -> None:
        """A group with this many verdicts."""
        if not answers:
            return
        before = self._rates.get(prompt_id, self.prior)
        weight = answers / (answers + self.memory)
        self._rates[prompt_id] = (1 - weight) * before + weight * (1 - right / answers)

    def predict(self, prompt_id: str, question: str) -> float:
        """See Predictor; the text plays no part."""
        return self._rates.get(prompt_id, self.prior)

    def state_dict(self) -> dict[str, float]:
        """For a checkpoint."""
        return dict(self._rates)

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on from a checkpoint."""
        self._rates = dict(state)


def budget(difficulty: float, least: int, most: int) -> int:
    """Thinking tokens for a difficulty: geometric from `least` to `most`, since what one more step
    of difficulty takes is a factor, not a sum.

        budget = least * (most / least) ** difficulty
    """
    share = min(1.0, max(0.0, difficulty))
    return round(max(1, least) * (most / max(1, least)) ** share) if most > least else most
