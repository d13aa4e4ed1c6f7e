"""Solutions of the tiny world's problems: complete or not, in one language or mixed, padded or not.

All of them end in the right answer. A policy that has learned the steps gets it right where it
takes them, and guesses where it does not; language and padding change nothing about that.
"""

import random
from dataclasses import dataclass
from enum import Enum

from rlsys.data.arithmetic import Problem
from rlsys.data.world.languages import CHINESE, ENGLISH, LANGUAGES, Language
from rlsys.markup import ANSWER, END_ANSWER, END_THINK, THINK

_SWITCH = 0.4
"""How often a mixed chain goes on in the other language, sentence by sentence."""
_PADDING = 0.5
"""How often a padded chain says one thing more that does not help, after each of its sentences and
again after each padding."""
_MOST_PADDINGS = 6


class Speech(Enum):
    """In which language a chain is."""

    english = "english"
    chinese = "chinese"
    mixed = "mixed"
    """It changes at least once."""


@dataclass(frozen=True)
class Manner:
    """How a problem is solved."""

    speech: Speech
    skipped: int = 0
    """Steps at the chain's end that are not written down; all of them: the solution is hasty, and
    says so."""
    padded: bool = False


_Sentence = tuple[str, ...]
"""Its text in each of LANGUAGES."""


def solution(problem: Problem, manner: Manner, rng: random.Random) -> str:
    """The thinking and the right answer, inside their tags."""
    sentences = _sentences(problem, manner, rng)
    languages = _languages(manner.speech, len(sentences), rng)
    said = [one[LANGUAGES.index(of)] for one, of in zip(sentences, languages, strict=True)]
    thought = "".join(said).rstrip()
    return f"{THINK}{thought}{END_THINK}{ANSWER}{problem.answer}{END_ANSWER}"


def bare_solution(problem: Problem) -> str:
    """The answer without a chain."""
    return f"{THINK}{END_THINK}{ANSWER}{problem.answer}{END_ANSWER}"


def _sentences(problem: Problem, manner: Manner, rng: random.Random) -> list[_Sentence]:
    """In order, each in every language."""
    kept = problem.steps[: problem.difficulty - manner.skipped]
    sentences = [_said("plan", problem.difficulty)] if kept else [_said("guess")]
    paddings = 0
    for i, step in enumerate(kept):
        sentences.append(_said("then" if i else "first", step))
        while manner.padded and paddings < _MOST_PADDINGS and rng.random() < _PADDING:
            sentences.append(_padding(step.result, rng))
            paddings += 1
    sentences.append(_said("conclusion", problem.answer))
    return sentences


def _said(sentence: str, value: object = "") -> _Sentence:
    return tuple(getattr(one, sentence).format(value) for one in LANGUAGES)


def _padding(value: int, rng: random.Random) -> _Sentence:
    chosen = rng.randrange(len(ENGLISH.paddings))
    return tuple(one.paddings[chosen].format(value) for one in LANGUAGES)


def _languages(speech: Speech, count: int, rng: random.Random) -> list[Language]:
    """The language of each of `count` sentences, which are two at least."""
    if speech is not Speech.mixed:
        return [ENGLISH if speech is Speech.english else CHINESE] * count
    languages = [rng.choice(LANGUAGES)]
    while len(languages) < count:
        is_last_chance = len(languages) == count - 1 and len(set(languages)) == 1
        switches = is_last_chance or rng.random() < _SWITCH
        now = languages[-1]
        languages.append((CHINESE if now is ENGLISH else ENGLISH) if switches else now)
    return languages
