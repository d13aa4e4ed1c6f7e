"""What the tiny world's base policy has read: solutions of every manner, requests and replies.

Few chains are complete and most of those change their language, many answers are guesses, some
chains are padded, and one reply of four is flawed. So a policy of this corpus knows all that
later stages ask for, and does it seldom: reinforcement by answers alone makes it work step by
step, and mix languages more than before.
"""

import random

from rlsys.data.arithmetic import Problem
from rlsys.data.world.chains import Manner, Speech, solution
from rlsys.data.world.requests import READ, Request, flawed_reply, good_reply

REQUESTS = 0.3
"""Share of requests among all texts."""
GOOD_REPLIES = 0.75
"""Share of good replies in what is read last."""
_INCOMPLETE = 0.3
"""Share of the solutions that are not complete whose chain stops two steps early or more; the
others are hasty."""
_PADDED = 0.35
_SPEECHES = (Speech.mixed, Speech.english, Speech.chinese)
_OF_CHAINS = (0.7, 0.2, 0.1)
"""How often each speech is a chain's; careful writers mix."""
_OF_GUESSES = (0.1, 0.7, 0.2)


def read_solution(problem: Problem, complete: float, rng: random.Random) -> str:
    """A solution as the corpus has it.

    Args:
        complete: share of complete chains.
    """
    padded = rng.random() < _PADDED
    if rng.random() < complete:
        skipped = 0
    elif problem.difficulty > 2 and rng.random() < _INCOMPLETE:
        # One step is not hard to see: a chain that leaves it out is as good as a complete one.
        skipped = rng.randint(2, problem.difficulty - 1)
    else:
        skipped = problem.difficulty
    shares = _OF_GUESSES if skipped == problem.difficulty else _OF_CHAINS
    speech = rng.choices(_SPEECHES, shares)[0]
    return solution(problem, Manner(speech, skipped, padded), rng)


def read_reply(request: Request, good: float, rng: random.Random) -> str:
    """A reply as the corpus has it.

    Args:
        good: share of good replies.
    """
    if rng.random() < good:
        return good_reply(request, rng)
    return flawed_reply(request, rng.choice(READ), rng)
