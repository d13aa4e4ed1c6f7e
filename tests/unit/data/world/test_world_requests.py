"""General requests of the tiny world, and replies with and without flaws."""

import random
from collections import Counter

import pytest

from rlsys.data.arithmetic import Split
from rlsys.data.world.requests import Flaw, Request, all_requests, flawed_reply, good_reply
from verifiers.base import Completion, Status, Verdict
from verifiers.form.readable import ReadableVerifier
from verifiers.form.world_judge import WorldJudge

REQUESTS = all_requests()


def judged(request: Request, reply: str) -> Verdict:
    return WorldJudge().verify(
        Completion(request.text, reply, None, {"request": request.properties})
    )


def test_each_request_is_there_once_and_every_kind_is_held_out_too() -> None:
    assert len({request.text for request in REQUESTS}) == len(REQUESTS)
    held_out = Counter(request.kind for request in REQUESTS if request.split is Split.held_out)
    assert set(held_out) == {request.kind for request in REQUESTS}
    assert min(held_out.values()) >= 10
    assert 1 / 12 < held_out.total() / len(REQUESTS) < 1 / 6


@pytest.mark.parametrize("seed", range(3))
def test_good_replies_get_full_marks_and_are_in_one_language(seed: int) -> None:
    rng = random.Random(seed)
    for request in REQUESTS:
        reply = good_reply(request, rng)
        assert judged(request, reply).status is Status.CORRECT, reply
        assert ReadableVerifier().verify(Completion("", reply, None)).reward == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_flaw_costs_the_mark_that_it_is_named_for(seed: int) -> None:
    rng = random.Random(seed)
    readable = ReadableVerifier()
    for request in REQUESTS:
        unhelpful = judged(request, flawed_reply(request, Flaw.unhelpful, rng))
        assert unhelpful.components["helpful"] < 0.7
        assert judged(request, flawed_reply(request, Flaw.harmful, rng)).components["harmless"] == 0
        mixed = Completion("", flawed_reply(request, Flaw.mixed, rng), None)
        assert readable.verify(mixed).components["one_language"] == 0.0
