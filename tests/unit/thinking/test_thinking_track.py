from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.markup import Part, parse
from rlsys.thinking.limits import Limits, extra_args, limits_of
from rlsys.thinking.track import Steering, Tags, tally
from tests.helpers.words import ONE, SEVERAL, WORDS, ids


def counts(*words: str, opened: bool = False) -> tuple[int, int]:
    found = tally(ONE, Limits(), opened, ids(*words))
    return found.thinking_tokens, found.answer_tokens


def test_the_tags_count_as_thinking() -> None:
    assert counts("<think>", "a", "b", "</think>", "a") == (4, 1)
    assert counts("a", "</think>", "b", "b", opened=True) == (2, 2)


def test_tags_of_several_tokens_count_whole_and_are_found_across_tokens() -> None:
    assert counts("a", "<", "think", ">", "b", "</", "think", ">", "a") == (7, 2)
    # `.</` ends a sentence and begins the tag; `think>4` ends the tag and begins the answer.
    assert counts("<think>", "a", ".</", "think>4", "b") == (4, 1)


def test_an_answer_without_tags_is_no_thinking_and_an_unclosed_block_is_nothing_else() -> None:
    assert counts("a", "b") == (0, 2)
    assert counts("a", "b", opened=True) == (2, 0)


@given(st.lists(st.integers(1, len(WORDS) - 1), max_size=14), st.booleans())
def test_a_closed_text_has_thinking_tokens_just_where_it_has_blocks(
    token_ids: list[int], opened: bool
) -> None:
    found = tally(ONE, Limits(), opened, token_ids)
    parsed = parse("".join(WORDS[i] for i in token_ids), opened)
    assert found.thinking_tokens + found.answer_tokens == len(token_ids)
    blocks = any(section.part is Part.THINKING for section in parsed.sections)
    assert (found.thinking_tokens > 0) is (blocks and bool(token_ids))


def write(tags: Tags, limits: Limits, wishes: Sequence[str], opened: bool) -> list[str]:
    """What a sampler writes that takes its wishes in turn, and `b` where a wish is forbidden."""
    steering = Steering(tags, limits, opened)
    written = []
    remaining = ids(*wishes)
    while remaining:
        directive = steering.next()
        if directive.forced is not None:
            token = directive.forced
        else:
            wish = remaining.pop(0)
            token = WORDS.index("b") if wish in directive.forbidden else wish
        steering.push(token)
        written.append(WORDS[token])
    return written


def test_at_the_upper_limit_the_closing_tag_is_written() -> None:
    written = write(ONE, Limits(most=3), ["<think>", "a", "a", "a", "b"], opened=False)
    assert written == ["<think>", "a", "a", "</think>", "a", "b"]
    written = write(SEVERAL, Limits(most=2), ["a", "a", "a", "b"], opened=True)
    assert written == ["a", "a", "</", "think", ">", "a", "b"]


def test_thinking_that_ends_by_itself_is_left_alone() -> None:
    wishes = ["<think>", "a", "</think>", "a", "a", "a"]
    assert write(ONE, Limits(most=5), wishes, opened=False) == wishes


def test_a_second_block_gets_no_budget_of_its_own() -> None:
    written = write(ONE, Limits(most=2), ["<think>", "a", "<think>", "b"], opened=False)
    assert written == ["<think>", "a", "</think>", "<think>", "</think>", "b"]


def test_before_the_lower_limit_neither_the_block_nor_the_answer_can_end() -> None:
    written = write(ONE, Limits(least=4), ["</think>", "<eos>", "a", "a", "</think>", "a"], True)
    assert written == ["b", "b", "a", "a", "</think>", "a"]


def test_a_tag_of_several_tokens_is_suppressed_where_it_would_be_complete() -> None:
    written = write(SEVERAL, Limits(least=9), ["a", ".</", "think>4", "</", "think", ">"], True)
    assert written == ["a", ".</", "b", "</", "think", "b"]


def test_forced_tokens_are_found_again_in_the_finished_answer() -> None:
    limits = Limits(most=2)
    written = write(SEVERAL, limits, ["a", "a", "a", "b"], opened=True)
    found = tally(SEVERAL, limits, True, ids(*written))
    assert found.forced == [False, False, True, True, True, False, False]
    assert (found.thinking_tokens, found.answer_tokens) == (5, 2)


@given(
    st.lists(st.integers(1, len(WORDS) - 1), max_size=14),
    st.booleans(),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_any_answer_keeps_its_limits_and_gives_its_forced_tokens_away(
    wishes: list[int], opened: bool, least: int, more: int
) -> None:
    limits = Limits(least + more, least)
    for tags in (ONE, SEVERAL):
        steering = Steering(tags, limits, opened)
        written, forced, remaining = [], [], list(wishes)
        while remaining:
            directive = steering.next()
            forced.append(directive.forced is not None)
            token = directive.forced
            if token is None:
                wish = remaining.pop(0)
                token = WORDS.index("b") if wish in directive.forbidden else wish
            steering.push(token)
            written.append(token)
        found = tally(tags, limits, opened, written)
        assert found.forced == forced
        sections = parse("".join(WORDS[i] for i in written), opened).sections
        blocks = sum(section.part is Part.THINKING for section in sections)
        # A block that opens beyond the limit is closed at once: its tags are all it has.
        assert found.thinking_tokens <= least + more + 7 * max(1, blocks)


def test_limits_that_make_no_sense_are_refused_before_the_request_is_queued() -> None:
    assert limits_of(extra_args(Limits(7, 2), True)) == Limits(7, 2)
    assert extra_args(Limits(), True) is None
    with pytest.raises(ValueError, match="max_reasoning_tokens=-1"):
        limits_of({"max_reasoning_tokens": -1})
    with pytest.raises(ValueError, match="min_reasoning_tokens=5 is above max_reasoning_tokens=4"):
        limits_of({"max_reasoning_tokens": 4, "min_reasoning_tokens": 5})
