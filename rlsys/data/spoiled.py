"""Solutions of the generated task that are spoiled on purpose: the worse side of a pair."""

import random
from dataclasses import replace

from rlsys.data.arithmetic import LARGEST_VALUE, Problem, careful_solution

_MISTAKES = (-2, -1, 1, 2)


def spoiled_solution(problem: Problem, rng: random.Random) -> str:
    """A chain that breaks off, or one with a wrong step, each as often as the other."""
    return cut_solution(problem, rng) if rng.random() < 0.5 else wrong_solution(problem, rng)


def cut_solution(problem: Problem, rng: random.Random) -> str:
    """The careful chain, broken off behind one of its steps: it comes to no answer."""
    last = rng.choice(problem.steps[:-1] or problem.steps)
    before, step, _ = careful_solution(problem).partition(str(last))
    return before + step


def wrong_solution(problem: Problem, rng: random.Random) -> str:
    """The careful chain with a mistake in one step, from which the others go on: its answer is
    another number."""
    at = rng.randrange(len(problem.steps))
    steps = list(problem.steps)
    results = [step.result for step in steps[at:]]
    # Within the task's values, so that no number shows by itself that it is wrong.
    fitting = [m for m in _MISTAKES if min(results) + m >= 0 and max(results) + m <= LARGEST_VALUE]
    off = rng.choice(fitting)
    steps[at] = replace(steps[at], result=steps[at].result + off)
    for i in range(at + 1, len(steps)):
        left, result = steps[i].left + off, steps[i].result + off
        steps[i] = replace(steps[i], left=left, result=result)
    return careful_solution(Problem(tuple(steps)))
