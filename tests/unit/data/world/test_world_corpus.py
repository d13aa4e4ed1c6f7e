"""What the tiny world's base has read: shares of manners, and the words that a tokenizer knows."""

import random
import statistics

import pytest

from rlsys.data.arithmetic import generate
from rlsys.data.world.chains import Manner, Speech, solution
from rlsys.data.world.corpus import read_reply, read_solution
from rlsys.data.world.requests import all_requests
from rlsys.data.world.words import pieces
from verifiers.base import Completion, Status
from verifiers.form.readable import ReadableVerifier
from verifiers.form.reasoning import ReasoningVerifier
from verifiers.form.world_judge import WorldJudge


def share(texts: list[str], is_so: object) -> float:
    return statistics.mean(map(is_so, texts))  # type: ignore[arg-type]


def mixes(text: str) -> bool:
    return ReadableVerifier().verify(Completion("", text, None)).components["one_language"] == 0


def test_few_solutions_are_complete_and_a_third_mixes_languages() -> None:
    rng = random.Random(0)
    texts = [read_solution(problem, 0.3, rng) for problem in generate(2000, 0)]
    assert 0.28 < share(texts, mixes) < 0.45
    hasty = share(texts, lambda text: "looks easy" in text or "很简单" in text)
    assert 0.45 < hasty < 0.7
    complete = [read_solution(problem, 1.0, rng) for problem in generate(500, 1)]
    assert 0.6 < share(complete, mixes) < 0.8

    def reasons(text: str) -> bool:
        return ReasoningVerifier().verify(Completion("1+1=?", text, None)).reward == 1.0

    assert share(complete, reasons) == 1.0


@pytest.mark.parametrize("good", [0.0, 0.5, 1.0])
def test_so_many_replies_are_good_as_asked_for(good: float) -> None:
    rng = random.Random(0)
    judge, readable = WorldJudge(), ReadableVerifier()
    right = []
    for request in all_requests():
        reply = read_reply(request, good, rng)
        completion = Completion(request.text, reply, None, {"request": request.properties})
        in_one = readable.verify(completion).components["one_language"]
        right.append(judge.verify(completion).status is Status.CORRECT and in_one == 1)
    assert abs(statistics.mean(right) - good) < 0.06


def test_the_pieces_hold_every_word_once_in_one_order() -> None:
    known = pieces()
    assert len(set(known)) == len(known)
    assert pieces() == known
    assert {"so the answer is ", "所以答案是", "apple", " apple", "，"} <= set(known)


def test_a_padded_chain_costs_tokens_and_the_pieces_cover_it() -> None:
    problem = generate(1, 0)[0]
    texts = [solution(problem, Manner(s, padded=True), random.Random(3)) for s in Speech]
    known = sorted(pieces(), key=len, reverse=True)
    for text in texts:
        for piece in known:
            text = text.replace(piece, "\0")
        assert all(one in "\0 0123456789+-*=.," for one in text), text
