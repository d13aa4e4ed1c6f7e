"""What the local policy is shown before it is reinforced: solved problems as demonstrations."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rlsys.config.local_policy import Corpus, LocalPolicyConfig
from rlsys.data import arithmetic
from rlsys.data.arithmetic import SOURCE, Problem, Split
from rlsys.data.demonstrations import Demonstration
from rlsys.data.world import corpus
from rlsys.data.world.requests import Request, all_requests
from rlsys.markup import END_THINK

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Draw = Callable[[random.Random], Demonstration]

_HABIT_SHARE = 0.2
"""Part of the warm start, at its end, in which config.careful_share rules."""
_CAREFUL_LESSONS = 0.9
_UNTOLD = 0.3
"""Share of the lessons with budgets whose question comes without one."""
_NO_THOUGHT = 0.08
"""Share of the budgets that are 0."""
_BUDGETS = (4, 40)
"""Thinking tokens: from the shortest chain that helps to more than the longest one needs."""
_OBEDIENT = 0.5
"""Share of the budgets that decide how the problem is solved: so much that a policy knows what the
line is about, so little that keeping to it is left to learn."""
_MANNERS = (
    arithmetic.careful_solution,
    arithmetic.brief_solution,
    arithmetic.bare_solution,
)
"""From the longest chain to none at all."""
_SHARES = (0.5, 0.4, 0.1)
"""How often chance chooses each. Most lessons have to be chains: with equal shares, chains were
right hardly more often than answers without any."""


def demonstrations(
    config: LocalPolicyConfig, tokenizer: PreTrainedTokenizerBase, seed: int
) -> Draw:
    """What draws a demonstration: a training problem, solved in one of several manners; of the
    world, a general request as well."""
    problems = arithmetic.generate(config.problems, seed)
    if config.corpus is Corpus.world:
        return _of_world(problems, config, tokenizer)
    if config.budget_line:
        return _with_budgets(problems, config.budget_line, tokenizer)
    return _by_habit(problems, config, tokenizer)


def _by_habit(
    problems: list[Problem], config: LocalPolicyConfig, tokenizer: PreTrainedTokenizerBase
) -> Draw:
    """First the lessons, nearly all careful, then the habit, config.careful_share of them: so the
    policy knows how to work carefully, whatever share of its answers do. Mixed throughout, a small
    share left too few lessons to learn from: pass@1 stayed below 0.4 in 60 steps.
    """
    shares = _shares(config, config.careful_share)

    def draw(rng: random.Random) -> Demonstration:
        problem = rng.choice(problems)
        careful = rng.random() < next(shares)
        solve = arithmetic.careful_solution if careful else arithmetic.hasty_solution
        return _example(problem.question, solve(problem), tokenizer)

    return draw


def _shares(config: LocalPolicyConfig, habit: float) -> Iterator[float]:
    """Of each demonstration in turn: how likely it is as good as it should be."""
    lessons = math.ceil((1.0 - _HABIT_SHARE) * config.steps * config.batch_size)
    return itertools.chain(itertools.repeat(_CAREFUL_LESSONS, lessons), itertools.repeat(habit))


def _of_world(
    problems: list[Problem], config: LocalPolicyConfig, tokenizer: PreTrainedTokenizerBase
) -> Draw:
    """Problems and requests as the corpus has them, kinds of requests alike often: first nearly all
    solutions are complete and replies good, then few solutions are, and half of the replies."""
    kinds: dict[str, list[Request]] = {}
    for request in all_requests():
        if request.split is Split.train:
            kinds.setdefault(request.kind, []).append(request)
    complete, good = _shares(config, config.careful_share), _shares(config, corpus.GOOD_REPLIES)

    def draw(rng: random.Random) -> Demonstration:
        problem, request = rng.choice(problems), rng.choice(kinds[rng.choice(list(kinds))])
        solution = corpus.read_solution(problem, next(complete), rng)
        reply = corpus.read_reply(request, next(good), rng)
        if rng.random() < corpus.REQUESTS:
            return _example(request.text, reply, tokenizer)
        return _example(problem.question, solution, tokenizer)

    return draw


def _with_budgets(problems: list[Problem], line: str, tokenizer: PreTrainedTokenizerBase) -> Draw:
    """Chains of every length, most of them under a thinking budget that the question says.

    Half of the budgets choose the longest chain that fits; under the others the chain is a matter
    of chance, and is closed where the budget ends, as a sampler that enforces it does. So budgets
    and cut chains are known, and which chain a budget is best spent on is left to learn.
    """

    def draw(rng: random.Random) -> Demonstration:
        problem = rng.choice(problems)
        solution = rng.choices(_MANNERS, _SHARES)[0](problem)
        if rng.random() < _UNTOLD:
            return _example(problem.question, solution, tokenizer)
        budget = _budget(rng)
        if rng.random() < _OBEDIENT:
            fitting = (solve(problem) for solve in _MANNERS)
            solution = next(s for s in fitting if _thought(s, tokenizer) <= max(budget, 1))
        asked = f"{problem.question}\n{line.format(budget=budget)}"
        return _example(asked, solution, tokenizer, budget)

    return draw


def _budget(rng: random.Random) -> int:
    if rng.random() < _NO_THOUGHT:
        return 0
    least, most = _BUDGETS
    return round(math.exp(rng.uniform(math.log(least), math.log(most))))


def _thought(solution: str, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens of the thinking up to its closing tag."""
    return len(tokenizer.encode(solution.partition(END_THINK)[0]))


def _example(
    asked: str, solution: str, tokenizer: PreTrainedTokenizerBase, budget: int | None = None
) -> Demonstration:
    """What is asked, and what is said to it; thinking is closed after `budget` tokens, where that
    is said. The tag that opens it comes always."""
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": asked}], tokenize=False)
    thinking, closing, answer = solution.partition(END_THINK)
    thought = tokenizer.encode(thinking)
    if budget is not None:
        thought = thought[: max(budget, 1)]
    said = tokenizer.encode(closing + answer + str(tokenizer.eos_token))
    return Demonstration(SOURCE, tuple(tokenizer.encode(prompt)), (*thought, *said))
