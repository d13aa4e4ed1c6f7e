"""A generated reasoning task: chains of small sums, each with its chain of thought.

A question is `7*2+5-6=?`. Only the first operation may be a product, so that working from left to
right is also the usual order of operations, and no value on the way leaves 0 to 20: a small model
learns the two hundred sums in a minute, but cannot see the result of several at once. Whoever
works step by step mostly gets it right and whoever guesses mostly does not, which makes thinking
worth its tokens.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rlsys.errors import ConfigError
from rlsys.markup import ANSWER, END_ANSWER, END_THINK, THINK

VERSION = 1
"""Counts changes of the task that change its problems or solutions."""
SOURCE = "arithmetic"
LEVELS = (2, 3, 4)
LARGEST_VALUE = 20
LARGEST_OPERAND = 5

_PRODUCT_SHARE = 0.3
_HELD_OUT_SHARE = 8
_FAILED_DRAWS = 5000

WORDS = (
    THINK,
    END_THINK,
    ANSWER,
    END_ANSWER,
    "we need ",
    " steps. first ",
    ". then ",
    "this looks easy",
    ". so the answer is ",
)
"""The texts that all solutions share: a tokenizer may hold each as one token."""


class Split(Enum):
    """Which half of the task a problem belongs to: a hash of its question decides."""

    train = "train"
    held_out = "held_out"


@dataclass(frozen=True)
class Step:
    """One operation on the value so far."""

    left: int
    operator: str
    right: int
    result: int

    def __str__(self) -> str:
        return f"{self.left}{self.operator}{self.right}={self.result}"


@dataclass(frozen=True)
class Problem:
    """A question and the steps that answer it."""

    steps: tuple[Step, ...]

    @property
    def question(self) -> str:
        """As in `7*2+5-6=?`."""
        rest = "".join(f"{step.operator}{step.right}" for step in self.steps)
        return f"{self.steps[0].left}{rest}=?"

    @property
    def answer(self) -> str:
        """The last value, in decimal digits."""
        return str(self.steps[-1].result)

    @property
    def difficulty(self) -> int:
        """The number of steps."""
        return len(self.steps)


def generate(
    num: int, seed: int, split: Split = Split.train, levels: Sequence[int] = LEVELS
) -> list[Problem]:
    """Draw `num` distinct problems, the levels (numbers of steps) in turn.

    Equal arguments give equal problems. No problem of one split is in the other, whatever the
    seeds.

    Raises:
        ConfigError: a level is below 1, or has too few distinct problems.
    """
    if not levels or min(levels) < 1:
        raise ConfigError(f"levels {list(levels)}: a problem has at least 1 step")
    rng = random.Random(f"{SOURCE} {VERSION} {split.value} {seed}")
    problems: dict[str, Problem] = {}
    while len(problems) < num:
        level = levels[len(problems) % len(levels)]
        problem = _draw_new(rng, level, split, problems)
        if problem is None:
            have = sum(one.difficulty == level for one in problems.values())
            raise ConfigError(
                f"{num} arithmetic problems are too many: level {level} has hardly more than "
                f"{have} distinct ones for {split.value}; nearest valid: {len(problems)}"
            )
        problems[problem.question] = problem
    return list(problems.values())


def split_of(question: str) -> Split:
    """The split of a question: one in eight is held out."""
    digest = hashlib.blake2b(question.encode(), digest_size=8).digest()
    return Split.train if int.from_bytes(digest) % _HELD_OUT_SHARE else Split.held_out


def careful_solution(problem: Problem) -> str:
    """The chain of thought that names its plan, takes each step and concludes."""
    first, *rest = [str(step) for step in problem.steps]
    chain = "".join(f". then {step}" for step in rest)
    thought = f"we need {problem.difficulty} steps. first {first}{chain}"
    return _conclude(thought, problem.answer)


def brief_solution(problem: Problem) -> str:
    """Only the value after each step: a third of the careful chain's tokens, but the model has to
    find the operation that comes next by itself."""
    values = ",".join(str(step.result) for step in problem.steps)
    return _answered(values, problem.answer)


def hasty_solution(problem: Problem) -> str:
    """The right answer without the steps to it: what a model learns from it is to guess."""
    return _conclude("this looks easy", problem.answer)


def bare_solution(problem: Problem) -> str:
    """The right answer without any thinking."""
    return _answered("", problem.answer)


def _conclude(thought: str, answer: str) -> str:
    return _answered(f"{thought}. so the answer is {answer}.", answer)


def _answered(thought: str, answer: str) -> str:
    return f"{THINK}{thought}{END_THINK}{ANSWER}{answer}{END_ANSWER}"


def _draw_new(
    rng: random.Random, level: int, split: Split, known: dict[str, Problem]
) -> Problem | None:
    """None where hardly any is left."""
    for _ in range(_FAILED_DRAWS):
        problem = _draw(rng, level)
        if problem.question not in known and split_of(problem.question) is split:
            return problem
    return None


def _draw(rng: random.Random, level: int) -> Problem:
    if rng.random() < _PRODUCT_SHARE:
        left = rng.randint(2, LARGEST_OPERAND)
        right = rng.randint(2, max(2, min(LARGEST_OPERAND, LARGEST_VALUE // left)))
        steps = [Step(left, "*", right, left * right)]
    else:
        steps = [_draw_sum(rng, rng.randint(1, LARGEST_VALUE))]
    while len(steps) < level:
        steps.append(_draw_sum(rng, steps[-1].result))
    return Problem(tuple(steps))


def _draw_sum(rng: random.Random, value: int) -> Step:
    up = min(LARGEST_OPERAND, LARGEST_VALUE - value)
    down = min(LARGEST_OPERAND, value)
    if rng.randint(1, up + down) <= up:
        operand = rng.randint(1, up)
        return Step(value, "+", operand, value + operand)
    operand = rng.randint(1, down)
    return Step(value, "-", operand, value - operand)
