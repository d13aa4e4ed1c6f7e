"""The generated arithmetic task as the rows of a run."""

import random

from rlsys.data.arithmetic import SOURCE, Problem, Split, careful_solution, generate
from rlsys.data.demonstrations import Lesson
from rlsys.data.load import RunRows
from rlsys.data.pairs import Pair
from rlsys.data.rows import ChatMessage, PromptKind, Row, content_id
from rlsys.data.spoiled import spoiled_solution
from rlsys.errors import ConfigError

_FILE = "generated arithmetic"
_TRAIN = 4000
_HELD_OUT_SEED = 0
"""The held-out problems are the same for every seed of a run, so that runs can be compared."""


def generated_rows(held_out: int, seed: int) -> RunRows:
    """Training problems of this seed, and `held_out` held-out ones that no seed trains on.

    Raises:
        ConfigError: the task has fewer that are held out.
    """
    train = generate(_TRAIN, seed, Split.train)
    try:
        checks = generate(held_out, _HELD_OUT_SEED, Split.held_out)
    except ConfigError as error:
        raise ConfigError(f"data.holdout={held_out}: {error}") from error
    return RunRows(_rows(train), _rows(checks), ())


def generated_lessons(seed: int) -> list[Lesson]:
    """The training problems of this seed, each solved step by step."""
    problems = generate(_TRAIN, seed, Split.train)
    solutions = map(careful_solution, problems)
    return [Lesson(row, said) for row, said in zip(_rows(problems), solutions, strict=True)]


def generated_pairs(seed: int) -> list[Pair]:
    """The training problems of this seed, each solved step by step; the worse side breaks off, or
    has a wrong step."""
    rng = random.Random(f"{SOURCE} pairs {seed}")
    pairs = []
    for number, problem in enumerate(generate(_TRAIN, seed, Split.train), 1):
        asked = ChatMessage(role="user", content=problem.question)
        better, worse = (
            (asked, ChatMessage(role="assistant", content=said))
            for said in (careful_solution(problem), spoiled_solution(problem, rng))
        )
        pairs.append(Pair(SOURCE, _FILE, number, better, worse))
    return pairs


def _rows(problems: list[Problem]) -> list[Row]:
    rows = []
    for number, problem in enumerate(problems, 1):
        messages = (ChatMessage(role="user", content=problem.question),)
        expected = str(problem.answer)
        rows.append(
            Row(
                prompt_id=content_id(SOURCE, messages, expected),
                source=SOURCE,
                # The policy was warmed up on bare questions: a template would be new to it.
                kind=PromptKind.CONVERSATION,
                messages=messages,
                text=None,
                expected=expected,
                info={},
                difficulty=float(problem.difficulty),
                file=_FILE,
                number=number,
            )
        )
    return rows
