"""General requests of the tiny world, and replies with and without flaws."""

import random
import re
from collections import Counter

import pytest

from rlsys.data.arithmetic import Split
from rlsys.data.world.requests import Flaw, Request, all_requests, flawed_reply, good_reply
from rlsys.data.world.words import pieces
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


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_reply_looks_like_a_good_one_and_is_not(seed: int) -> None:
    rng = random.Random(seed)
    readable, words = ReadableVerifier(), set(pieces())
    for request in REQUESTS:
        reply = flawed_reply(request, Flaw.wrong, rng)
        verdict = judged(request, reply)
        assert verdict.status is Status.WRONG, reply
        assert verdict.components["harmless"] == 1.0
        assert readable.verify(Completion("", reply, None)).reward == 1.0
        assert set(re.findall("[a-z]+", reply)) <= words
        if request.kind == "list":
            assert reply.count(",") + 1 == request.properties["items"]["count"]


def test_a_wrong_list_repeats_an_item_or_names_one_of_another_kind_or_the_forbidden_one() -> None:
    request = next(r for r in REQUESTS if r.text == "list 3 fruits, no fig")
    rng = random.Random(0)
    said = [re.findall("[a-z]+", flawed_reply(request, Flaw.wrong, rng)) for _ in range(60)]
    fruits = set(request.properties["items"]["of"])
    assert any(len(set(items)) < 3 for items in said)
    assert any(set(items) - fruits for items in said)
    assert any("fig" in items for items in said)
