"""The tiny world's data by name: `world:PART` for training, `world:PART:test` held out.

They are files like any other, written into the user's cache when they are first asked for, so a
name of them serves wherever a data file does. The same names give the same bytes anywhere.
"""

import hashlib
import itertools
import json
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rlsys.data.arithmetic import Problem, Split, generate
from rlsys.data.world.chains import Manner, Speech, bare_solution, solution
from rlsys.data.world.requests import (
    READ,
    Flaw,
    Request,
    all_requests,
    flawed_reply,
    good_reply,
)
from rlsys.disk import disk_errors
from rlsys.errors import DataError, instead

PREFIX = "world:"
CACHE = Path("~/.cache/rlsys/world")
VERSION = 2
"""Counts changes of the world that change its texts."""
SEED = 0
_PROBLEMS: Mapping[Split, int] = MappingProxyType({Split.train: 4000, Split.held_out: 512})
_REWRITTEN = 160
"""Problems whose solutions somebody has rewritten: few, as people's work is."""
_WRONG = 1600
"""Pairs of each kind of request whose worse side is good but for one thing. To find that, two words
have to be compared, which a reward model learns from many pairs alone: after 1,600 of greetings it
told 0.94 of others apart, after a few hundred none."""
_SPLITS: Mapping[str, Split] = MappingProxyType({"train": Split.train, "test": Split.held_out})

RowOf = dict[str, Any]


def is_part(path: str | Path) -> bool:
    """Whether a path names a part of the world, right or wrong."""
    return str(path).startswith(PREFIX)


def world_file(name: str | Path) -> Path:
    """The file of a part, as in `world:reasoning:test`; written unless it is there.

    Raises:
        DataError: there is no such part, or no such split.
    """
    part, _, split = str(name).removeprefix(PREFIX).partition(":")
    if part not in PARTS:
        raise DataError(f"{name}: the tiny world has no part {part!r}{instead(part, PARTS)}")
    if split and split not in _SPLITS:
        raise DataError(f"{name}: a part has no split {split!r}{instead(split, _SPLITS)}")
    text = _text(part, _SPLITS[split or "train"])
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    file = CACHE.expanduser() / digest / f"{part}_{split or 'train'}.jsonl"
    if not file.is_file():
        # By a name of this process' own: others may write the same bytes at the same time.
        new = file.with_name(f".{os.getpid()}-{file.name}")
        with disk_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            new.replace(file)
    return file


@cache
def _text(part: str, split: Split) -> str:
    """Of a part's file: a recipe has some for many of its stages."""
    rows = part_rows(part, split)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def part_rows(part: str, split: Split, seed: int = SEED) -> list[RowOf]:
    """The rows of a part; equal arguments give equal rows."""
    rng = random.Random(f"world {VERSION} {part} {split.value} {seed}")
    return list(PARTS[part](split, seed, rng))


def _reasoning(split: Split, seed: int, rng: random.Random) -> Iterator[RowOf]:
    """Problems with their answers, for reinforcement and evaluation."""
    for problem in _problems(split, seed):
        yield {"messages": [_asks(problem.question)]} | _answer(problem)


def _chains(split: Split, seed: int, rng: random.Random) -> Iterator[RowOf]:
    """Complete chains in English without padding: how a problem should be solved."""
    for problem in _problems(split, seed):
        said = solution(problem, Manner(Speech.english), rng)
        yield {"messages": [_asks(problem.question), _says(said)]} | _answer(problem)


def _rewritten(split: Split, seed: int, rng: random.Random) -> Iterator[RowOf]:
    """A few of the chains, as people would rewrite those of a policy."""
    return itertools.islice(_chains(split, seed, rng), _REWRITTEN)


def _answers(split: Split, seed: int, rng: random.Random) -> Iterator[RowOf]:
    """The answers of the same problems, without chains."""
    for problem in _problems(split, seed):
        said = bare_solution(problem)
        yield {"messages": [_asks(problem.question), _says(said)]} | _answer(problem)


def _general(split: Split, seed: int, rng: random.Random) -> Iterator[RowOf]:
    """Requests, with the properties of a good reply for the verifier `requests`."""
    for request in _requests(split, rng):
        yield {"messages": [_asks(request.text)], "source": "general"} | _properties(request)


def _replies(split: Split, seed: int, rng: random.Random) -> Iterator[RowOf]:
    """Requests with good replies."""
    for request in _requests(split, rng):
        turns = [_asks(request.text), _says(good_reply(request, rng))]
        yield {"messages": turns, "source": "general"} | _properties(request)


def _pairs(split: Split, seed: int, rng: random.Random) -> Iterator[RowOf]:
    """Requests with a good reply and a flawed one of each kind: helpful over unhelpful, harmless
    over harmful, one language over two, and many times right over wrong."""
    requests = _requests(split, rng)
    sizes = Counter(request.kind for request in requests)
    for request in requests:
        wrong = math.ceil(_WRONG / sizes[request.kind]) if split is Split.train else 1
        for flaw in (*READ, *[Flaw.wrong] * wrong):
            yield {
                "prompt": [_asks(request.text)],
                "chosen": good_reply(request, rng),
                "rejected": flawed_reply(request, flaw, rng),
                "flaw": flaw.value,
                "source": "general",
            }


PARTS: Mapping[str, Callable[[Split, int, random.Random], Iterator[RowOf]]] = MappingProxyType(
    {
        "reasoning": _reasoning,
        "chains": _chains,
        "rewritten": _rewritten,
        "answers": _answers,
        "general": _general,
        "replies": _replies,
        "pairs": _pairs,
    }
)


def _problems(split: Split, seed: int) -> list[Problem]:
    return generate(_PROBLEMS[split], seed, split)


def _requests(split: Split, rng: random.Random) -> list[Request]:
    """All of the split, in an order of their own."""
    found = [request for request in all_requests() if request.split is split]
    rng.shuffle(found)
    return found


def _asks(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _says(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _answer(problem: Problem) -> RowOf:
    return {"answer": problem.answer, "level": problem.difficulty, "source": "reasoning"}


def _properties(request: Request) -> RowOf:
    return {"request": request.properties}
