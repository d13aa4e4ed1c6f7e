"""The automaton on a device says what Steering, one answer at a time, says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsys.thinking.automaton import Automaton, Completions
from rlsys.thinking.limits import Limits
from rlsys.thinking.track import Steering, Tags
from tests.helpers.words import ONE, SEVERAL, WORDS

WIDTH = len(WORDS) + 3
"""Logits are often wider than the vocabulary."""
AUTOMATA = {id(tags): Automaton.of(tags, WIDTH, torch.device("cpu")) for tags in (ONE, SEVERAL)}
LIMITS = st.builds(
    lambda most, gap: Limits(most, max(0, (most or 12) - gap)),
    st.none() | st.integers(0, 12),
    st.integers(0, 12),
)
ANSWER = st.tuples(LIMITS, st.booleans(), st.lists(st.integers(1, WIDTH - 1), max_size=30))


def directed(steering: Steering) -> torch.Tensor:
    """Logits of zeros after what Steering says."""
    logits = torch.zeros(WIDTH)
    directive = steering.next()
    if directive.forced is not None:
        logits[:] = -torch.inf
        logits[directive.forced] = 0.0
    elif directive.forbidden:
        logits[list(directive.forbidden)] = -torch.inf
    return logits


def steered(answers: Completions, places: torch.Tensor, limits: list[Limits]) -> torch.Tensor:
    logits = torch.zeros(len(limits), WIDTH)
    most = torch.tensor([2**62 if limit.most is None else limit.most for limit in limits])
    answers.steer(logits, places, most, torch.tensor([limit.least for limit in limits]))
    return logits


@pytest.mark.parametrize("tags", [ONE, SEVERAL], ids=["one token", "several tokens"])
@given(st.lists(ANSWER, min_size=1, max_size=4))
def test_a_batch_is_steered_as_each_of_its_answers_alone(
    tags: Tags, asked: list[tuple[Limits, bool, list[int]]]
) -> None:
    answers = Completions(AUTOMATA[id(tags)], 9)
    places = torch.tensor([7, 2, 5, 0][: len(asked)])
    limits = [limit for limit, _, _ in asked]
    alone = [Steering(tags, limit, opened) for limit, opened, _ in asked]
    answers.begin(places, torch.tensor([opened for _, opened, _ in asked]))
    for step in range(max(len(wishes) for _, _, wishes in asked) + 1):
        logits = steered(answers, places, limits)
        for row, steering in enumerate(alone):
            assert torch.equal(logits[row], directed(steering)), (row, step)
        wishes = [ids[step] if step < len(ids) else None for _, _, ids in asked]
        # Forced where something is forced, else the wish, forbidden or not: both must count alike.
        tokens = [
            int(row.argmax()) if torch.isinf(row).sum() == WIDTH - 1 else wish or 0
            for row, wish in zip(logits, wishes, strict=True)
        ]
        valid = [wish is not None for wish in wishes]
        answers.push(places, torch.tensor(tokens), torch.tensor(valid))
        for steering, token, counts in zip(alone, tokens, valid, strict=True):
            if counts:
                steering.push(token)


@given(ANSWER, st.integers(0, 30))
def test_an_answer_that_is_taken_up_again_goes_on_as_if_it_had_never_stopped(
    asked: tuple[Limits, bool, list[int]], stop: int
) -> None:
    limits, opened, wishes = asked
    places = torch.tensor([3])
    through, again = (Completions(AUTOMATA[id(SEVERAL)], 4) for _ in range(2))
    through.begin(places, torch.tensor([opened]))
    written = []
    for wish in wishes[:stop]:
        logits = steered(through, places, [limits])[0]
        forced = torch.isinf(logits).sum() == WIDTH - 1
        written.append(int(logits.argmax()) if forced else wish)
        through.push(places, torch.tensor(written[-1:]), torch.tensor([True]))
    again.resume(3, Steering(SEVERAL, limits, opened), written)
    for wish in [*wishes[stop:], 1, 1]:
        expected = steered(through, places, [limits])
        assert torch.equal(steered(again, places, [limits]), expected)
        for answers in (through, again):
            answers.push(places, torch.tensor([wish]), torch.tensor([True]))


def test_a_large_vocabulary_is_read_in_moments_since_few_of_its_tokens_touch_a_tag() -> None:
    pieces = tuple(f"{'ank<th>'[i % 7]}{i}" for i in range(150_000))
    tags = Tags(pieces, (1,), tuple(frozenset() for _ in range(8)), frozenset([0]))
    automaton = Automaton.of(tags, 151_936, torch.device("cpu"))
    assert automaton.following.shape == (15, 151_936)
    assert automaton.following[0, 4] == 0  # `t4` opens nothing from nowhere
    assert automaton.following[1, 4] == 0  # nor after `<`: `<t4`
