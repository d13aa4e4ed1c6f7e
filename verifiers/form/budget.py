"""Did the thinking keep to its budget?"""

from dataclasses import dataclass, field

from rlsys.config.ranges import ranged
from verifiers.base import Completion, Status, Verdict


@dataclass
class BudgetVerifier:
    """Reward 1 within the budget, falling linearly with the overrun to 0 (L1-Max,
    arXiv:2503.04697, with the linear form):

        reward = clip(1 - (thinking - budget) / (tolerance * budget), 0, 1)

    As a gate it takes the other rewards away; with a weight it pays for brevity alone, which a
    policy can earn without an answer. A completion without a budget has reward 1.
    """

    tolerance: float = ranged(0.5, above=0)
    """Overrun, as a share of the budget, at which the reward is 0."""
    name: str = field(default="budget", init=False)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the length of the thinking; the answer does not matter."""
        budget = completion.info.get("thinking_budget")
        if budget is None:
            return Verdict(1.0, Status.CORRECT, "no budget")
        over = completion.reasoning_tokens - budget
        if over <= 0:
            return Verdict(1.0, Status.CORRECT)
        reward = max(0.0, 1.0 - over / (self.tolerance * max(1, budget)))
        return Verdict(reward, Status.WRONG, f"{over} thinking tokens over the budget of {budget}")

    def self_test(self) -> list[tuple[Completion, float]]:
        """Within, over by a quarter of the budget, and far over."""

        def case(used: int, info: dict[str, int]) -> Completion:
            return Completion("", "", None, info, reasoning_tokens=used)

        budget = {"thinking_budget": 100}
        quarter = int(100 * (1 + self.tolerance / 2))
        expected = 1 - (quarter - 100) / (self.tolerance * 100)
        return [
            (case(100, budget), 1.0),
            (case(quarter, budget), expected),
            (case(100_000, budget), 0.0),
            (case(100_000, {}), 1.0),
        ]
